/** RabbitMQ without a network: what the driver uses of amqplib, over queues in memory. */
import { EventEmitter } from 'node:events'
import type { Channel, ChannelModel, ConfirmChannel, Message, Options } from 'amqplib'
import type { Dialer } from '../drivers/jms/contracts.ts'
import { RabbitLive } from '../drivers/rabbitmq/live.ts'
import type { Route, RouteOf } from '../drivers/rabbitmq/index.ts'
import { IntegrationError } from '../kernel/errors.ts'

interface Kept {
  readonly content: Buffer
  readonly properties: Message['properties']
  readonly exchange: string
  readonly routingKey: string
  /** Place in the order; what is given back has the one it had. */
  readonly order: number
  redelivered: boolean
}

interface FakeQueue {
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
  readonly ready: Kept[]
  readonly consumers: {
    readonly tag: string
    readonly channel: FakeChannel
    readonly give: (message: Message | null) => void
  }[]
}

/** What the broker does with what is published: `keeps` it, `refuses` it (nack), or says nothing. */
type Mood = 'keeps' | 'refuses' | 'silent'

export class FakeRabbit {
  readonly queues = new Map<string, FakeQueue>()
  /** Names of exchanges, and the queues bound to them by key. */
  readonly exchanges = new Map<string, Map<string, string[]>>()
  /** Declarations in order, as `queue NAME` and `exchange NAME`. */
  readonly declared: string[] = []
  readonly published: { readonly exchange: string; readonly routingKey: string; readonly options: Options.Publish }[] =
    []
  mood: Mood = 'keeps'
  /** Nothing listens. */
  away = false
  connections = 0
  /** Open at this moment. */
  channels = 0
  #order = 0
  readonly #models = new Set<FakeModel>()

  /** How a store reaches it. */
  readonly dialer = (route: Route): Dialer => this.dialerFor(() => route)

  /** How a transport reaches it. */
  readonly dialerFor = (routeOf: RouteOf): Dialer => {
    return () => async host => {
      if (this.away) throw new IntegrationError('STORE_UNAVAILABLE', 'nothing listens there')
      this.connections++
      const model = new FakeModel(this)
      this.#models.add(model)
      const live = new RabbitLive({
        model: model as unknown as ChannelModel,
        host,
        routeOf,
        destroy: () => model.end(),
      })
      model.on('close', () => {
        this.#models.delete(model)
        live.lose(new IntegrationError('STORE_UNAVAILABLE', 'the connection was cut'))
      })
      return live
    }
  }

  /** Queues that a crash makes it forget: it has noted nothing durable since they were made (Mnesia). */
  readonly #unsettled = new Set<string>()
  /** What the user may not do is answered with 403. */
  mayBind = true

  madeBy(name: string): void {
    if (!this.queues.has(name)) this.#unsettled.add(name)
  }

  noted(): void {
    this.#unsettled.clear()
  }

  /** Is killed, and starts again. */
  crash(): void {
    this.cut()
    for (const name of this.#unsettled) this.queues.delete(name)
    this.#unsettled.clear()
  }

  /** Every connection breaks. */
  cut(): void {
    for (const model of this.#models) model.end()
  }

  block(reason: string): void {
    for (const model of this.#models) model.emit('blocked', reason)
  }

  unblock(): void {
    for (const model of this.#models) model.emit('unblocked')
  }

  deleteQueue(name: string): void {
    const queue = this.queues.get(name)
    this.queues.delete(name)
    for (const { give } of queue?.consumers ?? []) give(null)
  }

  make(name: string, given: Readonly<Record<string, unknown>> = {}): FakeQueue {
    const known = this.queues.get(name)
    if (known) return known
    const queue: FakeQueue = { name, arguments: given, ready: [], consumers: [] }
    this.queues.set(name, queue)
    return queue
  }

  depth(name: string): number {
    return this.queues.get(name)?.ready.length ?? 0
  }

  /** As somebody else's program does it. */
  put(queue: string, content: string | Buffer, properties: Readonly<Record<string, unknown>> = {}): void {
    this.route('', queue, Buffer.from(content as string), { headers: {}, ...properties })
  }

  /** False if no queue takes it. */
  route(exchange: string, routingKey: string, content: Buffer, properties: Readonly<Record<string, unknown>>): boolean {
    const names = exchange === '' ? [routingKey] : (this.exchanges.get(exchange)?.get(routingKey) ?? [])
    const queues = names.flatMap(name => this.queues.get(name) ?? [])
    for (const queue of queues) {
      queue.ready.push({
        content,
        properties: properties as unknown as Message['properties'],
        exchange,
        routingKey,
        order: this.#order++,
        redelivered: false,
      })
      this.push(queue)
    }
    return queues.length > 0
  }

  push(queue: FakeQueue): void {
    for (const consumer of queue.consumers) {
      while (queue.ready.length > 0 && consumer.channel.hasRoom(consumer.tag)) {
        consumer.give(consumer.channel.lend(queue, queue.ready.shift()!, consumer.tag))
      }
    }
  }

  giveBack(queueName: string, message: Kept): void {
    const queue = this.queues.get(queueName)
    if (!queue) return
    message.redelivered = true
    queue.ready.push(message)
    queue.ready.sort((a, b) => a.order - b.order)
  }
}

class FakeModel extends EventEmitter {
  readonly connection = { serverProperties: { product: 'RabbitMQ', version: 'fake' } }
  readonly #rabbit: FakeRabbit
  readonly #channels = new Set<FakeChannel>()

  constructor(rabbit: FakeRabbit) {
    super()
    this.#rabbit = rabbit
  }

  async createChannel(): Promise<Channel> {
    const channel = new FakeChannel(this.#rabbit)
    this.#channels.add(channel)
    return channel as unknown as Channel
  }

  createConfirmChannel(): Promise<ConfirmChannel> {
    return this.createChannel() as Promise<ConfirmChannel>
  }

  async close(): Promise<void> {
    this.end()
  }

  end(): void {
    for (const channel of this.#channels) channel.end()
    this.#channels.clear()
    this.emit('close')
  }
}

let tags = 0

class FakeChannel extends EventEmitter {
  readonly #rabbit: FakeRabbit
  readonly #unsettled = new Map<number, { readonly queue: string; readonly message: Kept; readonly consumer: string }>()
  readonly #limits = new Map<string, number>()
  readonly #unconfirmed = new Set<(error: Error) => void>()
  #prefetch = 0
  #deliveryTag = 0
  #closed = false

  constructor(rabbit: FakeRabbit) {
    super()
    this.#rabbit = rabbit
    rabbit.channels++
  }

  async checkQueue(name: string): Promise<{ messageCount: number }> {
    await turn()
    const queue = this.#rabbit.queues.get(name)
    if (!queue) throw this.#refuse(404, `NOT_FOUND - no queue '${name}'`)
    return { messageCount: queue.ready.length }
  }

  async assertQueue(name: string, options: Options.AssertQueue = {}): Promise<{ queue: string }> {
    await turn()
    const given = name === '' ? `amq.gen-${++tags}` : name
    this.#rabbit.declared.push(`queue ${given}`)
    this.#rabbit.madeBy(given)
    this.#rabbit.make(given, { ...(options.arguments as object), durable: options.durable })
    return { queue: given }
  }

  async checkExchange(name: string): Promise<void> {
    await turn()
    if (!this.#rabbit.exchanges.has(name)) throw this.#refuse(404, `NOT_FOUND - no exchange '${name}'`)
  }

  async assertExchange(name: string): Promise<void> {
    await turn()
    this.#rabbit.declared.push(`exchange ${name}`)
    this.#rabbit.exchanges.set(name, new Map())
  }

  async bindQueue(queue: string, exchange: string, key: string): Promise<void> {
    await turn()
    if (!this.#rabbit.mayBind) throw this.#refuse(403, `ACCESS_REFUSED - read access to exchange '${exchange}'`)
    this.#rabbit.noted()
    const keys = this.#rabbit.exchanges.get(exchange) ?? new Map<string, string[]>()
    this.#rabbit.exchanges.set(exchange, keys)
    keys.set(key, [...new Set([...(keys.get(key) ?? []), queue])])
  }

  async unbindQueue(queue: string, exchange: string, key: string): Promise<void> {
    await turn()
    const keys = this.#rabbit.exchanges.get(exchange)
    const left = keys?.get(key)?.filter(bound => bound !== queue) ?? []
    if (left.length > 0) keys?.set(key, left)
    else keys?.delete(key)
  }

  async prefetch(count: number): Promise<void> {
    this.#prefetch = count
  }

  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: Options.Publish,
    confirm: (error: Error | null) => void,
  ): boolean {
    if (this.#closed) throw new Error('Channel closed')
    this.#unconfirmed.add(confirm)
    setImmediate(() => this.#take(exchange, routingKey, content, options, confirm))
    return true
  }

  #take(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: Options.Publish,
    confirm: (error: Error | null) => void,
  ): void {
    if (this.#closed) return
    const { mood } = this.#rabbit
    this.#rabbit.published.push({ exchange, routingKey, options })
    if (mood === 'silent') return
    this.#unconfirmed.delete(confirm)
    if (mood === 'refuses') return confirm(new Error('message nacked'))
    const properties = { ...options, deliveryMode: options.persistent ? 2 : 1 }
    if (!this.#rabbit.route(exchange, routingKey, content, properties) && options.mandatory) {
      this.emit('return', { content, properties, fields: { replyCode: 312, replyText: 'NO_ROUTE' } })
    }
    confirm(null)
  }

  async get(name: string): Promise<Message | false> {
    await turn()
    const queue = this.#rabbit.queues.get(name)
    if (!queue) throw this.#refuse(404, `NOT_FOUND - no queue '${name}'`)
    if (queue.arguments['x-single-active-consumer'] === true) throw this.#refuse(405, 'RESOURCE_LOCKED - single active')
    const next = queue.ready.shift()
    return next ? this.lend(queue, next, '') : false
  }

  async consume(name: string, give: (message: Message | null) => void): Promise<{ consumerTag: string }> {
    await turn()
    const queue = this.#rabbit.queues.get(name)
    if (!queue) throw this.#refuse(404, `NOT_FOUND - no queue '${name}'`)
    const tag = `ctag-${++tags}`
    this.#limits.set(tag, this.#prefetch)
    queue.consumers.push({ tag, channel: this, give })
    setImmediate(() => this.#rabbit.push(queue))
    return { consumerTag: tag }
  }

  async cancel(tag: string): Promise<void> {
    await turn()
    this.#leave(tag)
  }

  hasRoom(tag: string): boolean {
    const limit = this.#limits.get(tag) ?? 0
    const held = [...this.#unsettled.values()].filter(({ consumer }) => consumer === tag).length
    return !this.#closed && (limit === 0 || held < limit)
  }

  lend(queue: FakeQueue, message: Kept, consumer: string): Message {
    const deliveryTag = ++this.#deliveryTag
    this.#unsettled.set(deliveryTag, { queue: queue.name, message, consumer })
    const { content, properties, redelivered, exchange, routingKey } = message
    return { content, properties, fields: { deliveryTag, redelivered, exchange, routingKey } }
  }

  ack({ fields }: Message): void {
    this.#settled(fields.deliveryTag)
  }

  nack({ fields }: Message, _all: boolean, requeue: boolean): void {
    const held = this.#settled(fields.deliveryTag)
    const queue = held && this.#rabbit.queues.get(held.queue)
    if (!held || !queue) return
    if (requeue) this.#rabbit.giveBack(held.queue, held.message)
    else {
      const target = queue.arguments['x-dead-letter-routing-key']
      if (typeof target === 'string')
        this.#rabbit.route('', target, held.message.content, { ...held.message.properties })
    }
    this.#rabbit.push(queue)
  }

  async close(): Promise<void> {
    await turn()
    this.end()
  }

  end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#rabbit.channels--
    for (const tag of this.#limits.keys()) this.#leave(tag)
    const held = [...this.#unsettled.values()]
    this.#unsettled.clear()
    for (const { queue, message } of held) this.#rabbit.giveBack(queue, message)
    for (const { queue } of held) if (this.#rabbit.queues.has(queue)) this.#rabbit.push(this.#rabbit.queues.get(queue)!)
    for (const confirm of this.#unconfirmed) confirm(new Error('channel closed'))
    this.#unconfirmed.clear()
    this.emit('close')
  }

  #leave(tag: string): void {
    for (const { consumers } of this.#rabbit.queues.values()) {
      const index = consumers.findIndex(consumer => consumer.tag === tag)
      if (index >= 0) consumers.splice(index, 1)
    }
  }

  #settled(tag: number) {
    const held = this.#unsettled.get(tag)
    this.#unsettled.delete(tag)
    const queue = held && this.#rabbit.queues.get(held.queue)
    if (queue) setImmediate(() => this.#rabbit.push(queue))
    return held
  }

  /** The broker closes a channel on which it refused something. */
  #refuse(code: number, text: string): Error {
    const error = Object.assign(new Error(`Channel closed by server: ${code} (${text})`), { code })
    this.emit('error', error)
    this.end()
    return error
  }
}

function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
