import type { Clock } from '../kernel/clock.ts'
import type { Consumer, Delivery, FailedTry, Log, StoredMessage } from '../kernel/contracts.ts'
import { asIntegrationError } from '../kernel/errors.ts'
import { identityOf } from '../kernel/stored-message.ts'
import type { Services } from '../schema/services.ts'

type Ledger = ReturnType<Services['journal']['ledger']>

/**
 * Which messages of one store were delivered already, durably. A store that is not ours forgets acknowledgements with
 * the connection they were sent on; the window recognises what it then delivers again (messaging-peers §7.4).
 */
export class SeenWindow {
  readonly #ledger: Ledger | null
  readonly #clock: Clock
  readonly #log: Log
  readonly #onLoan = new Map<string, WindowDelivery>()
  #dropped = 0

  /** Without a ledger nothing is remembered. */
  constructor(ledger: Ledger | null, clock: Clock, log: Log) {
    this.#ledger = ledger
    this.#clock = clock
    this.#log = log
  }

  /** Messages that came again after they had been delivered. */
  get dropped(): number {
    return this.#dropped
  }

  /** The delivery as the worker gets it, or null for one that was delivered before and has been acknowledged now. */
  async admit(
    inner: Delivery,
    onOver: (delivery: WindowDelivery) => void,
    signal?: AbortSignal,
  ): Promise<WindowDelivery | null> {
    const identity = identityOf(inner.message)
    for (let rival = this.#onLoan.get(identity); rival; rival = this.#onLoan.get(identity)) {
      // The store has taken it back from one of our own workers: that one has to let go first, and may just have
      // delivered it. If it has not, this is a second copy: asking for the first would make the two change hands for ever.
      if (rival.lost) rival.takeBack()
      if (!(await endedBefore(signal, rival.over))) {
        await inner.release()
        return null
      }
    }
    if (this.#ledger?.isDone(identity)) {
      this.#dropped++
      this.#log.info('a message that was delivered already came again and is dropped', {
        messageId: inner.message.id,
        soFar: this.#dropped,
      })
      await this.acknowledge(inner)
      return null
    }
    const delivery = new WindowDelivery(inner, this, onOver)
    this.#onLoan.set(identity, delivery)
    return delivery
  }

  async done(delivery: WindowDelivery): Promise<void> {
    await this.#ledger?.done(identityOf(delivery.message), this.#clock.now())
  }

  over(delivery: WindowDelivery): void {
    const identity = identityOf(delivery.message)
    if (this.#onLoan.get(identity) === delivery) this.#onLoan.delete(identity)
  }

  /** Its outcome is known here, so an acknowledgement that gets lost is no harm: the message comes again and is dropped. */
  async acknowledge(inner: Delivery): Promise<void> {
    try {
      await inner.ack()
    } catch (thrown) {
      const fields = { messageId: inner.message.id, reason: asIntegrationError(thrown).message }
      if (this.#ledger)
        this.#log.debug('an acknowledgement got lost; the message will come again and be dropped', fields)
      else this.#log.warn('an acknowledgement got lost; the message will come again and be sent again', fields)
    }
  }
}

class WindowDelivery implements Delivery {
  readonly message: StoredMessage
  lastTry?: FailedTry
  readonly #inner: Delivery
  readonly #window: SeenWindow
  readonly #ended = new AbortController()
  /** Resolves when the worker that has it has let go. */
  readonly over: Promise<void>
  #end!: () => void

  constructor(inner: Delivery, window: SeenWindow, onOver: (delivery: WindowDelivery) => void) {
    this.message = inner.message
    if (inner.lastTry) this.lastTry = inner.lastTry
    this.#inner = inner
    this.#window = window
    this.over = new Promise(resolve => {
      this.#end = () => {
        window.over(this)
        onOver(this)
        resolve()
      }
    })
  }

  get attempts(): number {
    return this.#inner.attempts
  }

  get ended(): AbortSignal {
    return this.#ended.signal
  }

  get lost(): boolean {
    return this.#inner.lost === true
  }

  async ack(): Promise<void> {
    await this.#window.done(this)
    await this.#window.acknowledge(this.#inner)
    this.#end()
  }

  fail(why: FailedTry): Promise<void> {
    this.lastTry = why
    return this.#inner.fail(why)
  }

  async release(): Promise<void> {
    this.#end()
    await this.#inner.release()
  }

  /** Not noted as delivered: an operator who puts it back from the dead-letter queue wants it delivered. */
  async reject(): Promise<boolean> {
    if (!(await this.#inner.reject?.())) return false
    this.#end()
    return true
  }

  /** The consumer is closed, and the loan with it. */
  end(): void {
    this.#end()
  }

  /** Asks whoever has it to let go. */
  takeBack(): void {
    this.#ended.abort()
  }
}

/** False if `signal` aborted first. */
function endedBefore(signal: AbortSignal | undefined, over: Promise<void>): Promise<boolean> {
  if (!signal) return over.then(() => true)
  if (signal.aborted) return Promise.resolve(false)
  return new Promise(resolve => {
    const end = (inTime: boolean): void => {
      signal.removeEventListener('abort', abort)
      resolve(inTime)
    }
    const abort = (): void => end(false)
    signal.addEventListener('abort', abort, { once: true })
    void over.then(() => end(true))
  })
}

/** A consumer that leaves out what was delivered before. */
export class WindowConsumer implements Consumer {
  readonly #inner: Consumer
  readonly #window: SeenWindow
  readonly #loans = new Set<WindowDelivery>()

  constructor(inner: Consumer, window: SeenWindow) {
    this.#inner = inner
    this.#window = window
  }

  async take(waitMs: number, signal?: AbortSignal): Promise<Delivery | null> {
    for (;;) {
      const inner = await this.#inner.take(waitMs, signal)
      if (inner === null) return null
      const delivery = await this.#window.admit(inner, over => this.#loans.delete(over), signal)
      if (!delivery) continue
      this.#loans.add(delivery)
      return delivery
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#inner[Symbol.asyncDispose]()
    } finally {
      // Others may wait for them.
      for (const loan of this.#loans) loan.end()
    }
  }
}
