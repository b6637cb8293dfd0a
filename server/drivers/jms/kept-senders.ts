import type { JmsDestination } from './contracts.ts'

/**
 * Most of them that are kept while idle. Answers go to ever new temporary queues; and every way in costs the broker a
 * session or a channel, of which RabbitMQ lets a connection have 64 over AMQP 1.0.
 */
export const MOST_SENDERS = 50

interface Sender {
  /** Can send nothing more: another one takes its place. */
  readonly over?: boolean
  close(): void
}

/** Ways into destinations that are kept for the next message there; those used longest ago are closed first. */
export class KeptSenders<S extends Sender> {
  readonly #open: (destination: JmsDestination) => S
  /** In the order of their last use. */
  readonly #kept = new Map<string, { readonly sender: S; uses: number }>()

  constructor(open: (destination: JmsDestination) => S) {
    this.#open = open
  }

  /** It is not closed before `work` is done, however many others there are. */
  async use<T>(destination: JmsDestination, work: (sender: S) => Promise<T>): Promise<T> {
    const key = `${destination.kind}:${destination.name}`
    const known = this.#kept.get(key)
    const kept = known && known.sender.over !== true ? known : { sender: this.#open(destination), uses: 0 }
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    kept.uses++
    try {
      return await work(kept.sender)
    } finally {
      kept.uses--
      this.#makeRoom()
    }
  }

  close(): void {
    for (const { sender } of this.#kept.values()) sender.close()
    this.#kept.clear()
  }

  #makeRoom(): void {
    for (const [key, { sender, uses }] of this.#kept) {
      if (this.#kept.size <= MOST_SENDERS) return
      if (uses > 0) continue
      this.#kept.delete(key)
      sender.close()
    }
  }
}
