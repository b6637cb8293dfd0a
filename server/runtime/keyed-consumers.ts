import type { Consumer, Delivery, FailedTry, MessageStore, StoredMessage } from '../kernel/contracts.ts'

/** A consumer of the store and the messages of it that workers have; it is closed only when they have let go of them. */
interface Source {
  readonly consumer: Consumer
  loans: number
  retired: boolean
  closing: Promise<void> | null
}

/**
 * One consumer of a store shared by several workers, so that messages of the same key are worked on one after the other
 * and in order, those of different keys at the same time (P6). A message whose key is in work is held here; no more are
 * held than there are workers, so that nothing is withheld from other nodes without need.
 */
export class KeyedConsumers {
  readonly #open: (window: number) => Promise<Consumer>
  readonly #keyOf: (message: StoredMessage) => string
  readonly #workers: number
  #source: Promise<Source> | null = null
  /** No longer taken from, but not closed yet. */
  readonly #retired = new Set<Source>()
  #views = 0
  #pulling = false
  /** The pull under way waits for a message to come. */
  #isPatient = false
  /** Taken from the store, waiting for their key; in order. */
  #held: { readonly delivery: Delivery; readonly source: Source }[] = []
  readonly #busy = new Set<string>()
  #changed: (() => void)[] = []

  constructor(parts: {
    readonly workers: number
    open(window: number): Promise<Consumer>
    keyOf(message: StoredMessage): string
  }) {
    this.#workers = parts.workers
    this.#open = parts.open
    this.#keyOf = parts.keyOf
  }

  /** What one worker consumes from. */
  async consumer(): Promise<Consumer> {
    await this.#current()
    this.#views++
    let open = true
    const loans = new Set<Delivery>()
    return {
      take: (waitMs, signal) => this.#take(loans, waitMs, signal),
      [Symbol.asyncDispose]: async () => {
        if (!open) return
        open = false
        await Promise.all([...loans].map(loan => loan.release()))
        if (--this.#views === 0) await this.#close()
      },
    }
  }

  /** What is taken from now: another one after the last one failed, whoever of the workers comes first. */
  async #current(): Promise<Source> {
    this.#source ??= this.#open(this.#workers * 2).then(consumer => ({
      consumer,
      loans: 0,
      retired: false,
      closing: null,
    }))
    const source = this.#source
    try {
      return await source
    } catch (thrown) {
      if (this.#source === source) this.#source = null
      throw thrown
    }
  }

  async #take(loans: Set<Delivery>, waitMs: number, signal?: AbortSignal): Promise<Delivery | null> {
    for (;;) {
      if (signal?.aborted) return null
      const ready = this.#eligible(loans)
      if (ready) return ready
      if (this.#pulling || this.#held.length >= this.#workers) {
        if (waitMs === 0 && this.#isPatient) return null
        await this.#change(signal)
        continue
      }
      const pulled = await this.#pull(waitMs, signal)
      if (pulled === null) return null
      this.#held.push(pulled)
    }
  }

  /** The oldest held message whose key nobody works on. */
  #eligible(loans: Set<Delivery>): Delivery | null {
    this.#forgetLost()
    for (const [index, { delivery, source }] of this.#held.entries()) {
      const key = this.#keyOf(delivery.message)
      if (this.#busy.has(key)) continue
      this.#held.splice(index, 1)
      this.#busy.add(key)
      source.loans++
      const loan = new KeyedDelivery(delivery, () => {
        loans.delete(loan)
        this.#busy.delete(key)
        source.loans--
        this.#closeIfIdle(source)
        this.#tell()
      })
      loans.add(loan)
      return loan
    }
    return null
  }

  /** What the store has taken back comes again, in its place; kept, it would overtake the messages before it. */
  #forgetLost(): void {
    if (!this.#held.some(({ delivery }) => delivery.lost)) return
    for (const { delivery } of this.#held) if (delivery.lost) void delivery.release()
    this.#held = this.#held.filter(({ delivery }) => !delivery.lost)
  }

  async #pull(waitMs: number, signal?: AbortSignal): Promise<{ delivery: Delivery; source: Source } | null> {
    this.#pulling = true
    this.#isPatient = waitMs > 0
    try {
      const source = await this.#current()
      const delivery = await source.consumer.take(waitMs, signal)
      return delivery && { delivery, source }
    } catch (thrown) {
      await this.#close()
      throw thrown
    } finally {
      this.#pulling = false
      this.#isPatient = false
      this.#tell()
    }
  }

  /**
   * Loans that were waiting for their key go back; a consumer that failed is opened anew by whoever comes next. What the
   * other workers have of it stays theirs: closing it under them would hand their messages to somebody else.
   */
  async #close(): Promise<void> {
    const source = this.#source
    const held = this.#held
    this.#source = null
    this.#held = []
    await Promise.all(held.map(({ delivery }) => delivery.release()))
    if (source) {
      const retired = await source
      retired.retired = true
      this.#retired.add(retired)
      this.#closeIfIdle(retired)
    }
    if (this.#views === 0) await Promise.all([...this.#retired].map(({ closing }) => closing))
  }

  #closeIfIdle(source: Source): void {
    if (!source.retired || source.loans > 0) return
    source.closing ??= this.#dispose(source)
  }

  async #dispose(source: Source): Promise<void> {
    await source.consumer[Symbol.asyncDispose]()
    this.#retired.delete(source)
  }

  /** Resolves when a key became free, a message was pulled, or the puller came back. */
  #change(signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        signal?.removeEventListener('abort', done)
        resolve()
      }
      signal?.addEventListener('abort', done, { once: true })
      this.#changed.push(done)
    })
  }

  #tell(): void {
    const waiting = this.#changed
    this.#changed = []
    for (const wake of waiting) wake()
  }
}

/** The loan itself; settling it lets the next message of its key be worked on. */
class KeyedDelivery implements Delivery {
  readonly #inner: Delivery
  readonly #settled: () => void
  #done = false

  constructor(inner: Delivery, settled: () => void) {
    this.#inner = inner
    this.#settled = settled
  }

  get message(): StoredMessage {
    return this.#inner.message
  }

  get attempts(): number {
    return this.#inner.attempts
  }

  get lastTry(): FailedTry | undefined {
    return this.#inner.lastTry
  }

  get ended(): AbortSignal | undefined {
    return this.#inner.ended
  }

  async ack(): Promise<void> {
    await this.#inner.ack()
    this.#free()
  }

  fail(why: FailedTry): Promise<void> {
    return this.#inner.fail(why)
  }

  async release(): Promise<void> {
    try {
      await this.#inner.release()
    } finally {
      this.#free()
    }
  }

  async reject(): Promise<boolean> {
    const rejected = (await this.#inner.reject?.()) ?? false
    if (rejected) this.#free()
    return rejected
  }

  async moveTo(target: MessageStore, message: StoredMessage): Promise<boolean> {
    const moved = (await this.#inner.moveTo?.(target, message)) ?? false
    if (moved) this.#free()
    return moved
  }

  #free(): void {
    if (this.#done) return
    this.#done = true
    this.#settled()
  }
}
