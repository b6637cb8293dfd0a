import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { BytePipe } from '../kernel/byte-pipe.ts'
import type { Timer } from '../kernel/clock.ts'
import { Exchange, MessageContext, type AnswerSink, type LazySignal, type Origin } from '../kernel/context.ts'
import type { Log, Registry } from '../kernel/contracts.ts'
import { HeaderMap } from '../kernel/headers.ts'
import { Body, Message, type BodyOptions, type Format } from '../kernel/message.ts'
import type { TransportFacts } from '../kernel/properties.ts'
import type { Answerer } from './answer.ts'
import { RequestBody } from './request-body.ts'

/** Where a request came in. */
export interface Door {
  readonly scheme: 'http' | 'https'
  readonly port: number
}

export interface Destination {
  readonly origin: Origin
  readonly log: Log
  readonly registry: Registry
  /** What follows the service's name in the path, or `''`. */
  readonly rest: string
  /** Written on the answer in place of what the message says, names and values alternating. */
  readonly answerHeaders?: readonly string[]
  handle(ctx: MessageContext, arrival: Arrival): Promise<void>
}

/**
 * One request from its header to its answer. It plays every part the kernel asks of a transport, so that a request
 * costs one object of ours besides its message, context and exchange.
 */
export class Arrival implements AnswerSink, TransportFacts, LazySignal {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly door: Door
  readonly answerer: Answerer
  /** Something is being written: whatever else wants to answer comes too late. */
  answered = false
  /** Ends the wait for an answer that a finished flow still owes. */
  patience: Timer | null = null
  readonly #destination: Destination
  #contentType = ''
  #soapAction: string | undefined
  #encoding = ''
  #format: Format | null = null
  #body: RequestBody | null = null
  #message: Message | null = null
  #controller: AbortController | null = null
  #abortListeners: (() => void)[] = []
  #gone = false
  #flow: 'to come' | 'begun' | 'over' = 'to come'
  #closed = false
  /** Bytes of its body and of replies that are in memory, given back once the flow is over and the answer is out. */
  #held = 0

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    door: Door,
    answerer: Answerer,
    destination: Destination,
  ) {
    this.request = request
    this.response = response
    this.door = door
    this.answerer = answerer
    this.#destination = destination
  }

  /** Reads the body as far as it pays to, then runs the flow. The snapshot is held from here to the end of the flow. */
  begin(): void {
    this.#destination.registry.enter()
    let length: number | undefined
    let chunked = false
    const raw = this.request.rawHeaders
    for (let at = 0; at < raw.length; at += 2) {
      const name = raw[at]!
      switch (name.length) {
        case 10:
          if (name.toLowerCase() === 'soapaction') this.#soapAction = raw[at + 1]!
          break
        case 12:
          if (name.toLowerCase() === 'content-type') this.#contentType = raw[at + 1]!
          break
        case 14:
          if (name.toLowerCase() === 'content-length') length = Number(raw[at + 1])
          break
        case 16:
          if (name.toLowerCase() === 'content-encoding') this.#encoding = raw[at + 1]!
          break
        case 17:
          if (name.toLowerCase() === 'transfer-encoding') chunked = true
          break
      }
    }
    this.#body = new RequestBody(this.request, length, chunked, body => this.#run(body))
  }

  /** How the caller speaks. */
  get format(): Format {
    return (this.#format ??= this.answerer.codecs.clientFormat(this.request.method!, this.#contentType))
  }

  get log(): Log {
    return this.#destination.log
  }

  get answerHeaders(): readonly string[] | undefined {
    return this.#destination.answerHeaders
  }

  /** The client has closed its connection before it had its answer. */
  get gone(): boolean {
    return this.#gone
  }

  get body(): RequestBody | null {
    return this.#body
  }

  /** The request as it came, whatever the flow has put in its place since. */
  get message(): Message | null {
    return this.#message
  }

  get aborted(): boolean {
    return this.#gone
  }

  onAbort(listener: () => void): void {
    this.#abortListeners.push(listener)
  }

  offAbort(listener: () => void): void {
    const index = this.#abortListeners.indexOf(listener)
    if (index >= 0) this.#abortListeners.splice(index, 1)
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#gone) this.#controller.abort()
    return this.#controller.signal
  }

  /** The response is closed: written to its end, or cut. */
  closed(): void {
    this.patience?.cancel()
    this.#closed = true
    if (this.#flow === 'over') this.#giveRoom()
    if (!this.response.writableFinished) {
      this.#gone = true
      this.#body?.cut()
      this.#controller?.abort()
      const listeners = this.#abortListeners
      this.#abortListeners = []
      for (const listener of listeners) listener()
      if (this.#flow === 'to come') this.#destination.registry.leave()
    } else if (this.#body?.complete === false) {
      this.#body.discard()
    }
  }

  reply(message: Message, ctx: MessageContext): void {
    this.answerer.reply(this, message, ctx)
  }

  acknowledge(status: number): void {
    this.answerer.acknowledge(this, status)
  }

  fact(scope: 'default' | 'axis2', name: string): unknown {
    return scope === 'default' ? this.#defaultFact(name) : this.#axis2Fact(name)
  }

  #run(body: Uint8Array | BytePipe): void {
    this.#flow = 'begun'
    const { request } = this
    const destination = this.#destination
    const contentType = this.#contentType
    const { format } = this
    if (body instanceof Uint8Array) {
      this.answerer.room.add(body.length)
      this.#held = body.length
    }
    const options = this.#bodyOptions(body)
    const message = new Message({
      body:
        body instanceof Uint8Array
          ? body.length === 0
            ? Body.empty(contentType, options)
            : Body.ofBytes(body, contentType, options)
          : Body.ofStream(body, contentType, options),
      headers: new HeaderMap(request.rawHeaders),
      addressing: { to: request.url! },
      method: request.method!,
      format,
      facts: this,
    })
    this.#message = message
    const action = this.#action()
    if (action !== undefined) message.addressing.action = action
    if (destination.rest !== '') message.axis2.set('REST_URL_POSTFIX', destination.rest)
    if (body.length === 0) message.axis2.set('NO_ENTITY_BODY', true)
    const ctx = new MessageContext({
      message,
      runtime: destination.registry,
      log: destination.log,
      exchange: new Exchange(this),
      origin: destination.origin,
      signal: this,
      facts: this,
    })
    destination.handle(ctx, this).then(
      () => this.#flowEnded(ctx),
      thrown => this.#flowFailed(ctx, thrown),
    )
  }

  #flowEnded(ctx: MessageContext): void {
    this.#destination.registry.leave()
    this.#flowOver()
    ctx.exchange.over()
    this.answerer.flowEnded(this, ctx)
  }

  #flowFailed(ctx: MessageContext, thrown: unknown): void {
    this.#destination.registry.leave()
    this.#flowOver()
    ctx.exchange.over()
    this.answerer.flowFailed(this, ctx, thrown)
  }

  #flowOver(): void {
    this.#flow = 'over'
    if (this.#closed) this.#giveRoom()
  }

  /** Room for a chunk of its body or of a reply that is being collected. One that is refused gives back at once what others wait for. */
  take(bytes: number): void {
    try {
      this.answerer.room.take(bytes, this.#held)
    } catch (thrown) {
      this.#giveRoom()
      throw thrown
    }
    this.#held += bytes
  }

  #giveRoom(): void {
    this.answerer.room.add(-this.#held)
    this.#held = 0
  }

  /** Most requests have neither query nor encoding, are small, and share one object. */
  #bodyOptions(body: Uint8Array | BytePipe): BodyOptions {
    const { bodyOptions } = this.answerer
    const url = this.request.url!
    const at = url.indexOf('?')
    if (body instanceof Uint8Array) {
      if (at < 0 && this.#encoding === '') return bodyOptions
      return { ...bodyOptions, encoding: this.#encoding, query: at < 0 ? '' : url.slice(at + 1) }
    }
    return { ...bodyOptions, room: this, encoding: this.#encoding, query: at < 0 ? '' : url.slice(at + 1) }
  }

  /** The SOAPAction header without its quotes, or the `action` parameter of SOAP 1.2's content type. */
  #action(): string | undefined {
    const header = this.#soapAction
    if (header !== undefined) {
      const bare = header.startsWith('"') && header.endsWith('"') && header.length > 1 ? header.slice(1, -1) : header
      return bare === '' ? undefined : bare
    }
    if (!this.#contentType.includes('action')) return undefined
    const found = /;\s*action\s*=\s*(?:"([^"]*)"|([^;\s]+))/i.exec(this.#contentType)
    return found ? (found[1] ?? found[2]) : undefined
  }

  #defaultFact(name: string): unknown {
    switch (name) {
      case 'TRANSPORT_IN_NAME':
        return this.door.scheme
      case 'SERVER_IP':
        return plainAddress(this.#socket.localAddress)
      case 'proxy.name':
        return this.#destination.origin.kind === 'proxy' ? this.#destination.origin.name : undefined
      case 'IsClientDoingREST':
        return this.format !== 'soap11' && this.format !== 'soap12'
      case 'IsClientDoingSOAP11':
        return this.format === 'soap11'
      default:
        return undefined
    }
  }

  #axis2Fact(name: string): unknown {
    switch (name) {
      case 'HTTP_METHOD':
        return this.request.method
      case 'TransportInURL':
        return this.request.url
      case 'SERVICE_PREFIX':
        return `${this.door.scheme}://${this.#host()}/`
      case 'REMOTE_ADDR':
      case 'REMOTE_HOST':
        return plainAddress(this.#socket.remoteAddress)
      case 'ContentType':
        return this.#contentType === '' ? undefined : this.#contentType
      case 'messageType':
        return this.#contentType === '' ? undefined : this.#contentType.split(';', 1)[0]!.trim()
      case 'CHARACTER_SET_ENCODING':
        return /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(this.#contentType)?.[1]
      default:
        return undefined
    }
  }

  #host(): string {
    return this.#message?.headers.get('host') ?? `${plainAddress(this.#socket.localAddress)}:${this.door.port}`
  }

  get #socket(): Socket {
    return this.request.socket
  }
}

/** IPv4 addresses that came in on an IPv6 socket, as people write them. */
function plainAddress(address: string | undefined): string | undefined {
  return address?.startsWith('::ffff:') ? address.slice(7) : address
}
