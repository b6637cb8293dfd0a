import type { IncomingMessage } from 'node:http'
import { BytePipe, type Tap } from '../kernel/byte-pipe.ts'
import { IntegrationError } from '../kernel/errors.ts'

/** Up to this a body is gathered before the flow begins: most messages are small, and bytes are cheaper than a stream. */
const SMALL = 64 * 1024
const EMPTY = new Uint8Array(0)

/**
 * Reads the body of a request: small ones completely, large ones as a pipe that takes from the client only as fast as
 * the flow reads.
 */
export class RequestBody implements Tap {
  readonly #request: IncomingMessage
  readonly #length: number | undefined
  readonly #ready: (body: Uint8Array | BytePipe) => void
  #chunks: Uint8Array[] = []
  #size = 0
  #pipe: BytePipe | null = null
  #abandoned = false
  #ended = false

  /** `ready` is called once, at once or later; never if the client goes away before a small body is complete. */
  constructor(
    request: IncomingMessage,
    length: number | undefined,
    chunked: boolean,
    ready: (body: Uint8Array | BytePipe) => void,
  ) {
    this.#request = request
    this.#length = length
    this.#ready = ready
    if (!chunked && (length === undefined || length === 0)) {
      this.#ended = true
      ready(EMPTY)
      return
    }
    request.on('data', (chunk: Buffer) => this.#data(chunk))
    request.on('end', () => this.#end())
    // Told apart from other ends of a connection by `cut`, which its owner calls; unheard it would end the process.
    request.on('error', () => this.cut())
    if (length !== undefined && length > SMALL) this.#openPipe()
  }

  /** All of it has arrived. */
  get complete(): boolean {
    return this.#ended
  }

  /** Bytes that are still to come; Infinity when nobody knows. */
  get left(): number {
    if (this.#ended) return 0
    return this.#length === undefined ? Infinity : this.#length - this.#size
  }

  /** The client is gone. */
  cut(): void {
    this.#chunks = []
    if (this.#ended) return
    this.#ended = true
    this.#pipe?.fail(
      new IntegrationError('BODY_CUT_OFF', `the sender closed the connection after ${this.#size} bytes of its request`),
    )
  }

  /** Nobody will read the rest: it is taken from the wire and thrown away. */
  discard(): void {
    this.#pipe?.cancel()
    if (!this.#pipe) this.abandon()
  }

  resume(): void {
    this.#request.resume()
  }

  abandon(): void {
    this.#abandoned = true
    this.#chunks = []
    this.#request.resume()
  }

  #data(chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#abandoned) return
    if (this.#pipe) {
      if (!this.#pipe.push(chunk)) this.#request.pause()
      return
    }
    this.#chunks.push(chunk)
    if (this.#size > SMALL) this.#openPipe()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#abandoned) return
    if (this.#pipe) {
      this.#pipe.end()
      return
    }
    const chunks = this.#chunks
    this.#chunks = []
    this.#ready(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, this.#size))
  }

  #openPipe(): void {
    const pipe = new BytePipe(this, this.#length)
    this.#pipe = pipe
    for (const chunk of this.#chunks) if (!pipe.push(chunk)) this.#request.pause()
    this.#chunks = []
    this.#ready(pipe)
  }
}
