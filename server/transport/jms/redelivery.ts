import type { Json, JournalLedger } from '../../drivers/journal/contracts.ts'
import type { UrlOptions } from '../../drivers/jms/index.ts'

export type RedeliveryPolicy = UrlOptions['redelivery']

/** Milliseconds before the next delivery of a message whose flow failed `failures` times, as ActiveMQ's client counts. */
export function delayAfter(failures: number, policy: RedeliveryPolicy): number {
  const { initialRedeliveryDelay, redeliveryDelay, useExponentialBackOff, backOffMultiplier } = policy
  let delay = initialRedeliveryDelay
  for (let nth = 1; nth < failures; nth++) {
    delay = useExponentialBackOff && delay > 0 ? delay * backOffMultiplier : redeliveryDelay
    if (atMost(delay, policy) < delay) break
  }
  return atMost(delay, policy)
}

function atMost(delay: number, { maximumRedeliveryDelay }: RedeliveryPolicy): number {
  return maximumRedeliveryDelay >= 0 ? Math.min(delay, maximumRedeliveryDelay) : delay
}

/** True if a message whose flow failed so often is not to be delivered again. -1: always again. */
export function isExhausted(failures: number, { maximumRedeliveries }: RedeliveryPolicy): boolean {
  return maximumRedeliveries >= 0 && failures > maximumRedeliveries
}

export interface Failures {
  readonly count: number
  /** Clock milliseconds before which it is not tried again. */
  readonly notBefore: number
  readonly reason: string
  /** What is to happen when it comes again: to the dead letters, or away, since all was done before. */
  readonly next?: 'bury' | 'drop'
}

/**
 * How often the flow of a message has failed, kept in the journal: a broker's own count is reset by its crash, or
 * includes every lost connection (messaging-peers §6.2).
 */
export class FailureLedger {
  readonly #ledger: JournalLedger

  constructor(ledger: JournalLedger) {
    this.#ledger = ledger
  }

  of(id: string): Failures | undefined {
    return (this.#ledger.get(id)?.note as unknown as Failures | null | undefined) ?? undefined
  }

  note(id: string, failures: Failures, now: number): Promise<void> {
    return this.#ledger.remember(id, failures as unknown as Json, now)
  }

  async forget(id: string, now: number): Promise<void> {
    if (this.of(id)) await this.#ledger.remember(id, null, now)
  }
}
