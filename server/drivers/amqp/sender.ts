import type { Clock } from '../../kernel/clock.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import type { AmqpConnection } from './connection.ts'
import type { Fullness, Live, Outgoing } from './live.ts'
import { Lost } from './lost.ts'

export interface SenderParts {
  readonly connection: AmqpConnection
  readonly queue: string
  readonly clock: Clock
  readonly deadlineMs: number
  readonly fullness: Fullness
}

/** Puts encoded messages into one queue, each confirmed by the broker before `put` resolves (P1). */
export class AmqpSender {
  readonly #parts: SenderParts
  #link: Outgoing | null = null

  constructor(parts: SenderParts) {
    this.#parts = parts
  }

  /**
   * Resolves when the broker has accepted. A lost connection or confirm is tried once more on a fresh connection, with
   * the same bytes and so the same id (P3); half the deadline is kept for that. Rejects, as `ambiguous` if the broker
   * may hold the message all the same.
   */
  async put(bytes: Buffer, signal?: AbortSignal): Promise<void> {
    const { clock, connection, deadlineMs } = this.#parts
    const until = clock.monotonic() + deadlineMs
    let ambiguous = false
    for (let attempt = 1; ; attempt++) {
      const left = until - clock.monotonic()
      try {
        const live = connection.live ?? (await connection.open(left))
        const remaining = until - clock.monotonic()
        return await this.#linkOn(live).send(bytes, attempt === 1 ? remaining / 2 : remaining, remaining)
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
    const { queue, clock, fullness } = this.#parts
    this.#link = live.openSender({ queue, clock, fullness })
    return this.#link
  }
}

function withDoubt(failure: IntegrationError): IntegrationError {
  return new IntegrationError(failure.code, failure.message, { cause: failure.cause, ambiguous: true })
}
