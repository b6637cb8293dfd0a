import type { Consumer, Delivery, FailedTry, MessageStore, StoredMessage } from '../kernel/contracts.ts'

/**
 * One consumer of a store shared by several workers, so that messages of the same key are worked on one after the other
 * and in order, those of different keys at the same time (P6). A message whose key is in work is held here; no more are
 * held than there are workers, so that nothing is withheld from other nodes without need.
 */
export class KeyedConsumers {
  readonly #open: (window: number) => Promise<Consumer>
  readonly #keyOf: (message: StoredMessage) => string
  readonly #workers: number
  #source: Promise<Consumer> | null = null
  #views = 0
  #pulling = false
  /** Taken from the store, waiting for their key; in order. */
  #held: Delivery[] = []
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
    this.#source ??= this.#open(this.#workers * 2)
    const source = this.#source
    try {
      await source
    } catch (thrown) {
      if (this.#source === source) this.#source = null
      throw thrown
    }
    this.#views++
    let open = true
    return {
      take: (waitMs, signal) => this.#take(waitMs, signal),
      [Symbol.asyncDispose]: async () => {
        if (!open) return
        open = false
        if (--this.#views === 0) await this.#close()
      },
    }
  }

  async #take(waitMs: number, signal?: AbortSignal): Promise<Delivery | null> {
    for (;;) {
      if (signal?.aborted) return null
      const ready = this.#eligible()
      if (ready) return ready
      if (this.#pulling || this.#held.length >= this.#workers) {
        await this.#change(signal)
        continue
      }
      const delivery = await this.#pull(waitMs, signal)
      if (delivery === null) return null
      this.#held.push(delivery)
    }
  }

  /** The oldest held message whose key nobody works on. */
  #eligible(): Delivery | null {
    for (const [index, delivery] of this.#held.entries()) {
      const key = this.#keyOf(delivery.message)
      if (this.#busy.has(key)) continue
      this.#held.splice(index, 1)
      this.#busy.add(key)
      return new KeyedDelivery(delivery, () => {
        this.#busy.delete(key)
        this.#tell()
      })
    }
    return null
  }

  async #pull(waitMs: number, signal?: AbortSignal): Promise<Delivery | null> {
    this.#pulling = true
    try {
      const source = await this.#source!
      return await source.take(waitMs, signal)
    } catch (thrown) {
      await this.#close()
      throw thrown
    } finally {
      this.#pulling = false
      this.#tell()
    }
  }

  /** Loans that were waiting for their key go back; a consumer that failed is opened anew by whoever comes next. */
  async #close(): Promise<void> {
    const source = this.#source
    const held = this.#held
    this.#source = null
    this.#held = []
    await Promise.all(held.map(delivery => delivery.release()))
    if (source) await (await source)[Symbol.asyncDispose]()
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
