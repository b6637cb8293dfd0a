import { pauseAfter, type Backoff } from '../kernel/backoff.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Consumer, Delivery, Log } from '../kernel/contracts.ts'
import { asIntegrationError, type IntegrationError } from '../kernel/errors.ts'
import { Pace, type Rate } from './pace.ts'
import { either, rest, type Wake } from './rest.ts'

/** What became of one try. */
export type Tried =
  /** It is where it belongs: it leaves the store. */
  | { readonly outcome: 'delivered' }
  /** It has left the store already, as part of the delivery. */
  | { readonly outcome: 'settled' }
  /** It was really sent, in vain: counted. `wake` ends the pause before the next try. */
  | { readonly outcome: 'failed'; readonly error: IntegrationError; readonly wake?: Wake }
  /** Nothing could be sent: not counted (P8). `until` is in clock milliseconds. */
  | { readonly outcome: 'waiting'; readonly reason: string; readonly until?: number; readonly wake?: Wake }
  /** Nobody but the operator can help. */
  | { readonly outcome: 'stuck'; readonly reason: string }

/** What to do with a message whose tries are used up. */
export type GivenUp =
  | 'delivered'
  | 'settled'
  | { readonly stuck: string }
  /** Where it is to go does not take it now: asked again after the retry interval, or when `wake` says so. */
  | { readonly later: string; readonly wake?: Wake | undefined }

/** What a processor does with a message; the worker does everything around it. */
export interface Handler {
  /** One try, counted from 1. */
  attempt(delivery: Delivery, attempt: number, signal: AbortSignal): Promise<Tried>
  exhausted(delivery: Delivery, attempts: number): Promise<GivenUp>
  /** A message whose tries are used up leaves its store now, rather than stop the processor. */
  disposes?(delivery: Delivery): boolean
  /** Ends the pause of a message that failed before this processor began, such as before a restart. */
  resumed?: Wake
  /** The processor has deactivated itself because of this message. */
  gaveUp?(delivery: Delivery): Promise<void>
}

export interface Observed {
  readonly observed: 'working' | 'idle' | 'waiting'
  readonly reason?: string
  readonly messageId?: string
  readonly attempts?: number
  /** Clock milliseconds. */
  readonly nextTry?: number
}

export interface WorkerParts {
  readonly clock: Clock
  readonly log: Log
  readonly handler: Handler
  /** A consumer of the store as it is deployed now. Rejects while there is none. */
  readonly open: () => Promise<Consumer>
  /** The store has become usable. */
  readonly storeReady: Wake
  /** Something was deployed: perhaps the store. */
  readonly deployed: Wake
  readonly rate: Rate
  readonly retry: Backoff
  /** Tries a message has before it is given up; 0: no end. */
  readonly maxAttempts: number
  readonly reconnect: {
    readonly backoff: Backoff
    /** Failures in a row, after it has worked once, before giving up; 0: never. */
    readonly attempts: number
  }
  readonly report: (observed: Observed) => void
  /** Nobody but an operator can help. Resolves with false where somebody else has stopped the processor already. */
  readonly giveUp: (reason: string, delivery: Delivery | null) => Promise<boolean>
}

/** An operator may switch a resting endpoint on before its time. */
const LOOK_AGAIN = 1000

/** A wall clock set back must not make a message wait for days. */
const LONGEST_KEPT_PAUSE = 3_600_000

/** An acknowledgement that did not reach the disk is repeated; sending again would be a duplicate of our making (P5). */
const ACK_AGAIN: Backoff = { interval: 200, maxInterval: 10_000, growth: 'exponential', factor: 2 }

/**
 * Takes one message after the other, hands it to the handler until it is delivered or given up, and settles it. The
 * store sees one loan for all tries of a message: it keeps its place, and no broker counts our retries.
 */
export class Worker {
  readonly #parts: WorkerParts
  readonly #pace: Pace
  readonly #stop = new AbortController()
  /** Ends the send in flight, too. */
  readonly #cut = new AbortController()
  #consumer: Consumer | null = null
  /** Failures to reach the store in a row. */
  #outage = 0
  #reached = false
  #done: Promise<void> | null = null

  constructor(parts: WorkerParts) {
    this.#parts = parts
    this.#pace = new Pace(parts.rate, parts.clock)
  }

  start(): void {
    this.#done ??= this.#run()
  }

  /** Resolves when nothing is in flight any more. A send may take `patienceMs` to end, then it is cut off. */
  async stop(patienceMs: number): Promise<void> {
    this.#stop.abort()
    const timer = this.#parts.clock.after(patienceMs, () => this.#cut.abort())
    await this.#done
    timer.cancel()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    const endSchedule = this.#pace.start()
    while (!signal.aborted) {
      await this.#pace.turn(signal)
      const delivery = signal.aborted ? null : await this.#next()
      if (delivery === null) {
        this.#pace.empty()
        continue
      }
      this.#pace.began()
      try {
        await this.#work(delivery)
      } catch (thrown) {
        await this.#stumble(delivery, asIntegrationError(thrown))
      }
      this.#parts.report({ observed: 'idle' })
      this.#pace.ended()
    }
    endSchedule()
    await this.#close()
  }

  /** Something nobody foresaw: it must neither lose the message nor end the worker. */
  async #stumble(delivery: Delivery, error: IntegrationError): Promise<void> {
    const { log, retry } = this.#parts
    log.error('a message could not be worked on; it goes back to its store and comes again', {
      messageId: delivery.message.id,
      reason: error.message,
      code: error.code,
      cause: error.cause,
    })
    await this.#close()
    this.#pace.delay(retry.interval)
  }

  /** The next message, however long the store is away. Null: none now, or the worker is to end. */
  async #next(): Promise<Delivery | null> {
    const { signal } = this.#stop
    const { waitMs } = this.#pace
    while (!signal.aborted) {
      try {
        this.#consumer ??= await this.#parts.open()
        const delivery = await this.#take(this.#consumer, waitMs, signal)
        if (delivery || waitMs !== Infinity) return delivery
        // The consumer ended although nobody stopped us: its store was replaced.
        await this.#close()
      } catch (thrown) {
        await this.#close()
        await this.#storeAway(asIntegrationError(thrown))
      }
    }
    return null
  }

  async #take(consumer: Consumer, waitMs: number, signal: AbortSignal): Promise<Delivery | null> {
    // Until the store has answered once, nobody can tell whether the wait is for a message or for the store.
    if (!this.#reached || this.#outage > 0) {
      const delivery = await consumer.take(0, signal)
      this.#reachedStore()
      if (delivery) return delivery
    }
    return consumer.take(waitMs, signal)
  }

  #reachedStore(): void {
    if (this.#outage > 0) this.#parts.report({ observed: 'idle' })
    this.#reached = true
    this.#outage = 0
  }

  async #storeAway(error: IntegrationError): Promise<void> {
    const { clock, log, reconnect, report, storeReady, deployed } = this.#parts
    if (this.#stop.signal.aborted) return
    this.#outage++
    const { attempts, backoff } = reconnect
    if (this.#reached && attempts > 0 && this.#outage > attempts) {
      await this.#surrender(`the store could not be reached in ${attempts} attempts: ${error.message}`, null)
      return
    }
    const ms = pauseAfter(this.#outage, backoff)
    const line = { reason: error.message, code: error.code, nextTryMs: ms }
    if (this.#outage === 1) log.warn('the message store cannot be used; trying again until it can', line)
    else log.debug('the message store still cannot be used', line)
    report({ observed: 'waiting', reason: error.message, nextTry: clock.now() + ms })
    await rest(clock, { ms, signals: [this.#stop.signal], wake: either(storeReady, deployed) })
    report({ observed: 'waiting', reason: error.message })
  }

  /** Tries until the message is settled, given back, or the loan is over. */
  async #work(delivery: Delivery): Promise<void> {
    const { clock, log, handler, retry, maxAttempts, report } = this.#parts
    const messageId = delivery.message.id
    const ends = [this.#stop.signal, delivery.ended]
    let { attempts } = delivery
    // On its way out when the process ended. It may have arrived there: sent once more from here, it would count twice (P5).
    const isLeaving = maxAttempts > 0 && attempts > 0 && attempts % maxAttempts === 0
    if (isLeaving && handler.disposes?.(delivery)) return this.#exhausted(delivery)
    let waitingFor = ''
    if (delivery.lastTry) {
      const { notBefore, error } = delivery.lastTry
      const ms = Math.min(notBefore - clock.now(), LONGEST_KEPT_PAUSE)
      if (ms > 0) {
        report({ observed: 'waiting', reason: error, messageId, attempts, nextTry: clock.now() + ms })
        await rest(clock, { ms, signals: ends, wake: handler.resumed?.bind(handler) })
      }
    }
    for (;;) {
      if (delivery.ended?.aborted) return this.#lost(delivery)
      if (this.#stop.signal.aborted) return delivery.release()
      report({ observed: 'working', messageId, attempts })
      const tried = await handler.attempt(delivery, attempts + 1, this.#cut.signal)
      switch (tried.outcome) {
        case 'delivered':
          return this.#acknowledge(delivery)
        case 'settled':
          return
        case 'stuck':
          return this.#surrender(tried.reason, delivery)
        case 'waiting': {
          const { reason, until, wake } = tried
          if (reason !== waitingFor) log.info('a message waits', { messageId, reason })
          waitingFor = reason
          const ms = until === undefined ? (wake ? undefined : retry.interval) : Math.max(1, until - clock.now())
          report({
            observed: 'waiting',
            reason,
            messageId,
            attempts,
            ...(ms !== undefined && { nextTry: clock.now() + ms }),
          })
          const look = until === undefined ? ms : Math.min(ms!, LOOK_AGAIN)
          await rest(clock, { ms: look, signals: ends, wake })
          continue
        }
        case 'failed': {
          // A send that we cut off ourselves proves nothing.
          if (this.#cut.signal.aborted) return delivery.release()
          attempts++
          const round = maxAttempts > 0 ? ((attempts - 1) % maxAttempts) + 1 : attempts
          const ms = pauseAfter(round, retry)
          const { error } = tried
          if (!(await this.#remember(delivery, error, clock.now() + ms))) return this.#lost(delivery)
          if (round === maxAttempts && !this.#stop.signal.aborted) return this.#exhausted(delivery)
          waitingFor = ''
          report({ observed: 'waiting', reason: error.message, messageId, attempts, nextTry: clock.now() + ms })
          await rest(clock, { ms, signals: ends, wake: tried.wake })
        }
      }
    }
  }

  /** Keeps the failed try with the message (P4). False: the loan is over. */
  async #remember(delivery: Delivery, error: IntegrationError, notBefore: number): Promise<boolean> {
    try {
      await delivery.fail({ error: error.message, errorCode: error.code, notBefore })
      return true
    } catch (thrown) {
      const failure = asIntegrationError(thrown)
      if (failure.code === 'STORE_UNAVAILABLE') return false
      this.#parts.log.warn('a failed try could not be noted with its message; it is counted until the next restart', {
        messageId: delivery.message.id,
        reason: failure.message,
      })
      return true
    }
  }

  async #exhausted(delivery: Delivery): Promise<void> {
    const { clock, handler, maxAttempts, report, retry } = this.#parts
    const { attempts, message } = delivery
    for (let failures = 1; ; failures++) {
      const verdict = await handler.exhausted(delivery, maxAttempts)
      if (typeof verdict === 'object' && 'later' in verdict) {
        const ms = pauseAfter(failures, retry)
        const { later: reason, wake } = verdict
        report({ observed: 'waiting', reason, messageId: message.id, attempts, nextTry: clock.now() + ms })
        await rest(clock, { ms, signals: [this.#stop.signal, delivery.ended], wake })
        if (delivery.ended?.aborted) return this.#lost(delivery)
        if (this.#stop.signal.aborted) return delivery.release()
        continue
      }
      if (verdict === 'delivered') await this.#acknowledge(delivery)
      else if (verdict !== 'settled') return this.#surrender(verdict.stuck, delivery)
      return this.#pace.delay(retry.interval)
    }
  }

  async #acknowledge(delivery: Delivery): Promise<void> {
    const { clock, log, report } = this.#parts
    const messageId = delivery.message.id
    const { attempts } = delivery
    for (let failures = 1; ; failures++) {
      try {
        return await delivery.ack()
      } catch (thrown) {
        const { message: reason } = asIntegrationError(thrown)
        // A store that has taken the message back still has to be told: what it then delivers again is dropped.
        if (this.#stop.signal.aborted) {
          const text =
            'a message was delivered, but its store could not be told; it may be sent once more, with the same id'
          log.warn(text, { messageId, reason })
          return delivery.release()
        }
        log.warn('a message was delivered, but its store could not be told yet; it is not sent again meanwhile', {
          messageId,
          reason,
        })
        const ms = pauseAfter(failures, ACK_AGAIN)
        report({ observed: 'waiting', reason, messageId, attempts, nextTry: clock.now() + ms })
        await rest(clock, { ms, signals: [this.#stop.signal], wake: this.#parts.storeReady })
        report({ observed: 'waiting', reason, messageId, attempts })
      }
    }
  }

  #lost(delivery: Delivery): Promise<void> {
    this.#parts.log.info('the store has taken a message back; it will come again', { messageId: delivery.message.id })
    return delivery.release()
  }

  async #surrender(reason: string, delivery: Delivery | null): Promise<void> {
    this.#stop.abort()
    const { giveUp, handler } = this.#parts
    const deactivated = await giveUp(reason, delivery)
    // Not before: another worker of this processor would take it while it is still working.
    await delivery?.release()
    if (deactivated && delivery) await handler.gaveUp?.(delivery)
  }

  async #close(): Promise<void> {
    const consumer = this.#consumer
    this.#consumer = null
    try {
      await consumer?.[Symbol.asyncDispose]()
    } catch (thrown) {
      this.#parts.log.debug('a consumer did not close cleanly', { reason: asIntegrationError(thrown).message })
    }
  }
}
