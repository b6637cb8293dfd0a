import type { Dispatcher } from 'undici'
import { BytePipe, type Tap } from '../../kernel/byte-pipe.ts'
import type { Clock, Timer } from '../../kernel/clock.ts'
import type { LazySignal } from '../../kernel/context.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { ByteSource } from '../../kernel/message.ts'
import { exchangeFailure, type Phase } from './failures.ts'

export interface HttpReply {
  readonly status: number
  /** Reason phrase as sent. */
  readonly reason: string
  /** Name, value, name, value …, spelled and ordered as sent. Belongs to the receiver. */
  readonly headers: string[]
  /** The value of Content-Type, or `''`. */
  readonly contentType: string
  /** Bytes when the whole body was there soon and small; a source, to be read or cancelled, when not. */
  readonly body: Uint8Array | ByteSource
}

export interface ExchangeParts {
  readonly address: string
  readonly clock: Clock
  readonly timeoutMs: number
  readonly stallMs: number
  readonly oneWay: boolean
  /** The reply to HEAD declares the length of a body it does not have. */
  readonly head: boolean
  readonly upload: ByteSource | null
  readonly resolve: (reply: HttpReply) => void
  readonly reject: (error: IntegrationError) => void
}

/** Up to this a reply of known length is collected before it is handed over: no stream object for small replies. */
const SMALL = 64 * 1024
/** A reply nobody wants is read to its end up to this, to keep the connection; beyond it the connection is cut. */
const WORTH_DRAINING = 256 * 1024
const EMPTY = new Uint8Array(0)

/**
 * One request on its way and its reply. Implements undici's older handler form: it hands over the header bytes, where
 * the newer one has parsed them into a lower-cased object that pass-through has no use for.
 */
export class HttpExchange implements Dispatcher.DispatchHandler, Tap {
  readonly #parts: ExchangeParts
  #timer: Timer | null = null
  #signal: AbortSignal | LazySignal | null = null
  #onAbort: (() => void) | null = null
  #abort: ((error?: Error) => void) | null = null
  #resume: (() => void) | null = null
  #phase: Phase = 'connecting'
  /** The promise is settled. */
  #settled = false
  /** Nothing more will come from the client library, or it is to be ignored. */
  #over = false
  #failure: IntegrationError | null = null
  #status = 0
  #reason = ''
  #headers: string[] = []
  #contentType = ''
  #length: number | undefined
  #chunks: Uint8Array[] = []
  #size = 0
  #drained = 0
  #source: BytePipe | null = null
  #moved = false
  #draining = false

  constructor(parts: ExchangeParts, signal: AbortSignal | LazySignal | undefined) {
    this.#parts = parts
    if (parts.timeoutMs > 0) this.#timer = parts.clock.after(parts.timeoutMs, () => this.#timedOut())
    if (signal) this.#watch(signal)
  }

  onConnect(abort: (error?: Error) => void): void {
    if (this.#failure) {
      abort(this.#failure)
      return
    }
    this.#abort = abort
    this.#phase = 'waiting'
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, reason: string): boolean {
    if (status < 200 || this.#over) return true
    this.#phase = 'receiving'
    this.#status = status
    this.#reason = reason
    this.#resume = resume
    this.#readHeaders(raw)
    // Whatever length such a reply declares is not its own; the library takes it for one and would call it cut off.
    const bodiless = this.#parts.head || status === 204 || status === 304
    if (this.#parts.oneWay || bodiless) {
      this.#draining = true
      this.#settle(EMPTY)
    } else if (this.#length === undefined) {
      // What came in the same packet is in when this runs; a reply that takes longer becomes a stream.
      queueMicrotask(() => this.#openSource())
    } else if (this.#length > SMALL) {
      this.#openSource()
    }
    return true
  }

  onData(chunk: Buffer): boolean {
    this.#size += chunk.length
    if (this.#draining) {
      this.#drained += chunk.length
      if (this.#drained > WORTH_DRAINING) this.#cut()
      return true
    }
    if (this.#source) {
      this.#moved = true
      return this.#source.push(chunk)
    }
    this.#chunks.push(chunk)
    if (this.#size > SMALL) this.#openSource()
    return true
  }

  onComplete(): void {
    this.#end()
    this.#parts.upload?.cancel?.()
    if (this.#source) {
      this.#source.end()
      return
    }
    const chunks = this.#chunks
    this.#settle(chunks.length === 1 ? chunks[0]! : chunks.length === 0 ? EMPTY : Buffer.concat(chunks, this.#size))
  }

  onError(error: Error): void {
    this.#fail(this.#failure ?? exchangeFailure(error, this.#parts.address, this.#phase))
  }

  resume(): void {
    this.#resume?.()
  }

  abandon(): void {
    const left = this.#length === undefined ? Infinity : this.#length - this.#size
    this.#draining = true
    if (left > WORTH_DRAINING) this.#cut()
    else this.#resume?.()
  }

  alive(): void {
    this.#moved = true
  }

  #readHeaders(raw: readonly Buffer[]): void {
    const flat: string[] = []
    for (let at = 0; at < raw.length; at += 2) {
      const name = raw[at]!.toString('latin1')
      const value = raw[at + 1]!.toString('latin1')
      flat.push(name, value)
      if (name.length === 12 && name.toLowerCase() === 'content-type') this.#contentType = value
      else if (name.length === 14 && name.toLowerCase() === 'content-length') this.#length = Number(value)
    }
    this.#headers = flat
  }

  #openSource(): void {
    if (this.#settled || this.#over) return
    const source = new BytePipe(this, this.#length)
    this.#source = source
    for (const chunk of this.#chunks) source.push(chunk)
    this.#chunks = []
    this.#settle(source)
    this.#timer = this.#parts.clock.after(this.#parts.stallMs, () => this.#stalled())
  }

  /** The promise gets its reply; a body that is a source goes on. */
  #settle(body: Uint8Array | ByteSource): void {
    if (this.#settled) return
    this.#settled = true
    this.#disarm()
    this.#parts.resolve({
      status: this.#status,
      reason: this.#reason,
      headers: this.#headers,
      contentType: this.#contentType,
      body,
    })
  }

  #fail(error: IntegrationError): void {
    if (this.#over) return
    this.#end()
    this.#parts.upload?.cancel?.()
    if (!this.#settled) {
      this.#settled = true
      this.#parts.reject(error)
    } else this.#source?.fail(error)
  }

  /** Ends the exchange from our side; the client library closes the connection. */
  #giveUp(error: IntegrationError): void {
    if (this.#over) return
    this.#failure = error
    const abort = this.#abort
    this.#fail(error)
    abort?.(error)
  }

  #cut(): void {
    this.#end()
    this.#abort?.()
  }

  #end(): void {
    this.#over = true
    this.#disarm()
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = null
    const signal = this.#signal
    if (signal === null) return
    if ('addEventListener' in signal) signal.removeEventListener('abort', this.#onAbort!)
    else signal.offAbort(this.#onAbort!)
    this.#signal = null
    this.#onAbort = null
  }

  /**
   * The signal is let go of in {@link #disarm}: the library keeps a finished exchange until the connection's next, and
   * with it would live the whole request the signal belongs to, long enough to make every collection dear.
   */
  #watch(signal: AbortSignal | LazySignal): void {
    this.#signal = signal
    this.#onAbort = () => this.#giveUp(callerGone(this.#parts.address, this.#signal!))
    if ('addEventListener' in signal) signal.addEventListener('abort', this.#onAbort, { once: true })
    else signal.onAbort(this.#onAbort)
  }

  #timedOut(): void {
    const { address, timeoutMs } = this.#parts
    const text =
      this.#phase === 'connecting'
        ? `no connection to ${address} was free within ${timeoutMs} ms; its name is slow to be found, it is slow to accept, or all connections to it are busy (endpoint.max_connections_per_host)`
        : this.#phase === 'waiting'
          ? `${address} did not answer within ${timeoutMs} ms; raise the endpoint's timeout duration or look into the back end`
          : `${address} began a reply but did not end it within ${timeoutMs} ms; raise the endpoint's timeout duration or look into the back end`
    this.#giveUp(new IntegrationError('SEND_TIMEOUT', text, { ambiguous: this.#phase !== 'connecting' }))
  }

  #stalled(): void {
    const { address, stallMs, clock } = this.#parts
    if (this.#moved) {
      this.#moved = false
      this.#timer = clock.after(stallMs, () => this.#stalled())
      return
    }
    this.#giveUp(
      new IntegrationError('RECEIVE_FAILED', `the reply of ${address} stood still for ${stallMs} ms and was cut off`),
    )
  }
}

function callerGone(address: string, signal: AbortSignal | LazySignal): IntegrationError {
  const cause: unknown = 'reason' in signal ? signal.reason : undefined
  if (cause instanceof IntegrationError) return cause
  const text = `the request to ${address} was given up because nobody waits for its reply any more`
  return new IntegrationError('SEND_FAILED', text, { cause })
}
