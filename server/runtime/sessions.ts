import type { Endpoint } from '../kernel/contracts.ts'
import type { Clock } from '../kernel/clock.ts'

/** Sessions beyond this are forgotten, those unused for longest first: clients choose their ids. */
const MOST = 100_000

interface Session {
  readonly member: Endpoint
  readonly until: number
}

/** Which member of a group a session of a client belongs to. Every use of a session prolongs it. */
export class Sessions {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #members = new Map<string, Session>()

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  find(id: string): Endpoint | undefined {
    const session = this.#members.get(id)
    if (!session) return undefined
    if (session.until <= this.#clock.now()) {
      this.#members.delete(id)
      return undefined
    }
    this.keep(id, session.member)
    return session.member
  }

  keep(id: string, member: Endpoint): void {
    // Put at the end: the map is in the order of last use.
    this.#members.delete(id)
    this.#members.set(id, { member, until: this.#clock.now() + this.#timeoutMs })
    if (this.#members.size > MOST) this.#members.delete(this.#members.keys().next().value!)
  }
}
