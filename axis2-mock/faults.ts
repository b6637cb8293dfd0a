/** Trouble on demand: what a back end can do to those who rely on it. */

export interface Fault {
  /** Milliseconds before anything happens. Alone, it makes the service slow; with another fault, the fault late. */
  readonly delay?: number
  /** Answers with this status instead of the service's own; from 400 on with a SOAP fault. */
  readonly status?: number
  /** Cuts the connection (RST) without an answer. */
  readonly reset?: boolean
  /** Sends the head and half of the body, then cuts. */
  readonly half?: boolean
  /** Never answers; the connection stays open. */
  readonly hang?: boolean
  /** Answers with bytes that are not HTTP. */
  readonly garbage?: boolean
  /** Cuts before the request is read, as if nobody listened. Neither seen nor counted as arrived. */
  readonly refuse?: boolean
  /** The service does its work first, and only the answer goes wrong: what makes duplicates. */
  readonly after?: boolean
  /** Strikes this many requests; without it, until cleared. */
  readonly times?: number
  /** Lets this many requests pass first. */
  readonly skip?: number
  /** Strikes with this probability (0 to 1). */
  readonly rate?: number
  readonly operation?: string
  /** Strikes only requests whose body contains this text. */
  readonly contains?: string
}

type Writable = { -readonly [Name in keyof Fault]: Fault[Name] }

const FIELDS: { readonly [Name in keyof Required<Fault>]: 'count' | 'rate' | 'flag' | 'text' } = {
  delay: 'count',
  status: 'count',
  reset: 'flag',
  half: 'flag',
  hang: 'flag',
  garbage: 'flag',
  refuse: 'flag',
  after: 'flag',
  times: 'count',
  skip: 'count',
  rate: 'rate',
  operation: 'text',
  contains: 'text',
}

/** Reads a fault from JSON, a query or a header; the answer is a sentence when something is wrong with it. */
export function readFault(fields: Iterable<readonly [string, unknown]>): Fault | string {
  const fault: Record<string, unknown> = {}
  for (const [name, value] of fields) {
    const kind = Object.hasOwn(FIELDS, name) ? FIELDS[name as keyof Fault] : undefined
    if (!kind) return `"${name}" is no part of a fault. Known: ${Object.keys(FIELDS).join(', ')}.`
    const read = readField(kind, value)
    if (read === undefined) return `"${name}" cannot be ${JSON.stringify(value)}.`
    fault[name] = read
  }
  const { status } = fault as Writable
  if (status !== undefined && (status < 200 || status > 599)) return `"status" must be from 200 to 599, not ${status}.`
  if (Object.keys(fault).length === 0) return 'An empty fault would do nothing. Example: {"status": 503, "times": 3}.'
  return fault as Fault
}

function readField(kind: 'count' | 'rate' | 'flag' | 'text', value: unknown): unknown {
  if (kind === 'text') return typeof value === 'string' ? value : undefined
  if (kind === 'flag') {
    if (value === true || value === 'true' || value === '' || value === '1') return true
    return value === false || value === 'false' || value === '0' ? false : undefined
  }
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number !== 'number' || !(number >= 0)) return undefined
  if (kind === 'rate') return number <= 1 ? number : undefined
  return Number.isSafeInteger(number) ? number : undefined
}

/** `X-Mock-Fault: status=503; after` */
export function readFaultHeader(text: string): Fault | string {
  const parts = text.split(';').map(part => part.trim())
  return readFault(
    parts
      .filter(part => part !== '')
      .map(part => {
        const equals = part.indexOf('=')
        return equals < 0 ? [part, true] : [part.slice(0, equals).trim(), part.slice(equals + 1).trim()]
      }),
  )
}

interface Armed {
  readonly fault: Fault
  skip: number
  left: number
}

export interface Struck {
  readonly operation: string | undefined
  body(): string
}

/** The armed faults. The first one that fits a request strikes it. */
export class Faults {
  readonly #random: () => number
  #armed: Armed[] = []
  #refused = 0

  constructor(random: () => number) {
    this.#random = random
  }

  arm(fault: Fault): void {
    this.#armed.push({ fault, skip: fault.skip ?? 0, left: fault.times ?? Number.POSITIVE_INFINITY })
  }

  clear(): void {
    this.#armed = []
  }

  /** Requests cut unread. */
  get refused(): number {
    return this.#refused
  }

  get armed(): readonly (Fault & { readonly left?: number })[] {
    return this.#armed.map(({ fault, left }) => (Number.isFinite(left) ? { ...fault, left } : fault))
  }

  /** Whether the request that is about to be read must be cut instead. */
  takeRefusal(): boolean {
    if (this.#armed.length === 0) return false
    const struck = this.#strike(fault => fault.refuse === true) !== undefined
    if (struck) this.#refused++
    return struck
  }

  take(request: Struck): Fault | undefined {
    if (this.#armed.length === 0) return undefined
    return this.#strike(
      fault =>
        !fault.refuse &&
        (fault.operation === undefined || fault.operation === request.operation) &&
        (fault.contains === undefined || request.body().includes(fault.contains)),
    )
  }

  #strike(fits: (fault: Fault) => boolean): Fault | undefined {
    for (const armed of this.#armed) {
      const { fault } = armed
      if (!fits(fault)) continue
      if (armed.skip > 0) {
        armed.skip--
        continue
      }
      if (fault.rate !== undefined && this.#random() >= fault.rate) continue
      armed.left--
      if (armed.left <= 0) this.#armed = this.#armed.filter(other => other !== armed)
      return fault
    }
    return undefined
  }
}
