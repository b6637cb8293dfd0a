import type { Clock } from '../../kernel/clock.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import {
  accepted,
  type Incoming,
  type JmsConnection,
  type JmsDestination,
  type JmsMessage,
  type Live,
} from '../../drivers/jms/index.ts'

/** Replies on loan before they are handed to who waits for them. */
const WINDOW = 100
const POLL = 60_000

interface Waiter {
  readonly resolve: (reply: JmsMessage) => void
  readonly reject: (why: IntegrationError) => void
}

/** The temporary queue of one connection, for all requests that wait for a reply on it. */
class ReplyQueue {
  readonly live: Live
  readonly destination: JmsDestination
  readonly #incoming: Incoming
  readonly #waiting = new Map<string, Waiter>()
  #over: IntegrationError | null = null

  private constructor(live: Live, incoming: Incoming, destination: JmsDestination) {
    this.live = live
    this.destination = destination
    this.#incoming = incoming
    live.onGone(why => this.#end(why))
    void this.#run()
  }

  static async open(live: Live, clock: Clock): Promise<ReplyQueue> {
    const incoming = live.openReceiver({ from: 'temporary', clock, window: WINDOW })
    return new ReplyQueue(live, incoming, await incoming.destination())
  }

  get over(): boolean {
    return this.#over !== null
  }

  /** The reply that names one of these ids as its correlation. */
  wait(ids: readonly string[]): { readonly reply: Promise<JmsMessage>; cancel(): void } {
    const cancel = (): void => {
      for (const id of ids) this.#waiting.delete(id)
    }
    const reply = new Promise<JmsMessage>((resolve, reject) => {
      if (this.#over) return reject(this.#over)
      for (const id of ids) this.#waiting.set(id, { resolve, reject })
    })
    return { reply, cancel }
  }

  close(): void {
    this.#end(new IntegrationError('STORE_UNAVAILABLE', 'the connection is no longer used'))
    void this.#incoming.close().catch(() => undefined)
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      try {
        const received = await this.#incoming.take(POLL)
        if (!received) continue
        // The first waiter to go takes its other id along.
        const { message } = received
        if (message.correlationId !== undefined) this.#waiting.get(message.correlationId)?.resolve(message)
        await received.settle(accepted)
      } catch (thrown) {
        this.#end(
          new IntegrationError('RECEIVE_FAILED', `replies can no longer be read: ${textOf(thrown)}`, { cause: thrown }),
        )
      }
    }
  }

  #end(why: IntegrationError): void {
    if (this.#over) return
    this.#over = why
    const waiting = new Set(this.#waiting.values())
    this.#waiting.clear()
    for (const { reject } of waiting)
      reject(new IntegrationError('RECEIVE_FAILED', why.message, { cause: why, ambiguous: true }))
  }
}

/** Where replies come in at one broker. */
export class Replies {
  readonly #connection: JmsConnection
  readonly #clock: Clock
  #queue: Promise<ReplyQueue> | null = null

  constructor(connection: JmsConnection, clock: Clock) {
    this.#connection = connection
    this.#clock = clock
  }

  /** The temporary queue, made with the connection it lasts as long as. */
  async temporary(deadlineMs: number): Promise<ReplyQueue> {
    const known = await this.#queue?.catch(() => null)
    if (known && !known.over && known.live === this.#connection.live) return known
    const making = this.#connection.open(deadlineMs).then(live => ReplyQueue.open(live, this.#clock))
    this.#queue = making
    return making
  }

  /** Waits on a queue that others read, too: only for the one reply. */
  async named(
    queue: string,
    correlationId: string,
    deadlineMs: number,
  ): Promise<{ take(waitMs: number): Promise<JmsMessage | null>; close(): Promise<void> }> {
    const live = await this.#connection.open(deadlineMs)
    const incoming = live.openReceiver({
      from: { kind: 'queue', name: queue },
      clock: this.#clock,
      window: 1,
      selector: `JMSCorrelationID = '${correlationId.replaceAll("'", "''")}'`,
    })
    await incoming.destination()
    return {
      async take(waitMs) {
        const received = await incoming.take(waitMs)
        if (!received) return null
        await received.settle(accepted)
        return received.message
      },
      close: () => incoming.close(),
    }
  }

  close(): void {
    void this.#queue?.then(queue => queue.close()).catch(() => undefined)
  }
}
