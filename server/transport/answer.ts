import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Clock } from '../kernel/clock.ts'
import type { MessageContext } from '../kernel/context.ts'
import { asIntegrationError, IntegrationError, textOf, type ErrorName } from '../kernel/errors.ts'
import { forwardedHeaders } from '../kernel/forwarding.ts'
import type { BodyOptions, ByteSource, Message } from '../kernel/message.ts'
import type { Arrival } from './arrival.ts'
import { BodyRoom } from './body-room.ts'
import type { FormattedReply, TransportCodecs } from './codecs.ts'
import type { ListenerSettings } from './settings.ts'

/** An unread rest of a request up to this is read and thrown away, so that the connection can go on. */
const WORTH_DRAINING = 1024 * 1024
/** A client that is still sending after its answer is read for so long: closing at once would destroy the answer. */
const LINGER_MS = 2_000
const SERVER = 'Holdfast'

/** Faults whose status is not 500: the caller can do something about them. */
const STATUS_OF: Partial<Record<ErrorName, number>> = { BODY_TOO_LARGE: 413, BODY_CUT_OFF: 400, OVERLOADED: 503 }
const BY_CALLER = new Set<ErrorName>(['BODY_TOO_LARGE', 'BODY_CUT_OFF', 'PAYLOAD_UNREADABLE', 'XML_MALFORMED'])

export interface Refusal {
  readonly status: number
  readonly code: ErrorName
  readonly reason: string
  readonly byCaller: boolean
}

/** Writes answers as synapse-language E.9 says, and those the listener gives by itself (E.4). */
export class Answerer {
  readonly codecs: TransportCodecs
  readonly settings: ListenerSettings
  /** For the body of every request. */
  readonly bodyOptions: BodyOptions
  /** What requests under way hold in memory, together. */
  readonly room: BodyRoom
  /** Every answer from now on closes its connection. */
  stopping = false
  readonly #clock: Clock

  constructor(codecs: TransportCodecs, settings: ListenerSettings, clock: Clock) {
    this.codecs = codecs
    this.settings = settings
    this.bodyOptions = { limit: settings.maxBodyBytes }
    this.room = new BodyRoom(settings.maxHeldBytes)
    this.#clock = clock
  }

  reply(arrival: Arrival, message: Message, ctx: MessageContext): void {
    if (!this.#claim(arrival, message)) return
    try {
      if (message.flag('NO_ENTITY_BODY') === true) {
        message.body.discard()
        this.#write(arrival, message, null)
        return
      }
      const formatted = this.codecs.formatReply(message, arrival.format)
      if (formatted instanceof Promise) {
        formatted.then(
          ready => this.#written(arrival, message, ready),
          thrown => this.#unwritable(arrival, thrown),
        )
      } else this.#write(arrival, message, formatted)
    } catch (thrown) {
      this.#unwritable(arrival, thrown)
    }
    if (ctx.log.debugOn) ctx.log.debug('answered', { status: arrival.response.statusCode })
  }

  acknowledge(arrival: Arrival, status: number): void {
    if (this.#claim(arrival, null)) this.#writeEmpty(arrival, status)
  }

  /** The flow is over: if it owes an answer and has given none, the listener answers (store-and-forward §9, with P1). */
  flowEnded(arrival: Arrival, ctx: MessageContext): void {
    if (arrival.answered || arrival.gone) return
    const { exchange } = ctx
    const requests = arrival.message!
    const latest = ctx.message
    if (requests.isOn('NIO-ACK-Requested') || latest.isOn('NIO-ACK-Requested')) {
      exchange.acknowledge(statusIn(latest) ?? statusIn(requests) ?? 202)
      return
    }
    const { fault } = exchange
    if (fault) {
      ctx.log.warn('a fault was answered by nobody; the caller was told of it', {
        code: fault.code,
        error: fault.message,
      })
      this.fault(arrival, fault)
      return
    }
    const accepted = requests.isOn('FORCE_SC_ACCEPTED') || latest.isOn('FORCE_SC_ACCEPTED')
    if (accepted || !exchange.expected) exchange.acknowledge(202)
    else arrival.patience = this.#clock.after(this.settings.answerTimeoutMs, () => this.#answerMissing(arrival))
  }

  /** A flow ended in a way it never should: an error of ours. */
  flowFailed(arrival: Arrival, ctx: MessageContext, thrown: unknown): void {
    const error = asIntegrationError(thrown)
    ctx.log.error('a flow failed outside its fault handling', { code: error.code, error })
    this.fault(arrival, error)
  }

  /** The fault in the caller's own format. */
  fault(arrival: Arrival, error: IntegrationError): void {
    this.refuse(arrival, {
      status: STATUS_OF[error.code] ?? 500,
      code: error.code,
      reason: error.message.split('\n', 1)[0]!,
      byCaller: BY_CALLER.has(error.code),
    })
  }

  refuse(arrival: Arrival, refusal: Refusal): void {
    if (this.#claim(arrival, null)) this.#writeFault(arrival, refusal)
  }

  /** False if there is an answer already, or nobody to take one. */
  #claim(arrival: Arrival, message: Message | null): boolean {
    if (arrival.answered || arrival.gone) {
      message?.body.discard()
      return false
    }
    arrival.answered = true
    arrival.patience?.cancel()
    return true
  }

  #answerMissing(arrival: Arrival): void {
    arrival.log.warn('a flow ended without the answer it owed; look for an out sequence without send or respond')
    const reason = `no answer came within ${this.settings.answerTimeoutMs / 1000} s`
    this.refuse(arrival, { status: 504, code: 'ANSWER_MISSING', reason, byCaller: false })
  }

  #written(arrival: Arrival, message: Message, formatted: FormattedReply): void {
    try {
      this.#write(arrival, message, formatted)
    } catch (thrown) {
      this.#unwritable(arrival, thrown)
    }
  }

  #unwritable(arrival: Arrival, thrown: unknown): void {
    const error =
      thrown instanceof IntegrationError
        ? thrown
        : new IntegrationError('MEDIATION_FAILED', `the answer cannot be written: ${textOf(thrown)}`, { cause: thrown })
    arrival.log.error('an answer could not be written', { code: error.code, error })
    if (arrival.gone || arrival.response.headersSent) {
      arrival.response.destroy()
      return
    }
    this.#writeFault(arrival, {
      status: 500,
      code: error.code,
      reason: error.message.split('\n', 1)[0]!,
      byCaller: false,
    })
  }

  #write(arrival: Arrival, message: Message, formatted: FormattedReply | null): void {
    const { response } = arrival
    if (arrival.gone) {
      formatted?.stream?.cancel?.()
      return
    }
    const failedSend = message.flag('ERROR_CODE') !== undefined
    const status = statusOf(message, formatted?.fault === true, failedSend)
    const empty = formatted === null || status === 204 || status === 304
    const { preserveHeaders } = this.settings
    const headers = forwardedHeaders(message.headers.flat, { preserve: preserveHeaders, withoutContentType: !empty })
    if (!empty && formatted.contentType !== '') headers.push('Content-Type', formatted.contentType)
    if (!preserveHeaders.has('server') || !message.headers.has('server')) headers.push('Server', SERVER)
    if (failedSend || message.isOn('NO_KEEPALIVE')) response.shouldKeepAlive = false
    const text = reasonIn(message)
    if (empty) {
      formatted?.stream?.cancel?.()
      this.#head(arrival, status, text, withLength(headers, emptyLength(arrival, message, status)))
      this.#end(arrival, null)
      return
    }
    const { bytes, stream } = formatted
    if (stream === undefined) {
      headers.push('Content-Length', String(bytes?.length ?? 0))
      this.#head(arrival, status, text, headers)
      this.#end(arrival, bytes ?? null)
    } else if (stream.length === undefined && message.isOn('DISABLE_CHUNKING')) {
      void this.#collectAndWrite(arrival, status, text, headers, stream)
    } else if (arrival.request.method === 'HEAD') {
      stream.cancel?.()
      this.#head(arrival, status, text, withLength(headers, stream.length))
      this.#end(arrival, null)
    } else {
      this.#head(arrival, status, text, withLength(headers, stream.length))
      void this.#pump(arrival, stream)
    }
  }

  #writeEmpty(arrival: Arrival, status: number): void {
    const headers = ['Server', SERVER]
    if (status !== 204 && status !== 304) headers.push('Content-Length', '0')
    this.#head(arrival, status, undefined, headers)
    this.#end(arrival, null)
  }

  #writeFault(arrival: Arrival, refusal: Refusal): void {
    const { contentType, bytes } = this.codecs.formatFault(arrival.format, refusal)
    const headers = ['Content-Type', contentType, 'Content-Length', String(bytes.length), 'Server', SERVER]
    if (refusal.status === 503) headers.push('Retry-After', String(this.settings.retryAfterSeconds))
    this.#head(arrival, refusal.status, undefined, headers)
    this.#end(arrival, bytes)
  }

  #head(arrival: Arrival, status: number, reason: string | undefined, written: string[]): void {
    const { response, body, answerHeaders } = arrival
    const headers = answerHeaders === undefined ? written : replaced(written, answerHeaders)
    if (this.stopping || (body !== null && body.left > WORTH_DRAINING)) response.shouldKeepAlive = false
    if (reason === undefined) response.writeHead(status, headers)
    else response.writeHead(status, reason, headers)
  }

  #end(arrival: Arrival, bytes: Uint8Array | null): void {
    const { response, body, request } = arrival
    if (body === null || body.complete || body.left <= WORTH_DRAINING) {
      if (bytes === null) response.end()
      else response.end(bytes)
      return
    }
    if (bytes !== null) response.write(bytes)
    else response.flushHeaders()
    let timer: ReturnType<Clock['after']> | null = null
    const end = (): void => {
      timer?.cancel()
      if (!response.writableEnded) response.end()
    }
    timer = this.#clock.after(LINGER_MS, end)
    request.once('end', end)
    request.once('close', end)
    body.discard()
  }

  async #pump(arrival: Arrival, source: ByteSource): Promise<void> {
    const { response } = arrival
    const stop = (): void => source.cancel?.()
    response.once('close', stop)
    try {
      for await (const chunk of source) {
        if (arrival.gone) return
        if (!response.write(chunk)) await writable(response)
      }
      if (!arrival.gone) this.#end(arrival, null)
    } catch (thrown) {
      // The status line is gone already: all that can be said now is that the body is not complete.
      arrival.log.warn('an answer was cut off', { error: textOf(thrown) })
      response.destroy()
    } finally {
      response.off('close', stop)
    }
  }

  async #collectAndWrite(
    arrival: Arrival,
    status: number,
    reason: string | undefined,
    headers: string[],
    source: ByteSource,
  ): Promise<void> {
    try {
      const chunks: Uint8Array[] = []
      for await (const chunk of source) chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      if (arrival.gone) return
      this.#head(arrival, status, reason, withLength(headers, bytes.length))
      this.#end(arrival, bytes)
    } catch (thrown) {
      this.#unwritable(arrival, thrown)
    }
  }
}

function statusOf(message: Message, fault: boolean, failedSend: boolean): number {
  if (message.isOn('SC_ACCEPTED')) return 202
  if (failedSend) return 502
  return statusIn(message) ?? (fault && !message.isOn('FAULTS_AS_HTTP_200') ? 500 : 200)
}

/** `HTTP_SC` as number or text; undefined for none and for what cannot be a final status. */
function statusIn(message: Message): number | undefined {
  const value = message.flag('HTTP_SC')
  if (value === undefined) return undefined
  const status = Number(value)
  return Number.isInteger(status) && status >= 200 && status <= 999 ? status : undefined
}

const STANDARD_REASONS: ReadonlySet<unknown> = new Set(Object.values(STATUS_CODES))

/** `HTTP_SC_DESC`, unless it is the standard text of a status: a reply leaves its own there, and the flow may change `HTTP_SC`. */
function reasonIn(message: Message): string | undefined {
  const reason = message.flag('HTTP_SC_DESC')
  return typeof reason === 'string' && reason !== '' && !STANDARD_REASONS.has(reason) ? reason : undefined
}

/** The length an answer without a body declares: that of the body HEAD was not given, 0, or none at all. */
function emptyLength(arrival: Arrival, message: Message, status: number): string | undefined {
  if (status === 204 || status === 304) return undefined
  const declared =
    arrival.request.method === 'HEAD' && message.isResponse ? message.headers.get('content-length') : undefined
  return declared ?? '0'
}

function replaced(flat: readonly string[], others: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at]!.toLowerCase()
    if (!others.some((other, index) => index % 2 === 0 && other.toLowerCase() === name))
      kept.push(flat[at]!, flat[at + 1]!)
  }
  return [...kept, ...others]
}

function withLength(headers: string[], length: number | string | undefined): string[] {
  if (length !== undefined) headers.push('Content-Length', String(length))
  return headers
}

/** Resolves when more can be written, or nothing more can. */
function writable(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve()
  return new Promise(resolve => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}
