/**
 * Transport headers in the order and spelling they came, looked up without regard to case. Most messages have a dozen:
 * a flat array of alternating names and values beats a map.
 */
export class HeaderMap {
  #flat: string[]

  /** Takes over `flat` (name, value, name, value …); it must not be changed afterwards. */
  constructor(flat: string[] = []) {
    this.#flat = flat
  }

  static of(entries: Readonly<Record<string, string>>): HeaderMap {
    const flat: string[] = []
    for (const [name, value] of Object.entries(entries)) flat.push(name, value)
    return new HeaderMap(flat)
  }

  /** The first value of that name. */
  get(name: string): string | undefined {
    const index = this.#find(name, 0)
    return index < 0 ? undefined : this.#flat[index + 1]
  }

  /** Every value of that name, in order. */
  all(name: string): string[] {
    const values: string[] = []
    for (let at = this.#find(name, 0); at >= 0; at = this.#find(name, at + 2)) values.push(this.#flat[at + 1]!)
    return values
  }

  has(name: string): boolean {
    return this.#find(name, 0) >= 0
  }

  /** Replaces every value of that name; keeps the place and spelling of the first. */
  set(name: string, value: string): void {
    const index = this.#find(name, 0)
    if (index < 0) {
      this.#flat.push(name, value)
      return
    }
    this.#flat[index + 1] = value
    for (let at = this.#find(name, index + 2); at >= 0; at = this.#find(name, at)) this.#flat.splice(at, 2)
  }

  append(name: string, value: string): void {
    this.#flat.push(name, value)
  }

  /** True if there was one. */
  delete(name: string): boolean {
    let found = false
    for (let at = this.#find(name, 0); at >= 0; at = this.#find(name, at)) {
      this.#flat.splice(at, 2)
      found = true
    }
    return found
  }

  clear(): void {
    this.#flat = []
  }

  get size(): number {
    return this.#flat.length / 2
  }

  /** Name, value, name, value …; read only. */
  get flat(): readonly string[] {
    return this.#flat
  }

  *[Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    for (let at = 0; at < this.#flat.length; at += 2) yield [this.#flat[at]!, this.#flat[at + 1]!]
  }

  clone(): HeaderMap {
    return new HeaderMap([...this.#flat])
  }

  #find(name: string, from: number): number {
    const flat = this.#flat
    const length = name.length
    let lower: string | undefined
    for (let at = from; at < flat.length; at += 2) {
      const candidate = flat[at]!
      if (candidate.length !== length) continue
      if (candidate === name) return at
      lower ??= name.toLowerCase()
      if (candidate.toLowerCase() === lower) return at
    }
    return -1
  }
}
