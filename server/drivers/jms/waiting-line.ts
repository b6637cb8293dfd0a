import type { Clock, Timer } from '../../kernel/clock.ts'
import type { IntegrationError } from '../../kernel/errors.ts'
import type { Received } from './contracts.ts'

/** Somebody who waits for a message, until it comes, nobody is to wait any longer, or there will be none. */
export interface Waiter<About = void> {
  readonly about: About
  /** What {@link serve} was given; null for one who has left. Rejects when the line was ended. */
  readonly came: Promise<Received | null>
  serve(received: Received | null): void
  leave(): void
  /** In place of an earlier one. */
  leaveAfter(ms: number): void
}

/** Those who wait at one receiver, first come, first served. */
export class WaitingLine<About = void> {
  readonly #clock: Clock
  readonly #waiting: { readonly waiter: Waiter<About>; readonly reject: (why: IntegrationError) => void }[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get length(): number {
    return this.#waiting.length
  }

  get first(): Waiter<About> | undefined {
    return this.#waiting[0]?.waiter
  }

  /** In the order they came. */
  get all(): readonly Waiter<About>[] {
    return this.#waiting.map(({ waiter }) => waiter)
  }

  /** At the end of the line; an abort is a leave. `left` is called after those who were not served. */
  join(about: About, signal: AbortSignal | undefined, left: () => void = () => {}): Waiter<About> {
    let timer: Timer | null = null
    const { promise: came, resolve, reject } = withResolvers<Received | null>()
    const finish = (): void => {
      timer?.cancel()
      signal?.removeEventListener('abort', leave)
      const index = this.#waiting.indexOf(entry)
      if (index >= 0) this.#waiting.splice(index, 1)
    }
    const leave = (): void => {
      if (!this.#waiting.includes(entry)) return
      waiter.serve(null)
      left()
    }
    const waiter: Waiter<About> = {
      about,
      came,
      serve: received => (finish(), resolve(received)),
      leave,
      leaveAfter: ms => {
        timer?.cancel()
        timer = this.#clock.after(ms, leave)
      },
    }
    const entry = { waiter, reject: (why: IntegrationError) => (finish(), reject(why)) }
    this.#waiting.push(entry)
    signal?.addEventListener('abort', leave, { once: true })
    return waiter
  }

  /** Nothing will come: who waits is told so. */
  dismiss(): void {
    for (const waiter of this.all) waiter.serve(null)
  }

  /** Nothing can come any more. */
  end(why: IntegrationError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(why)
  }
}

interface Resolvers<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (why: IntegrationError) => void
}

/** As `Promise.withResolvers`, which Node has since 22. */
function withResolvers<T>(): Resolvers<T> {
  let resolve!: Resolvers<T>['resolve']
  let reject!: Resolvers<T>['reject']
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
