import { jmsFrom, messageFrom, type Hyphens, type ReadingRules } from '../../codecs/jms.ts'
import { randomUUID } from 'node:crypto'
import { fromJms, type JmsDestination, type JmsMessage, type JmsWork } from '../../drivers/jms/index.ts'
import { Exchange, type MessageContext } from '../../kernel/context.ts'
import type { Log } from '../../kernel/contracts.ts'
import { asIntegrationError, IntegrationError, textOf } from '../../kernel/errors.ts'
import { DeliveryKeys, FlowWork } from '../../kernel/flow-work.ts'
import { Transaction } from '../../kernel/transaction.ts'
import type { Injector } from '../../runtime/injection.ts'
import type { Services } from '../../schema/services.ts'
import type { Place } from './places.ts'

export interface DeliveryRules {
  readonly called: string
  readonly reading: ReadingRules
  readonly contentTypeProperty: string | undefined
  readonly hyphens: Hyphens
  /** Where answers go, whatever the message says. */
  readonly replyTo: JmsDestination | undefined
  readonly transactionTimeout: number
  readonly properties: Readonly<Record<string, string>>
}

export interface DeliveryParts {
  readonly place: Place
  readonly injector: Injector
  readonly rules: DeliveryRules
  readonly services: Services
  readonly log: Log
}

/** What became of one run of the flow: null if the message is done, else why it is not. */
export type Verdict = string | null

/** Which message this is, however often it comes; undefined: nothing says so. */
export function identityOf({ properties, messageId }: JmsMessage): string | undefined {
  const own = properties.get('OrigMessageID')
  if (typeof own === 'string' && own !== '') return own
  return messageId === undefined || messageId === '' ? undefined : messageId.replace(/^ID:/, '')
}

/** Runs the flow of one message; what it sends to the same broker is part of `lent`, if there is a transaction. */
export class FlowRun {
  readonly #parts: DeliveryParts
  readonly #given: JmsMessage
  readonly #lent: JmsWork | null
  readonly #transaction: Transaction | null
  readonly #answers: Promise<void>[] = []
  #ctx: MessageContext | null = null

  constructor(parts: DeliveryParts, given: JmsMessage, lent: JmsWork | null) {
    this.#parts = parts
    this.#given = given
    this.#lent = lent
    this.#transaction = lent && new Transaction(parts.rules.called, { strict: false })
  }

  /** Throws `MESSAGE_UNREADABLE` for a message no flow can look into. Never rejects for what happens in the flow. */
  async run(attempt: number, stopping: AbortSignal): Promise<Verdict> {
    const { rules, injector, place } = this.#parts
    const message = messageFrom(this.#given, rules.reading)
    message.headers.set('JMS_REDELIVERED', String(attempt > 1))
    const work = new FlowWork()
    const transaction = this.#transaction
    const lent = this.#lent
    if (transaction && lent) {
      await transaction.enlist(place.manager, () => Promise.resolve(lent))
      work.transaction = transaction
    }
    const exchange = new Exchange(this.#sink())
    const cut = new AbortController()
    let ctx!: MessageContext
    const prepare = (made: MessageContext): void => {
      this.#ctx = ctx = made
      ctx.work = work
      const id = identityOf(this.#given)
      if (id !== undefined) ctx.keys = new DeliveryKeys(id, attempt)
      for (const name in rules.properties) ctx.properties.set(name, rules.properties[name])
      ctx.properties.set('jms.message.delivery.count', attempt)
    }
    const flow = injector
      .inject(message, prepare, cut.signal, exchange)
      .then(() => work.over())
      .then(() => Promise.all(this.#answers))
      .then(
        () => undefined,
        (thrown: unknown) => exchange.noteUnhandled(asIntegrationError(thrown)),
      )
    const inTime = transaction === null || (await this.#within(flow, rules.transactionTimeout, stopping))
    if (!inTime) {
      const why = `the flow did not end within ${rules.transactionTimeout} ms (transport.jms.transaction.timeout)`
      transaction?.spoil(why)
      cut.abort()
      return why
    }
    await flow
    return this.#verdict(ctx, exchange)
  }

  /** Of the flow, once it has begun. */
  get ctx(): MessageContext | null {
    return this.#ctx
  }

  /** With the end of the flow the work is committed or rolled back by whoever has the session: nothing more takes part. */
  close(): void {
    this.#transaction?.close()
  }

  async #within(flow: Promise<unknown>, ms: number, stopping: AbortSignal): Promise<boolean> {
    const patience = new AbortController()
    const ended = await Promise.race([
      flow.then(() => true),
      this.#parts.services.clock.sleep(ms, patience.signal).then(() => false),
    ])
    patience.abort()
    return ended || stopping.aborted
  }

  #verdict(ctx: MessageContext, exchange: Exchange): Verdict {
    for (const name of ['SET_ROLLBACK_ONLY', 'SET_RECOVER']) {
      const set = [ctx.operation.get(name), ctx.properties.get(name), ctx.message.flag(name)]
      if (set.some(value => String(value).toLowerCase() === 'true')) return this.#reasonIn(ctx, name)
    }
    if (exchange.unhandled) return exchange.unhandled.message
    return this.#transaction?.rollbackOnly ?? null
  }

  #reasonIn(ctx: MessageContext, name: string): string {
    const error = ctx.properties.get('ERROR_MESSAGE')
    return `the flow asked for it (${name})${error === undefined ? '' : ` after: ${String(error)}`}`
  }

  /** Where somebody waits for the answer of the flow. */
  #sink(): ConstructorParameters<typeof Exchange>[0] {
    const destination = this.#parts.rules.replyTo ?? this.#given.replyTo
    if (!destination) return null
    return {
      reply: message => {
        const answering = this.#answer(message, destination)
        // Awaited at the end of the flow.
        answering.catch(() => undefined)
        this.#answers.push(answering)
      },
      acknowledge: () => undefined,
    }
  }

  async #answer(message: MessageContext['message'], destination: JmsDestination): Promise<void> {
    const { rules, place, services } = this.#parts
    await message.body.collect()
    const correlationId = this.#given.correlationId ?? this.#given.messageId
    const answer = jmsFrom(message, {
      contentTypeProperty: rules.contentTypeProperty,
      hyphens: rules.hyphens,
      messageId: `ID:${randomUUID()}`,
      now: services.clock.now(),
      ...(correlationId !== undefined && { correlationId }),
    })
    if (!this.#transaction) return place.put(destination, answer)
    const work = await this.#transaction.enlist<JmsWork>(place.manager, () =>
      Promise.reject(new IntegrationError('TRANSACTION_FAILED', 'the session is gone')),
    )
    await work.send(destination, answer)
  }
}

/** Keeps a message no flow can look into where an operator finds it; only then does it leave its queue. */
export async function quarantine(given: JmsMessage, name: string, thrown: unknown, services: Services): Promise<void> {
  const read = fromJms(given, services.clock.now())
  // Whoever knows what it is says it better.
  const reason = read.readable ? textOf(thrown) : read.reason
  await services.quarantine(name, Buffer.concat([...services.encode(read.message)]), reason)
}

/** The message for a dead-letter queue: the same, with why it is there. */
export function deadLetter(given: JmsMessage, queue: string, reason: string): JmsMessage {
  const {
    body,
    persistent,
    priority,
    messageId,
    correlationId,
    replyTo,
    type,
    timestamp,
    groupId,
    groupSequence,
    contentType,
  } = given
  const properties = new Map(given.properties)
  properties.set('dlqDeliveryFailureCause', reason)
  properties.set('originalDestination', queue)
  properties.delete('_AMQ_DUPL_ID')
  return {
    body,
    properties,
    persistent,
    priority,
    ...(messageId !== undefined && { messageId }),
    ...(correlationId !== undefined && { correlationId }),
    ...(replyTo && { replyTo }),
    ...(type !== undefined && { type }),
    ...(timestamp !== undefined && { timestamp }),
    ...(groupId !== undefined && { groupId }),
    ...(groupSequence !== undefined && { groupSequence }),
    ...(contentType !== undefined && { contentType }),
  }
}
