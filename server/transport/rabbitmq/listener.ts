import {
  accepted,
  released,
  type Incoming,
  type JmsMessage,
  type Live,
  type Received,
} from '../../drivers/jms/index.ts'
import { deathsIn, RabbitReceived } from '../../drivers/rabbitmq/index.ts'
import type { MessageSource, SourceState } from '../../kernel/contracts.ts'
import { asIntegrationError, textOf } from '../../kernel/errors.ts'
import { pauseAfter } from '../../kernel/backoff.ts'
import { Injector } from '../../runtime/injection.ts'
import type { RabbitListening } from '../../runtime/rabbitmq/contracts.ts'
import type { Services } from '../../schema/services.ts'
import { Observed } from '../observed.ts'
import { FlowRun, identityOf, quarantine, type DeliveryParts } from '../jms/delivery.ts'
import type { Place } from '../jms/places.ts'
import { Routed, routeOf, type RabbitPlaces } from './places.ts'
import { verdictOf, type Verdict } from './verdict.ts'

/** How long one receive may take; it ends at once when the listener stops. */
const WAIT = 60_000
/** A broker gives up on a consumer that holds a message for half an hour. */
const LONGEST_HOLD = 10 * 60_000
const TROUBLE = { interval: 100, maxInterval: 30_000, growth: 'exponential', factor: 2 } as const

/** What the parameters come to. */
interface Reading {
  readonly place: Place
  readonly from: Routed
  readonly delivery: DeliveryParts
  /** Rejected messages are known to be kept somewhere. */
  readonly hasDeadLetters: boolean
  /** Where messages go that were dead-lettered too often; null: they are set aside. */
  readonly errors: Routed | null
}

/** Takes messages from one queue, and settles each as its flow says. */
export class RabbitListener implements MessageSource {
  readonly #listening: RabbitListening
  readonly #services: Services
  readonly #places: RabbitPlaces
  readonly #queue: string
  readonly #observed: Observed
  #reading: Reading | null = null
  #stopping = new AbortController()
  #running: Promise<void>[] = []
  #open = 0

  constructor(listening: RabbitListening, services: Services, places: RabbitPlaces) {
    this.#listening = listening
    this.#services = services
    this.#places = places
    this.#queue = listening.parameters.queue ?? listening.origin.name
    this.#observed = new Observed(services.clock)
  }

  get state(): SourceState {
    return this.#observed.state
  }

  /** Rejects where the parameters name no broker that can be used; whatever passes is in the state. */
  async start(): Promise<void> {
    const reading = (this.#reading ??= this.#resolved())
    this.#stopping = new AbortController()
    this.#observed.set('connecting', 'it connects')
    for (let index = 0; index < this.#listening.parameters.consumers; index++)
      this.#running.push(this.#run(reading, this.#stopping.signal))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#running.splice(0))
    this.#observed.set('stopped', 'it was stopped')
  }

  async #run(reading: Reading, stopping: AbortSignal): Promise<void> {
    const { log, called } = this.#listening
    const { clock } = this.#services
    let incoming: Incoming | null = null
    let counted = false
    let troubles = 0
    /** What is on loan goes back with it. */
    const letGo = async (): Promise<void> => {
      if (counted) this.#open--
      counted = false
      const left = incoming
      incoming = null
      try {
        await left?.close()
      } catch (thrown) {
        log.debug(`${called}: a consumer did not close cleanly`, { reason: textOf(thrown) })
      }
    }
    while (!stopping.aborted) {
      try {
        if (incoming === null || incoming.over) {
          await letGo()
          const { place, from } = reading
          const live: Live = await place.connection.open(place.deadlineMs)
          incoming = live.openReceiver({ from, clock, window: 1 })
          await incoming.destination()
          counted = true
          this.#opened()
        }
        troubles = 0
        const received: Received | null = await incoming.take(WAIT, stopping)
        if (received) await this.#handle(received, reading, stopping)
      } catch (thrown) {
        const why = asIntegrationError(thrown)
        if (stopping.aborted) break
        await letGo()
        const pause = pauseAfter(++troubles, TROUBLE)
        if (troubles === 1) log.warn(`${called} cannot take messages; it goes on trying`, { reason: why.message })
        if (this.#open === 0) this.#observed.set('connecting', why.message, clock.now() + pause)
        await clock.sleep(pause, stopping)
      }
    }
    await letGo()
  }

  /** A message to its end. Rejects when the broker fails: then it comes again. */
  async #handle(received: Received, reading: Reading, stopping: AbortSignal): Promise<void> {
    const { parameters, log, called } = this.#listening
    const given = received.message
    const messageId = identityOf(given)
    const deaths = received instanceof RabbitReceived ? deathsIn(received.delivery, this.#queue) : 0
    if (parameters.maxDeaths !== undefined && deaths > parameters.maxDeaths)
      return this.#bury(received, reading, deaths)
    const verdict = await this.#judged(received, reading, stopping)
    if (verdict.kind !== 'acknowledge') {
      const what = verdict.kind === 'reject' ? 'is rejected' : `goes back to its queue in ${parameters.requeueDelay} ms`
      log.warn(`${called}: a message ${what}`, { messageId, reason: verdict.reason })
    }
    if (verdict.kind === 'acknowledge') return received.settle(accepted)
    if (verdict.kind === 'reject')
      return received.settle({ kind: 'rejected', condition: 'flow-failed', description: verdict.reason })
    await this.#services.clock.sleep(Math.min(parameters.requeueDelay, LONGEST_HOLD), stopping)
    return received.settle(released)
  }

  async #judged(received: Received, { delivery, hasDeadLetters }: Reading, stopping: AbortSignal): Promise<Verdict> {
    const { parameters, log, called, origin } = this.#listening
    const given = this.#named(received.message)
    const run = new FlowRun(delivery, given, null)
    try {
      const failure = await run.run((given.deliveryCount ?? 0) + 1, stopping)
      return verdictOf({
        ctx: run.ctx!,
        failure,
        asked: !parameters.autoAck,
        hasDeadLetters,
      })
    } catch (thrown) {
      if (asIntegrationError(thrown).code !== 'MESSAGE_UNREADABLE') throw thrown
      await quarantine(given, origin.name, thrown, this.#services)
      log.warn(`${called}: a message cannot be read and was put aside`, { reason: textOf(thrown) })
      return { kind: 'acknowledge' }
    }
  }

  /** With the content type of the artifact where it names none itself. */
  #named(message: JmsMessage): JmsMessage {
    const { contentType } = this.#listening.parameters
    return contentType === undefined || message.contentType !== undefined ? message : { ...message, contentType }
  }

  #resolved(): Reading {
    const { parameters, optional, called, entrance, origin, properties, log } = this.#listening
    const place = this.#places.at(parameters, called)
    const route = routeOf(parameters, optional, this.#queue)
    return {
      place,
      from: new Routed(route),
      hasDeadLetters: route.queue?.arguments['x-dead-letter-exchange'] !== undefined,
      errors: errorsOf(parameters),
      delivery: {
        place,
        injector: new Injector(origin, entrance, this.#services, log),
        services: this.#services,
        log,
        rules: {
          called,
          reading: {
            contentType: { properties: [] },
            hyphens: 'none',
            limit: this.#services.settings.maxBodySize,
          },
          contentTypeProperty: undefined,
          hyphens: 'none',
          replyTo: undefined,
          transactionTimeout: 0,
          properties,
        },
      },
    }
  }

  /** It was dead-lettered too often: to where its owner wants such messages, or set aside. */
  async #bury(received: Received, { place, errors }: Reading, deaths: number): Promise<void> {
    const { log, called, origin } = this.#listening
    const reason = `it was dead-lettered ${deaths} times`
    const fields = { messageId: identityOf(received.message), reason }
    if (errors === null) {
      await quarantine(received.message, origin.name, new Error(reason), this.#services)
    } else {
      await place.put(errors, received.message)
      log.warn(`${called}: a message went to the error queue`, fields)
    }
    await received.settle(accepted)
  }

  #opened(): void {
    this.#open++
    this.#observed.set('listening')
    if (this.#open === 1) this.#listening.log.info(`${this.#listening.called} takes messages from queue ${this.#queue}`)
  }
}

function errorsOf({ errorExchange, errorKey }: RabbitListening['parameters']): Routed | null {
  if (errorExchange === undefined && errorKey === undefined) return null
  return new Routed({
    routingKey: errorKey ?? '',
    ...(errorExchange !== undefined && {
      exchange: {
        name: errorExchange,
        type: 'direct',
        declare: false,
        durable: true,
        autoDelete: false,
        arguments: {},
      },
    }),
  })
}
