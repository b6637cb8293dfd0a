import { IntegrationError } from '../../kernel/errors.ts'

/** Deeper nesting than any real message has; beyond it somebody wants our stack. */
const DEEPEST = 32

const DESCRIBED = 0x00

export interface Described {
  readonly descriptor: unknown
  readonly value: unknown
}

/**
 * Reads AMQP 1.0 values straight from the bytes (OASIS AMQP 1.0, part 1, section 1.6). We have our own because a
 * message passes through as bytes: the broker looks at three fields of it, the client takes the body without making
 * a string of it. Every length is checked against the end: what is read here was written by a stranger.
 */
export class AmqpReader {
  readonly bytes: Buffer
  readonly end: number
  at: number

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  get atEnd(): boolean {
    return this.at >= this.end
  }

  /** Any value as JavaScript: string for string and symbol, Buffer for binary, Map for map, bigint beyond 2^53. */
  value(depth = 0): unknown {
    if (depth > DEEPEST) throw unreadable('values are nested too deeply')
    const code = this.#byte()
    if (code === DESCRIBED) {
      const descriptor = this.value(depth + 1)
      return { descriptor, value: this.value(depth + 1) } satisfies Described
    }
    return this.#valueOf(code, depth)
  }

  /** Passes over one value without making anything of it. */
  skip(depth = 0): void {
    if (depth > DEEPEST) throw unreadable('values are nested too deeply')
    const code = this.#byte()
    if (code !== DESCRIBED) {
      this.#take(this.#sizeOf(code))
      return
    }
    this.skip(depth + 1)
    this.skip(depth + 1)
  }

  /** Where the content of a binary or string value lies; the reader stands behind it. Undefined for another type. */
  content(): { readonly start: number; readonly end: number; readonly text: boolean } | undefined {
    const code = this.bytes[this.at]
    if (code !== 0xa0 && code !== 0xb0 && code !== 0xa1 && code !== 0xb1) return undefined
    this.at++
    const size = this.#sizeOf(code)
    const start = this.#take(size)
    return { start, end: start + size, text: (code & 0x0f) === 1 }
  }

  /** Enters a list or map: the number of elements that follow, or undefined for another type. */
  enter(): number | undefined {
    const code = this.#byte()
    if (code === 0x45) return 0
    if (code === 0xc0 || code === 0xc1) {
      this.#take(1)
      return this.#byte()
    }
    if (code === 0xd0 || code === 0xd1) {
      this.#take(4)
      return this.#uint32()
    }
    return undefined
  }

  #valueOf(code: number, depth: number): unknown {
    const { bytes } = this
    switch (code) {
      case 0x40:
        return null
      case 0x41:
        return true
      case 0x42:
        return false
      case 0x56:
        return this.#byte() !== 0
      case 0x43:
      case 0x44:
        return 0
      case 0x50:
      case 0x52:
      case 0x53:
        return this.#byte()
      case 0x51:
      case 0x54:
      case 0x55:
        return bytes.readInt8(this.#take(1))
      case 0x60:
        return bytes.readUInt16BE(this.#take(2))
      case 0x61:
        return bytes.readInt16BE(this.#take(2))
      case 0x70:
      case 0x73:
        return this.#uint32()
      case 0x71:
        return bytes.readInt32BE(this.#take(4))
      case 0x72:
        return bytes.readFloatBE(this.#take(4))
      case 0x80:
        return plain(bytes.readBigUInt64BE(this.#take(8)))
      case 0x81:
      case 0x83:
        return plain(bytes.readBigInt64BE(this.#take(8)))
      case 0x82:
        return bytes.readDoubleBE(this.#take(8))
      case 0x98:
        return this.#uuid()
      case 0xa0:
      case 0xb0:
      case 0x74:
      case 0x84:
      case 0x94: {
        const size = this.#sizeOf(code)
        const start = this.#take(size)
        return bytes.subarray(start, start + size)
      }
      case 0xa1:
      case 0xb1:
      case 0xa3:
      case 0xb3: {
        const size = this.#sizeOf(code)
        const start = this.#take(size)
        return bytes.toString((code & 0x0f) === 1 ? 'utf8' : 'latin1', start, start + size)
      }
      case 0x45:
        return []
      case 0xc0:
      case 0xd0:
        return this.#elements(this.#counted(code), depth)
      case 0xc1:
      case 0xd1:
        return pairs(this.#elements(this.#counted(code), depth))
      case 0xe0:
      case 0xf0:
        return this.#array(this.#counted(code), depth)
      default:
        throw unreadable(`0x${code.toString(16)} is not an AMQP type`)
    }
  }

  #elements(count: number, depth: number): unknown[] {
    const values: unknown[] = []
    for (let index = 0; index < count; index++) values.push(this.value(depth + 1))
    return values
  }

  #array(count: number, depth: number): unknown[] {
    const code = this.#byte()
    // An element without width takes no byte, so the count alone would decide how much memory we use.
    if (code === DESCRIBED || code >>> 4 === 4) throw unreadable('an array of this element type is not accepted')
    const values: unknown[] = []
    for (let index = 0; index < count; index++) values.push(this.#valueOf(code, depth + 1))
    return values
  }

  #counted(code: number): number {
    const wide = (code & 0x10) !== 0
    const size = wide ? this.#uint32() : this.#byte()
    if (this.at + size > this.end) throw unreadable('a value is longer than the message')
    const count = wide ? this.#uint32() : this.#byte()
    if (count > size) throw unreadable('a list claims more elements than it has bytes')
    return count
  }

  #uuid(): string {
    const start = this.#take(16)
    const hex = this.bytes.toString('hex', start, start + 16)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  /** Bytes that follow the type code, after reading the length where the type has one. */
  #sizeOf(code: number): number {
    switch (code >>> 4) {
      case 0x4:
        return 0
      case 0x5:
        return 1
      case 0x6:
        return 2
      case 0x7:
        return 4
      case 0x8:
        return 8
      case 0x9:
        return 16
      case 0xa:
      case 0xc:
      case 0xe:
        return this.#byte()
      case 0xb:
      case 0xd:
      case 0xf:
        return this.#uint32()
      default:
        throw unreadable(`0x${code.toString(16)} is not an AMQP type`)
    }
  }

  #byte(): number {
    return this.bytes[this.#take(1)]!
  }

  #uint32(): number {
    return this.bytes.readUInt32BE(this.#take(4))
  }

  #take(size: number): number {
    const start = this.at
    if (start + size > this.end) throw unreadable('it ends in the middle of a value')
    this.at = start + size
    return start
  }
}

export function unreadable(why: string): IntegrationError {
  return new IntegrationError('MESSAGE_UNREADABLE', `the AMQP message cannot be decoded: ${why}`)
}

function plain(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

function pairs(flat: readonly unknown[]): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>()
  for (let index = 0; index + 1 < flat.length; index += 2) map.set(flat[index], flat[index + 1])
  return map
}
