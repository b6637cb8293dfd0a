import type { Clock, Timer } from './clock.ts'
import type { Exchange } from './context.ts'

interface Waiting {
  readonly exchange: Exchange
  readonly timer: Timer
}

/** A caller waits at most so long for a reply sequence; then it learns that its message is stored. */
const PATIENCE_MS = 30_000

/**
 * Callers who asked for no 202 and whose message is in a store worked on by a processor with a reply sequence: that
 * sequence's `respond` answers them, as with the live messages of Synapse's in-memory store. A caller who would wait in
 * vain (a failed try, no patience left) gets 202: the message is kept all the same (P1). After a restart nobody waits.
 */
export class WaitingCallers {
  readonly #clock: Clock
  readonly #answering = new Map<string, Set<() => boolean>>()
  readonly #waiting = new Map<string, Waiting>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A processor on that store answers callers while `isActive` says so. Returns how to end that. */
  answerFor(store: string, isActive: () => boolean): () => void {
    const answering = this.#answering.get(store) ?? new Set()
    this.#answering.set(store, answering)
    answering.add(isActive)
    return () => void answering.delete(isActive)
  }

  /** Keeps the caller of a stored message waiting, if anybody is going to answer. */
  hold(store: string, messageId: string, exchange: Exchange): void {
    if (exchange.answered || !exchange.hasCaller) return
    const answering = this.#answering.get(store)
    if (!answering || ![...answering].some(isActive => isActive())) return
    exchange.expectAnswer()
    const timer = this.#clock.after(PATIENCE_MS, () => this.release(messageId))
    this.#waiting.set(messageId, { exchange, timer })
  }

  /** The caller of that message, who waits no longer: whoever takes it answers. */
  take(messageId: string): Exchange | undefined {
    const waiting = this.#waiting.get(messageId)
    if (!waiting) return undefined
    waiting.timer.cancel()
    this.#waiting.delete(messageId)
    return waiting.exchange
  }

  /** No reply is going to come soon: the caller learns that its message is kept. */
  release(messageId: string): void {
    this.take(messageId)?.acknowledge(202)
  }

  /** For a stop: everybody learns that their message is kept. */
  releaseAll(): void {
    for (const messageId of this.#waiting.keys()) this.release(messageId)
  }

  get size(): number {
    return this.#waiting.size
  }
}
