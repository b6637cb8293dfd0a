import { IntegrationError } from '../../kernel/errors.ts'

const LENGTH = 4

/**
 * Cuts what arrives into frames. A frame that lies within one chunk is a view of it; one that comes in pieces is put
 * together in a buffer of its own length, each byte copied once.
 */
export class FrameSplitter {
  readonly #frame: (bytes: Buffer) => void
  /** Longest frame that is taken; more than that has been agreed on with the peer. */
  limit: number
  readonly #head = Buffer.alloc(LENGTH)
  #headFilled = 0
  #body: Buffer | null = null
  #bodyFilled = 0

  constructor(limit: number, frame: (bytes: Buffer) => void) {
    this.limit = limit
    this.#frame = frame
  }

  /** Throws when a frame is too long, or none. */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#body) at += this.#fill(chunk, at)
      else if (this.#headFilled > 0 || chunk.length - at < LENGTH) at += this.#begin(chunk, at)
      else {
        const length = this.#allowed(chunk.readInt32BE(at))
        const end = at + LENGTH + length
        if (end > chunk.length) {
          this.#body = Buffer.allocUnsafe(length)
          at += LENGTH
        } else {
          this.#frame(chunk.subarray(at + LENGTH, end))
          at = end
        }
      }
    }
  }

  /** The length itself comes in pieces. */
  #begin(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#head, this.#headFilled, at, at + LENGTH - this.#headFilled)
    this.#headFilled += taken
    if (this.#headFilled < LENGTH) return taken
    this.#headFilled = 0
    this.#body = Buffer.allocUnsafe(this.#allowed(this.#head.readInt32BE(0)))
    return taken
  }

  #fill(chunk: Buffer, at: number): number {
    const body = this.#body!
    const taken = chunk.copy(body, this.#bodyFilled, at)
    this.#bodyFilled += taken
    if (this.#bodyFilled === body.length) {
      this.#body = null
      this.#bodyFilled = 0
      this.#frame(body)
    }
    return taken
  }

  #allowed(length: number): number {
    if (length >= 1 && length <= this.limit) return length
    throw new IntegrationError(
      'BROKER_REFUSED',
      length < 1
        ? `a frame of ${length} bytes cannot be`
        : `a frame of ${length} bytes is longer than the ${this.limit} agreed on; for larger messages raise wireFormat.maxFrameSize in the address here and at the broker`,
    )
  }
}
