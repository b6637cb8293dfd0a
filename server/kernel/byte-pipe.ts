import type { IntegrationError } from './errors.ts'
import type { ByteSource } from './message.ts'

/** What a {@link BytePipe} needs from the connection that feeds it. */
export interface Tap {
  /** Lets the socket deliver again after {@link BytePipe.push} returned false. */
  resume(): void
  /** Nobody wants the rest. */
  abandon(): void
  /** The reader took a chunk. */
  alive?(): void
}

/** Bytes kept ahead of the reader; beyond it the socket is not read. */
const AHEAD = 64 * 1024

/** A body that is still arriving, read once, with the reader setting the pace. */
export class BytePipe implements ByteSource {
  readonly length?: number
  readonly #tap: Tap
  #waiting: Uint8Array[] = []
  #held = 0
  #paused = false
  #ended = false
  #error: IntegrationError | null = null
  #reader: { resolve(result: IteratorResult<Uint8Array>): void; reject(error: Error): void } | null = null

  constructor(tap: Tap, length: number | undefined) {
    this.#tap = tap
    if (length !== undefined) this.length = length
  }

  /** False when the sender should pause. */
  push(chunk: Uint8Array): boolean {
    if (this.#ended) return true
    const reader = this.#reader
    if (reader) {
      this.#reader = null
      reader.resolve({ done: false, value: chunk })
      return true
    }
    this.#waiting.push(chunk)
    this.#held += chunk.length
    this.#paused = this.#held >= AHEAD
    return !this.#paused
  }

  end(): void {
    this.#ended = true
    this.#reader?.resolve({ done: true, value: undefined })
    this.#reader = null
  }

  fail(error: IntegrationError): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#reader) this.#reader.reject(error)
    else this.#error = error
    this.#reader = null
  }

  cancel(): void {
    this.#waiting = []
    this.#held = 0
    if (this.#ended) return
    this.end()
    this.#tap.abandon()
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => this.#next(),
      return: () => {
        this.cancel()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }

  #next(): Promise<IteratorResult<Uint8Array>> {
    const chunk = this.#waiting.shift()
    if (chunk) {
      this.#held -= chunk.length
      this.#tap.alive?.()
      if (this.#paused && this.#held < AHEAD / 2) {
        this.#paused = false
        this.#tap.resume()
      }
      return Promise.resolve({ done: false, value: chunk })
    }
    if (this.#error) {
      const error = this.#error
      this.#error = null
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => (this.#reader = { resolve, reject }))
  }
}
