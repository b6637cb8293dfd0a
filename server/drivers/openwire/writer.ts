import { toModified } from './modified-utf8.ts'

const FIRST = 4096
/** A writer that has grown beyond this for one message is not kept so large for the next. */
const LARGEST_KEPT = 1 << 20
const LONGEST_STRING = 0xffff

/** Writes the plain values of OpenWire, big-endian, into one buffer that grows. */
export class OpenWireWriter {
  #buffer = Buffer.allocUnsafe(FIRST)
  #at = 0

  get length(): number {
    return this.#at
  }

  boolean(value: boolean): void {
    this.byte(value ? 1 : 0)
  }

  byte(value: number): void {
    this.#room(1)
    this.#buffer[this.#at++] = value
  }

  short(value: number): void {
    this.#room(2)
    this.#buffer.writeUInt16BE(value & 0xffff, this.#at)
    this.#at += 2
  }

  int(value: number): void {
    this.#room(4)
    this.#buffer.writeInt32BE(value | 0, this.#at)
    this.#at += 4
  }

  long(value: number | bigint): void {
    this.#room(8)
    this.#buffer.writeBigInt64BE(BigInt.asIntN(64, BigInt(value)), this.#at)
    this.#at += 8
  }

  double(value: number): void {
    this.#room(8)
    this.#buffer.writeDoubleBE(value, this.#at)
    this.#at += 8
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#buffer.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** With a length of two bytes. */
  string(text: string): void {
    const bytes = toModified(Buffer.from(text))
    if (bytes.length > LONGEST_STRING)
      throw new RangeError(`a string of ${bytes.length} bytes is too long for OpenWire`)
    this.short(bytes.length)
    this.raw(bytes)
  }

  /** With a length of four bytes, from UTF-8. */
  longString(utf8: Uint8Array): void {
    const bytes = toModified(utf8)
    this.int(bytes.length)
    this.raw(bytes)
  }

  /** Writes the length in front once it is known. */
  patchInt(at: number, value: number): void {
    this.#buffer.writeInt32BE(value, at)
  }

  /** A copy of what was written; the writer begins anew. */
  finish(): Buffer {
    const done = Buffer.from(this.#buffer.subarray(0, this.#at))
    this.reset()
    return done
  }

  /** Forgets what was written. */
  reset(): void {
    this.#at = 0
    if (this.#buffer.length > LARGEST_KEPT) this.#buffer = Buffer.allocUnsafe(FIRST)
  }

  #room(size: number): void {
    const needed = this.#at + size
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}
