import type { Hyphens } from '../../codecs/jms.ts'
import type { MessageSource, SourceState } from '../../kernel/contracts.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import { Injector } from '../../runtime/injection.ts'
import type { JmsListening } from '../../runtime/jms/contracts.ts'
import { namesOf } from '../../runtime/jms/parameters.ts'
import type { Services } from '../../schema/services.ts'
import { Observed } from '../observed.ts'
import { QueueConsumer, type ConsumerParts } from './consumer.ts'
import type { Places } from './places.ts'
import { FailureLedger } from './redelivery.ts'
import { Throttle } from './throttle.ts'

/** How long one receive of a consumer that stays may take; it ends at once when the listener stops. */
const WAIT = 60_000
const LONGEST_PAUSE = 60_000
const LEDGER = { count: 20_000, ageMs: 7 * 24 * 3_600_000 }

/** Takes messages from one queue with as many consumers as it is told to, for a proxy or an inbound endpoint. */
export class QueueListener implements MessageSource {
  readonly #listening: JmsListening
  readonly #services: Services
  readonly #places: Places
  readonly #throttle: Throttle
  #parts: ConsumerParts | null = null
  #stopping = new AbortController()
  #running = new Set<Promise<void>>()
  #busy = 0
  #consumers = 0
  /** Consumers that can take messages at this moment. */
  #open = 0
  readonly #observed: Observed
  /** Rollbacks without a success between them. */
  #rollbacks = 0
  /** Clock milliseconds until which nothing is taken. */
  #pausedUntil = 0

  constructor(listening: JmsListening, services: Services, places: Places) {
    this.#listening = listening
    this.#services = services
    this.#places = places
    this.#throttle = new Throttle(services.clock, listening.throttle)
    this.#observed = new Observed(services.clock)
  }

  get state(): SourceState {
    return this.#observed.state
  }

  /** Rejects where the parameters name no broker that can be used; whatever passes is in the state. */
  async start(): Promise<void> {
    this.#parts ??= this.#made()
    this.#stopping = new AbortController()
    this.#pausedUntil = 0
    this.#rollbacks = 0
    this.#observed.set('connecting', 'it connects')
    const { parameters, least } = this.#listening
    const wanted = this.#isShared ? Math.max(parameters.consumers, least) : 1
    for (let index = 0; index < wanted; index++) this.#add(false)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#running)
    this.#observed.set('stopped', 'it was stopped')
  }

  /** Several readers of a topic would each get every message. */
  get #isShared(): boolean {
    return this.#parts?.consumer.from.kind === 'queue'
  }

  #made(): ConsumerParts {
    const { parameters, jndi, origin, called, entrance, transacted, properties, log } = this.#listening
    const resolved = this.#places.resolve(namesOf(parameters, jndi), origin.name)
    const wrong = resolved.remarks.find(({ severity }) => severity === 'error')
    if (!resolved.target) {
      const why = wrong ? `${wrong.message}. ${wrong.hint ?? ''}`.trim() : 'no broker is named'
      throw new IntegrationError('NO_ADDRESS', `${called} names no queue that can be read: ${why}`)
    }
    const reconnecting = { ...resolved.target.reconnecting, ...reconnectingOf(parameters) }
    const place = this.#places.at({ ...resolved.target, reconnecting })
    const hyphens: Hyphens = parameters.hyphens
    const { contentTypeRules: rules, contentTypeProperty } = parameters
    const types = contentTypeProperty === undefined ? [] : [contentTypeProperty]
    return {
      place,
      injector: new Injector(origin, entrance, this.#services, log),
      services: this.#services,
      log,
      quarantineName: origin.name,
      failures: new FailureLedger(this.#services.journal.ledger(`jms failures:${origin.label}`, LEDGER)),
      rules: {
        called,
        reading: {
          contentType: { ...rules, properties: [...(rules?.properties ?? []), ...types] },
          hyphens,
          limit: this.#services.settings.maxBodySize,
        },
        contentTypeProperty,
        hyphens,
        replyTo: resolved.replyQueue === undefined ? undefined : { kind: 'queue', name: resolved.replyQueue },
        transactionTimeout: parameters.transactionTimeout,
        properties,
      },
      consumer: {
        from: {
          kind: resolved.isTopic ? 'topic' : 'queue',
          name: resolved.queue,
          ...(resolved.subscription && { subscription: resolved.subscription.name }),
        },
        selector: parameters.selector,
        // What a topic has handed out to a reader that is not known by name is nowhere kept, to come again.
        transacted: transacted && (!resolved.isTopic || resolved.subscription !== undefined),
        prefetch: parameters.prefetch,
        redelivery: resolved.options.redelivery,
        deadLetter: parameters.deadLetter,
      },
    }
  }

  /** `surplus`: ends when there is nothing to do for a while. */
  #add(surplus: boolean): void {
    this.#consumers++
    const running = this.#run(new QueueConsumer(this.#parts!), surplus, this.#stopping.signal)
      .catch((thrown: unknown) => {
        this.#listening.log.error(`${this.#listening.called}: a consumer broke`, { error: thrown })
      })
      .finally(() => {
        this.#consumers--
        this.#running.delete(running)
      })
    this.#running.add(running)
  }

  async #run(consumer: QueueConsumer, surplus: boolean, stopping: AbortSignal): Promise<void> {
    // Consumers that stay are never idle for too long.
    const idleLimit = surplus ? this.#listening.parameters.idleTaskLimit : Number.POSITIVE_INFINITY
    let errors = 0
    let idle = 0
    let counted = false
    const count = (open: boolean): void => {
      if (open !== counted) this.#open += open ? 1 : -1
      counted = open
    }
    try {
      while (!stopping.aborted && idle < idleLimit) {
        try {
          if (this.#isPaused()) {
            await consumer.close()
            count(false)
            await this.#services.clock.sleep(this.#pausedUntil - this.#services.clock.now(), stopping)
            continue
          }
          await consumer.open()
          count(true)
          if (errors > 0 || this.#observed.state.observed !== 'listening') this.#listens()
          errors = 0
          idle = (await this.#takeOne(consumer, surplus, stopping)) ? 0 : idle + 1
        } catch (thrown) {
          count(consumer.isOpen)
          await this.#pauseAfter(asIntegrationError(thrown), errors++, stopping)
        }
      }
    } finally {
      count(false)
      await consumer.close()
    }
  }

  async #takeOne(consumer: QueueConsumer, surplus: boolean, stopping: AbortSignal): Promise<boolean> {
    const { parameters, log, called } = this.#listening
    const received = await consumer.take(surplus ? parameters.receiveTimeout : WAIT, stopping)
    if (!received) return false
    const turn = this.#throttle.turn()
    if (turn > 0) await this.#services.clock.sleep(turn, stopping)
    this.#busy++
    if (this.#isShared && this.#busy === this.#consumers && this.#consumers < parameters.maxConsumers) this.#add(true)
    try {
      const verdict = await consumer.handle(received, stopping)
      if (verdict === null) this.#rollbacks = 0
      else if (++this.#rollbacks === parameters.retriesBeforeSuspension) {
        this.#rollbacks = 0
        this.#pause(verdict)
        log.warn(
          `${called}: nothing is taken for a while after ${parameters.retriesBeforeSuspension} rollbacks in a row`,
          {
            reason: verdict,
          },
        )
      }
    } finally {
      this.#busy--
    }
    return true
  }

  #isPaused(): boolean {
    return this.#pausedUntil > this.#services.clock.now()
  }

  #pause(reason: string): void {
    const { suspensionPeriod, retriesBeforeSuspension } = this.#listening.parameters
    const until = suspensionPeriod === 0 ? Number.MAX_SAFE_INTEGER : this.#services.clock.now() + suspensionPeriod
    this.#pausedUntil = until
    const forGood = suspensionPeriod === 0 ? '; it has to be activated again' : ''
    this.#observed.set(
      'waiting',
      `${retriesBeforeSuspension} rollbacks in a row, the last one: ${reason}${forGood}`,
      until,
    )
  }

  async #pauseAfter(why: IntegrationError, errors: number, stopping: AbortSignal): Promise<void> {
    const { consumeErrorDelay, consumeErrorProgression } = this.#listening.parameters
    const pause = Math.min(
      LONGEST_PAUSE,
      Math.max(1, consumeErrorDelay) * consumeErrorProgression ** Math.min(errors, 64),
    )
    if (this.#open === 0 && !stopping.aborted) {
      if (this.#observed.state.observed === 'listening' || errors === 0)
        this.#listening.log.warn(`${this.#listening.called} cannot take messages; it goes on trying`, {
          reason: why.message,
        })
      this.#observed.set('connecting', why.message, this.#services.clock.now() + pause)
    }
    await this.#sleepUnlessReady(pause, stopping)
  }

  /** Nobody waits for a pause to end once the broker is there again. */
  async #sleepUnlessReady(ms: number, stopping: AbortSignal): Promise<void> {
    const ready = new AbortController()
    const forget = this.#parts!.place.connection.onStatus(({ state }) => {
      if (state === 'ready') ready.abort()
    })
    await this.#services.clock.sleep(ms, AbortSignal.any([stopping, ready.signal]))
    forget()
  }

  #listens(): void {
    if (this.#isPaused()) return
    const { from } = this.#parts!.consumer
    this.#observed.set('listening')
    this.#listening.log.info(`${this.#listening.called} takes messages from ${from.kind} ${from.name}`)
  }
}

function reconnectingOf(parameters: JmsListening['parameters']): {
  initialDelay?: number
  maxDelay?: number
  factor?: number
} {
  const { retryDuration, reconnectInterval, initialReconnect, reconnectFactor, maxReconnect } = parameters
  const fixed = retryDuration ?? reconnectInterval
  if (fixed !== undefined) return { initialDelay: fixed, maxDelay: fixed, factor: 1 }
  return {
    ...(initialReconnect !== undefined && { initialDelay: initialReconnect, maxDelay: maxReconnect ?? 60_000 }),
    ...(maxReconnect !== undefined && { maxDelay: maxReconnect }),
    ...(reconnectFactor !== undefined && { factor: reconnectFactor }),
  }
}
