import type { Clock } from '../kernel/clock.ts'
import type { Consumer, Delivery } from '../kernel/contracts.ts'

/** Where the messages come from: a queue inside this process that says when something arrives. */
export interface Source {
  /** The next message on loan, or null when there is none now. `settled` is called when the loan is over. */
  next(settled: (delivery: Delivery) => void): Delivery | null | Promise<Delivery | null>
  onWaiting(listener: () => void): () => void
}

/** Takes from a queue of this process. Waiting costs neither a timer nor a look before something arrives. */
export class WaitingConsumer implements Consumer {
  readonly #source: Source
  readonly #clock: Clock
  readonly #loans = new Set<Delivery>()
  readonly #waits = new Set<() => void>()
  readonly #settled = (delivery: Delivery): void => void this.#loans.delete(delivery)
  #closed = false

  constructor(source: Source, clock: Clock) {
    this.#source = source
    this.#clock = clock
  }

  async take(waitMs: number, signal?: AbortSignal): Promise<Delivery | null> {
    if (this.#closed || signal?.aborted) return null
    const ready = this.#keep(await this.#source.next(this.#settled))
    if (ready || waitMs === 0 || this.#isOver(signal)) return this.#unlessOver(ready, signal)
    return this.#wait(waitMs, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const end of this.#waits) end()
    await Promise.all([...this.#loans].map(loan => loan.release()))
    this.#loans.clear()
  }

  #wait(waitMs: number, signal?: AbortSignal): Promise<Delivery | null> {
    return new Promise((resolve, reject) => {
      let over = false
      let looking = false
      let again = false
      const isOver = (): boolean => over
      const finish = (): void => {
        over = true
        timer?.cancel()
        forget()
        signal?.removeEventListener('abort', giveUp)
        this.#waits.delete(giveUp)
      }
      const giveUp = (): void => {
        if (over) return
        finish()
        resolve(null)
      }
      const look = async (): Promise<void> => {
        again = true
        if (looking || over) return
        looking = true
        try {
          for (;;) {
            again = false
            const delivery = this.#keep(await this.#source.next(this.#settled))
            if (delivery) {
              // It came too late for whoever waited: it goes back to its place.
              if (isOver()) return void (await delivery.release())
              finish()
              return resolve(delivery)
            }
            if (!again || isOver()) return
          }
        } catch (thrown) {
          finish()
          reject(thrown)
        } finally {
          looking = false
        }
      }
      const timer = waitMs === Infinity ? null : this.#clock.after(waitMs, giveUp)
      const forget = this.#source.onWaiting(() => void look())
      signal?.addEventListener('abort', giveUp, { once: true })
      this.#waits.add(giveUp)
      // Something may have come between the look before and the subscription.
      void look()
    })
  }

  #keep(delivery: Delivery | null): Delivery | null {
    if (delivery) this.#loans.add(delivery)
    return delivery
  }

  #isOver(signal?: AbortSignal): boolean {
    return this.#closed || signal?.aborted === true
  }

  async #unlessOver(delivery: Delivery | null, signal?: AbortSignal): Promise<Delivery | null> {
    if (!delivery || !this.#isOver(signal)) return delivery
    await delivery.release()
    return null
  }
}
