/** The options behind the question mark of a broker address, and what is to be said about them. */

/** Something to tell whoever wrote the address; the caller knows the place. */
export interface Remark {
  /** Permanent name; people filter on it. */
  readonly code: string
  readonly severity: 'error' | 'warning' | 'hint'
  readonly message: string
  readonly hint?: string
}

/** All options of an address: of the list and of its members together, the first one counts. */
export class UrlQuery {
  readonly remarks: Remark[] = []
  readonly #values = new Map<string, string>()

  get failed(): boolean {
    return this.remarks.some(({ severity }) => severity === 'error')
  }

  read(query: string | undefined): void {
    for (const pair of (query ?? '').split(/[&;]/)) {
      if (pair === '') continue
      const equals = pair.indexOf('=')
      const name = decode(equals < 0 ? pair : pair.slice(0, equals)).replace(/^nested\./, '')
      if (!this.#values.has(name)) this.#values.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)))
    }
  }

  get names(): readonly string[] {
    return [...this.#values.keys()]
  }

  text(name: string): string | undefined {
    return this.#values.get(name)
  }

  first(...names: readonly string[]): string | undefined {
    for (const name of names) {
      const value = this.#values.get(name)
      if (value) return value
    }
    return undefined
  }

  number(name: string): number | undefined {
    const text = this.#values.get(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (text !== '' && Number.isFinite(value)) return value
    this.remark('warning', 'broker-url-value', `${name} must be a number, not "${text}"; its default is used`)
    this.#values.delete(name)
    return undefined
  }

  flag(name: string): boolean | undefined {
    const text = this.#values.get(name)?.toLowerCase()
    return text === undefined ? undefined : text === 'true'
  }

  error(code: string, message: string, hint: string): void {
    this.remarks.push({ code, severity: 'error', message, hint })
  }

  remark(severity: 'warning' | 'hint', code: string, message: string): void {
    if (!this.remarks.some(remark => remark.message === message)) this.remarks.push({ code, severity, message })
  }
}

export function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
