interface Entry<T> {
  readonly value: T
  readonly slot: number
  state: 'waiting' | 'leased' | 'gone'
  previous: Entry<T> | null
  next: Entry<T> | null
}

/** One value on loan. After `remove` or `release` it can do nothing any more. */
export interface Loan<T> {
  readonly value: T
  remove(): void
  /** Gives it back to its place in the order. */
  release(): void
}

/**
 * First in, first out, with loans: what is on loan keeps its place until it is removed or given back. Every operation
 * costs the same however many values wait.
 */
export class LeaseQueue<T> {
  #first: Entry<T> | null = null
  #last: Entry<T> | null = null
  /** No entry before this one is waiting. */
  #cursor: Entry<T> | null = null
  #slot = 0
  #held = 0
  #waiting = 0
  readonly #listeners = new Set<() => void>()

  /** Values in the queue, those on loan included. */
  get held(): number {
    return this.#held
  }

  get waiting(): number {
    return this.#waiting
  }

  push(value: T): void {
    const entry: Entry<T> = { value, slot: ++this.#slot, state: 'waiting', previous: this.#last, next: null }
    if (this.#last) this.#last.next = entry
    else this.#first = entry
    this.#last = entry
    this.#cursor ??= entry
    this.#held++
    this.#waiting++
    this.#announce()
  }

  /** The oldest value that is not on loan. */
  lease(): Loan<T> | null {
    let entry = this.#cursor
    while (entry && entry.state !== 'waiting') entry = entry.next
    this.#cursor = entry?.next ?? null
    if (!entry) return null
    entry.state = 'leased'
    this.#waiting--
    const leased = entry
    // The entry may be on loan again by the time a loan that has ended is used once more: only the open one counts.
    let open = true
    const end = (how: (entry: Entry<T>) => void): void => {
      if (!open) return
      open = false
      how(leased)
    }
    return {
      value: entry.value,
      remove: () => end(entry => this.#remove(entry)),
      release: () => end(entry => this.#release(entry)),
    }
  }

  /** Calls back whenever values became available. */
  onWaiting(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Oldest first. The queue may change meanwhile. */
  *entries(): Generator<{ readonly value: T; readonly onLoan: boolean }> {
    for (let entry = this.#first; entry; entry = entry.next) {
      if (entry.state !== 'gone') yield { value: entry.value, onLoan: entry.state === 'leased' }
    }
  }

  /** Removes the first value that fits, unless it is on loan. */
  removeWhere(fits: (value: T) => boolean): boolean {
    for (let entry = this.#first; entry; entry = entry.next) {
      if (!fits(entry.value)) continue
      if (entry.state === 'leased') return false
      this.#unlink(entry)
      this.#waiting--
      return true
    }
    return false
  }

  /** Removes everything that is not on loan; returns how many that were. */
  clear(): number {
    const removed = this.#waiting
    for (let entry = this.#first; entry; entry = entry.next) if (entry.state === 'waiting') this.#unlink(entry)
    this.#waiting = 0
    this.#cursor = null
    return removed
  }

  #remove(entry: Entry<T>): void {
    if (entry.state === 'leased') this.#unlink(entry)
  }

  #release(entry: Entry<T>): void {
    if (entry.state !== 'leased') return
    entry.state = 'waiting'
    this.#waiting++
    if (!this.#cursor || entry.slot < this.#cursor.slot) this.#cursor = entry
    this.#announce()
  }

  /** The entry keeps its own `next`, so that whoever walks past it finds the way on. */
  #unlink(entry: Entry<T>): void {
    entry.state = 'gone'
    if (entry.previous) entry.previous.next = entry.next
    else this.#first = entry.next
    if (entry.next) entry.next.previous = entry.previous
    else this.#last = entry.previous
    if (this.#cursor === entry) this.#cursor = entry.next
    this.#held--
  }

  #announce(): void {
    for (const listener of this.#listeners) listener()
  }
}
