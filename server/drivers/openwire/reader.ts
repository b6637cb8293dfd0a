import { IntegrationError } from '../../kernel/errors.ts'
import { fromModified } from './modified-utf8.ts'

/** Reads the plain values of OpenWire. Every length is checked against the end: what is read here was written by a stranger. */
export class OpenWireReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  boolean(): boolean {
    return this.#bytes[this.#take(1)] !== 0
  }

  byte(): number {
    return this.#bytes.readInt8(this.#take(1))
  }

  code(): number {
    return this.#bytes[this.#take(1)]!
  }

  short(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  char(): number {
    return this.#bytes.readUInt16BE(this.#take(2))
  }

  int(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  /** For what is a number to us: beyond 2^53 it is only near. */
  long(): number {
    const at = this.#take(8)
    return this.#bytes.readInt32BE(at) * 2 ** 32 + this.#bytes.readUInt32BE(at + 4)
  }

  /** Exact: a bigint where a number is not. */
  exactLong(): number | bigint {
    const value = this.#bytes.readBigInt64BE(this.#take(8))
    return BigInt.asIntN(54, value) === value && value !== -(2n ** 53n) ? Number(value) : value
  }

  float(): number {
    return this.#bytes.readFloatBE(this.#take(4))
  }

  double(): number {
    return this.#bytes.readDoubleBE(this.#take(8))
  }

  string(): string {
    return textOf(this.bytes(this.#bytes.readUInt16BE(this.#take(2))))
  }

  /** With a length of four bytes; as UTF-8. */
  longString(): Uint8Array {
    return fromModified(this.bytes(this.int()))
  }

  bytes(length: number): Buffer {
    if (length < 0) throw malformed(`a length of ${length}`)
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  rest(): Buffer {
    return this.bytes(this.left)
  }

  #take(size: number): number {
    const at = this.#at
    if (at + size > this.#bytes.length) throw malformed('it ends in the middle of a value')
    this.#at = at + size
    return at
  }
}

function textOf(modified: Uint8Array): string {
  const bytes = fromModified(modified)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

export function malformed(why: string): IntegrationError {
  return new IntegrationError('MESSAGE_UNREADABLE', `OpenWire that cannot be decoded: ${why}`)
}
