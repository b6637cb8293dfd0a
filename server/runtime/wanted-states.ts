import type { Log } from '../kernel/contracts.ts'
import { textOf } from '../kernel/errors.ts'
import type { Services } from '../schema/services.ts'

/** What is wanted of something that works by itself, as it is kept over restarts (P7). */
export interface Wanted {
  readonly wanted: 'active' | 'inactive'
  readonly by: string
  readonly reason: string
  /** Clock milliseconds. */
  readonly since: number
  /** The message a processor gave up on. */
  readonly messageId?: string
  readonly attempts?: number
}

/** What could not be saved: a redeployment must not forget it, though a restart will. */
const unsaved = new WeakMap<Services, Map<string, Wanted>>()

/** What is wanted of the artifacts of one kind, by name. */
export class WantedStates {
  readonly #services: Services
  readonly #log: Log
  readonly #called: string
  readonly #table: string

  /** `called`: for texts, as in `message processor`; `table`: where it is in the journal. */
  constructor(services: Services, log: Log, { called, table }: { called: string; table: string }) {
    this.#services = services
    this.#log = log
    this.#called = called
    this.#table = table
  }

  /** Undefined: nobody has ever said anything but the artifact. */
  of(name: string): Wanted | undefined {
    const kept = this.#services.journal.table(this.#table).get(name) as Wanted | undefined
    return this.#unsaved.get(this.#key(name)) ?? kept
  }

  /** A disk that refuses must not keep an operator from stopping anything: it is told, and this never rejects. */
  async keep(name: string, wanted: Wanted): Promise<void> {
    const key = this.#key(name)
    this.#unsaved.set(key, wanted)
    try {
      await this.#services.journal.table(this.#table).set(name, { ...wanted })
      // A later one that could not be saved stays.
      if (this.#unsaved.get(key) === wanted) this.#unsaved.delete(key)
    } catch (thrown) {
      this.#log.error(`the state of ${this.#called} [${name}] could not be saved; a restart forgets it`, {
        ...wanted,
        cause: textOf(thrown),
      })
    }
  }

  #key(name: string): string {
    return `${this.#table} ${name}`
  }

  get #unsaved(): Map<string, Wanted> {
    let states = unsaved.get(this.#services)
    if (!states) unsaved.set(this.#services, (states = new Map()))
    return states
  }
}
