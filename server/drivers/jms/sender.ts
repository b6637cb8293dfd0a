import type { Clock } from '../../kernel/clock.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import type { JmsConnection } from './connection.ts'
import type { Fullness, JmsDestination, JmsMessage, Live, Outgoing } from './contracts.ts'
import { Lost } from './lost.ts'

export interface SenderParts {
  readonly connection: JmsConnection
  readonly destination: JmsDestination
  readonly clock: Clock
  readonly deadlineMs: number
  readonly fullness: Fullness
}

/** Puts messages into one destination, each confirmed by the broker before `put` resolves (P1). */
export class JmsSender {
  readonly #parts: SenderParts
  #link: Outgoing | null = null

  constructor(parts: SenderParts) {
    this.#parts = parts
  }

  /**
   * Resolves when the broker has accepted. A lost connection or confirm is tried once more on a fresh connection, with
   * the same message and so the same id (P3); half the deadline is kept for that. Rejects, as `ambiguous` if the broker
   * may hold the message all the same.
   */
  async put(message: JmsMessage, signal?: AbortSignal): Promise<void> {
    const { clock, connection, deadlineMs } = this.#parts
    const until = clock.monotonic() + deadlineMs
    let ambiguous = false
    for (let attempt = 1; ; attempt++) {
      const left = until - clock.monotonic()
      try {
        const live = connection.live ?? (await connection.open(left))
        const remaining = until - clock.monotonic()
        return await this.#linkOn(live).send(message, attempt === 1 ? remaining / 2 : remaining, remaining)
      } catch (thrown) {
        const failure = asIntegrationError(thrown)
        ambiguous ||= failure.ambiguous
        const again = attempt === 1 && failure instanceof Lost && !signal?.aborted && until > clock.monotonic()
        if (!again) throw ambiguous === failure.ambiguous ? failure : withDoubt(failure)
      }
    }
  }

  close(): void {
    this.#link?.close()
    this.#link = null
  }

  #linkOn(live: Live): Outgoing {
    if (this.#link && !this.#link.over && this.#link.live === live) return this.#link
    const { destination, clock, fullness } = this.#parts
    this.#link = live.openSender({ destination, clock, fullness })
    return this.#link
  }
}

function withDoubt(failure: IntegrationError): IntegrationError {
  return new IntegrationError(failure.code, failure.message, { cause: failure.cause, ambiguous: true })
}
