import type { Socket } from 'node:net'
import type { Clock, Timer } from '../../kernel/clock.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import { addressOf } from '../jms/target.ts'
import type { BrokerHost, BrokerTarget } from '../jms/target.ts'
import { unusable, whyBroken } from '../jms/socket.ts'
import { BrokerException } from './broker-exception.ts'
import { readStructure, writeStructure } from './commands.ts'
import type { AnyStructure, Sent, Structure, Throwable } from './commands.ts'
import { FrameSplitter } from './frames.ts'
import { GREETING_LENGTH, mayBeOpenWire } from './greeting.ts'
import { agree, offer } from './negotiation.ts'
import type { Agreement, Wishes } from './negotiation.ts'
import { OpenWireWriter } from './writer.ts'

export { BrokerException } from './broker-exception.ts'

/** Called once: null when the broker did what it was asked. */
export type Answer = (why: IntegrationError | null) => void

export interface ChannelParts {
  readonly host: BrokerHost
  readonly target: BrokerTarget
  readonly clock: Clock
  /** Connected. */
  readonly socket: Socket
  readonly connectionId: string
}

/** Thirds of the agreed silence. */
const PATIENCE = 5

/** Encoding is synchronous, so one is enough for all. */
const writer = new OpenWireWriter()

/**
 * One connection to a broker that speaks OpenWire: commands out, answers and deliveries in, a sign of life in both
 * directions. It is used until it is gone and never comes back.
 */
export class Channel {
  readonly connectionId: string
  readonly host: BrokerHost
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #wishes: Wishes
  readonly #splitter: FrameSplitter
  readonly #asked = new Map<number, Answer>()
  readonly #consumers = new Map<number, (dispatch: Structure<'MessageDispatch'> | null) => void>()
  #agreement: Agreement | null = null
  #agreed: (() => void) | null = null
  #first: Buffer = Buffer.alloc(0)
  #gone: IntegrationError | null = null
  #listeners = new Set<(why: IntegrationError) => void>()
  #lastCommand = 0
  #lastId = 0
  #corked = false
  #heard = true
  #spoke = true
  #silence = 0
  #pulse: Timer | null = null

  constructor(parts: ChannelParts) {
    const { host, target, clock, socket, connectionId } = parts
    this.host = host
    this.connectionId = connectionId
    this.#socket = socket
    this.#clock = clock
    this.#wishes = {
      idleTimeout: target.idleTimeout,
      ...(target.maxMessageSize !== undefined && { maxFrameSize: target.maxMessageSize }),
    }
    this.#splitter = new FrameSplitter(offerLimit(this.#wishes), frame => this.#came(frame))
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', (error: unknown) => this.lose(unusable(this.place, whyBroken(error), error)))
    socket.on('close', () => this.lose(unusable(this.place, 'the connection was closed')))
  }

  get place(): string {
    return addressOf(this.host)
  }

  get gone(): IntegrationError | null {
    return this.#gone
  }

  /** Only after the handshake. */
  get agreement(): Agreement {
    return this.#agreement!
  }

  /** A number that is used once on this connection. */
  newId(): number {
    return ++this.#lastId
  }

  /** Agrees on the wire format and logs in. */
  async greet(target: BrokerTarget, clientId: string, greeting?: Buffer): Promise<void> {
    const agreed = new Promise<void>((resolve, reject) => {
      this.#agreed = resolve
      this.onGone(reject)
    })
    this.#write(offer(this.#wishes))
    if (greeting && greeting.length > 0) this.#read(greeting)
    this.#socket.resume()
    await agreed
    this.#watch()
    await this.ask({
      name: 'ConnectionInfo',
      connectionId: { name: 'ConnectionId', value: this.connectionId },
      clientId,
      userName: target.username ?? null,
      password: target.password ?? null,
      manageable: true,
      clientMaster: true,
      // The broker then looks up what it has of our producers, and drops what it stored before (messaging-peers §7.2).
      failoverReconnect: true,
    })
  }

  onGone(listener: (why: IntegrationError) => void): () => void {
    if (this.#gone) listener(this.#gone)
    else this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Who gets what is dispatched to a consumer; null: the broker ended it. */
  listen(consumer: number, listener: (dispatch: Structure<'MessageDispatch'> | null) => void): void {
    this.#consumers.set(consumer, listener)
  }

  forget(consumer: number): void {
    this.#consumers.delete(consumer)
  }

  /** Resolves when the broker has done it. */
  ask(command: Sent): Promise<void> {
    return new Promise((resolve, reject) => {
      this.request(command, why => (why ? reject(why) : resolve()))
    })
  }

  /** Throws if the command is too long for this connection; nothing is sent then. */
  request(command: Sent, answer: Answer): void {
    if (this.#gone) return answer(this.#gone)
    const commandId = this.#nextCommand()
    this.#write({ ...command, commandId, responseRequired: true } as Sent)
    this.#asked.set(commandId, answer)
  }

  /** Without an answer. */
  tell(command: Sent): void {
    if (!this.#gone) this.#write({ ...command, commandId: this.#nextCommand() } as Sent)
  }

  /** Says goodbye; what was written goes out. */
  close(why: IntegrationError): void {
    if (this.#gone) return
    this.tell({ name: 'ShutdownInfo' })
    this.#end(why)
    this.#socket.end()
    // A broker that does not close its half, too, is not waited for.
    this.#socket.unref()
  }

  /** At once; what was in flight has no outcome. */
  lose(why: IntegrationError): void {
    if (this.#gone) return
    this.#end(why)
    this.#socket.destroy()
  }

  #end(why: IntegrationError): void {
    this.#gone = why
    this.#pulse?.cancel()
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    for (const answer of asked) answer(why)
    this.#consumers.clear()
    const listeners = this.#listeners
    this.#listeners = new Set()
    for (const listener of listeners) listener(why)
  }

  #nextCommand(): number {
    this.#lastCommand = (this.#lastCommand + 1) & 0x7fffffff
    return this.#lastCommand
  }

  #write(command: Sent): void {
    const frame = this.#encode(command)
    this.#spoke = true
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      process.nextTick(this.#uncork)
    }
    this.#socket.write(frame)
  }

  readonly #uncork = (): void => {
    this.#corked = false
    this.#socket.uncork()
  }

  #encode(command: Sent): Buffer {
    try {
      writer.int(0)
      writeStructure(writer, command)
      const length = writer.length - 4
      const limit = this.#agreement?.maxFrameSize ?? Infinity
      if (length > limit) throw tooLong(this.place, length, limit)
      writer.patchInt(0, length)
      return writer.finish()
    } finally {
      writer.reset()
    }
  }

  #read(chunk: Buffer): void {
    if (this.#gone) return
    this.#heard = true
    if (!this.#agreement && !this.#isGreeting(chunk)) return
    try {
      this.#splitter.push(chunk)
    } catch (thrown) {
      this.lose(unusable(this.place, `it broke the protocol: ${textOf(thrown)}`, thrown))
    }
  }

  /** The first bytes tell whether it is OpenWire at all (messaging-peers §4.1). */
  #isGreeting(chunk: Buffer): boolean {
    if (this.#first.length >= GREETING_LENGTH) return true
    this.#first = Buffer.concat([this.#first, chunk.subarray(0, GREETING_LENGTH)])
    if (mayBeOpenWire(this.#first)) return true
    const begin = this.#first.subarray(0, GREETING_LENGTH).toString('hex')
    const text = `the broker at ${this.place} cannot be used: it does not speak OpenWire, it begins with ${begin}`
    this.lose(new IntegrationError('BROKER_REFUSED', text))
    return false
  }

  #came(frame: Buffer): void {
    if (this.#gone) return
    const command = readStructure(frame)
    // A type we do not know is passed over by its length.
    if (command) this.#handle(command)
  }

  #handle(command: AnyStructure): void {
    switch (command.name) {
      case 'MessageDispatch':
        this.#consumers.get(command.consumerId?.value ?? 0)?.(command)
        return
      case 'Response':
      case 'IntegerResponse':
      case 'DataResponse':
        return this.#answered(command.correlationId, null)
      case 'ExceptionResponse':
        return this.#answered(command.correlationId, this.#exception(command.exception))
      case 'WireFormatInfo':
        return this.#agree(command)
      case 'KeepAliveInfo':
        if (command.responseRequired) this.tell({ name: 'KeepAliveInfo' })
        return
      case 'ConsumerControl':
        if (command.close) this.#consumers.get(command.consumerId?.value ?? 0)?.(null)
        return
      case 'ConnectionControl':
        if (command.close || command.exit) this.lose(unusable(this.place, 'the broker asked us to leave'))
        return
      case 'ConnectionError':
        return this.lose(this.#exception(command.exception))
      case 'ShutdownInfo':
        return this.lose(unusable(this.place, 'the broker is shutting down'))
    }
  }

  #answered(correlationId: number, why: IntegrationError | null): void {
    const answer = this.#asked.get(correlationId)
    this.#asked.delete(correlationId)
    answer?.(why)
  }

  #exception(exception: Throwable | null): BrokerException {
    return new BrokerException(this.place, exception ?? { className: '', message: 'no reason given' })
  }

  #agree(theirs: Structure<'WireFormatInfo'>): void {
    if (this.#agreement) return
    try {
      this.#agreement = agree(this.#wishes, theirs)
    } catch (thrown) {
      const text = `the broker at ${this.place} cannot be used: ${textOf(thrown)}`
      return this.lose(new IntegrationError('BROKER_REFUSED', text, { cause: thrown }))
    }
    this.#splitter.limit = this.#agreement.maxFrameSize
    this.#agreed?.()
  }

  /**
   * Three times in the agreed silence: says something if nothing was said, and counts how long nothing was heard. A peer
   * that does the same may be late by one of its own steps, and by a pause of its machine.
   */
  #watch(): void {
    const { idleTimeout } = this.agreement
    if (idleTimeout <= 0 || this.#gone) return
    this.#pulse = this.#clock.after(Math.max(1, idleTimeout / 3), () => {
      this.#silence = this.#heard ? 0 : this.#silence + 1
      if (this.#silence >= PATIENCE)
        return this.lose(unusable(this.place, `it was silent for more than ${idleTimeout} ms`))
      if (!this.#spoke) this.tell({ name: 'KeepAliveInfo' })
      this.#heard = false
      this.#spoke = false
      this.#watch()
    })
  }
}

function offerLimit({ maxFrameSize }: Wishes): number {
  // The first frames of a peer that has not agreed yet are small.
  return Math.min(maxFrameSize ?? Infinity, 1 << 20)
}

function tooLong(place: string, length: number, limit: number): IntegrationError {
  return new IntegrationError(
    'STORE_UNAVAILABLE',
    `a message of ${length} bytes is longer than the ${limit} the broker at ${place} takes; raise wireFormat.maxFrameSize there and in the address here`,
  )
}
