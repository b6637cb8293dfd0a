/** Longest string or binary with a one-byte length. */
const SHORT = 255

/**
 * Writes AMQP 1.0 values (OASIS AMQP 1.0, part 1, section 1.6). The sections in front of a body are small, so they
 * are written into one growing buffer, and the body's bytes are copied once, behind them.
 */
export class AmqpWriter {
  #bytes = Buffer.allocUnsafe(1024)
  #size = 0

  null(): void {
    this.#byte(0x40)
  }

  boolean(value: boolean): void {
    this.#byte(value ? 0x41 : 0x42)
  }

  ubyte(value: number): void {
    this.#byte(0x50)
    this.#byte(value)
  }

  byte(value: number): void {
    this.#byte(0x51)
    this.#byte(value & 0xff)
  }

  uint(value: number): void {
    if (value === 0) return this.#byte(0x43)
    if (value <= 255) {
      this.#byte(0x52)
      return this.#byte(value)
    }
    this.#byte(0x70)
    this.#size = this.#bytes.writeUInt32BE(value, this.#room(4))
  }

  int(value: number): void {
    this.#byte(0x71)
    this.#size = this.#bytes.writeInt32BE(value, this.#room(4))
  }

  long(value: number | bigint): void {
    this.#byte(0x81)
    this.#size = this.#bytes.writeBigInt64BE(BigInt(value), this.#room(8))
  }

  double(value: number): void {
    this.#byte(0x82)
    this.#size = this.#bytes.writeDoubleBE(value, this.#room(8))
  }

  timestamp(milliseconds: number): void {
    this.#byte(0x83)
    this.#size = this.#bytes.writeBigInt64BE(BigInt(Math.trunc(milliseconds)), this.#room(8))
  }

  string(value: string): void {
    this.#text(0xa1, 0xb1, value, 'utf8')
  }

  symbol(value: string): void {
    this.#text(0xa3, 0xb3, value, 'latin1')
  }

  binary(value: Uint8Array): void {
    this.#sized(0xa0, 0xb0, value.length)
    this.raw(value)
  }

  raw(value: Uint8Array): void {
    const at = this.#room(value.length)
    this.#bytes.set(value, at)
    this.#size = at + value.length
  }

  /** The start of a section; its value follows. */
  section(code: number): void {
    this.#byte(0x00)
    this.#byte(0x53)
    this.#byte(code)
  }

  /** Starts a list; give what this returns to {@link close}. */
  list(): number {
    return this.#open(0xd0)
  }

  /** Starts a map; give what this returns to {@link close}, counting keys and values. */
  map(): number {
    return this.#open(0xd1)
  }

  close(start: number, count: number): void {
    this.#bytes.writeUInt32BE(this.#size - start - 4, start)
    this.#bytes.writeUInt32BE(count, start + 4)
  }

  /** What was written, with `tail` behind it. The writer can be used again afterwards. */
  finish(tail?: Uint8Array): Buffer {
    const size = this.#size
    const whole = Buffer.allocUnsafe(size + (tail?.length ?? 0))
    this.#bytes.copy(whole, 0, 0, size)
    if (tail) whole.set(tail, size)
    this.#size = 0
    return whole
  }

  /** A body section of `length` bytes that {@link finish} is going to append. */
  bodyAhead(code: number, wideType: number, length: number): void {
    this.section(code)
    this.#byte(wideType)
    this.#size = this.#bytes.writeUInt32BE(length, this.#room(4))
  }

  #open(code: number): number {
    this.#byte(code)
    const start = this.#room(8)
    this.#size = start + 8
    return start
  }

  #text(short: number, long: number, value: string, encoding: 'utf8' | 'latin1'): void {
    const length = Buffer.byteLength(value, encoding)
    this.#sized(short, long, length)
    const at = this.#room(length)
    this.#bytes.write(value, at, encoding)
    this.#size = at + length
  }

  #sized(short: number, long: number, length: number): void {
    if (length <= SHORT) {
      this.#byte(short)
      return this.#byte(length)
    }
    this.#byte(long)
    this.#size = this.#bytes.writeUInt32BE(length, this.#room(4))
  }

  #byte(value: number): void {
    const at = this.#room(1)
    this.#bytes[at] = value
    this.#size = at + 1
  }

  /** Makes room for `more` bytes and says where they begin. */
  #room(more: number): number {
    const needed = this.#size + more
    if (needed > this.#bytes.length) {
      const bigger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, needed))
      this.#bytes.copy(bigger, 0, 0, this.#size)
      this.#bytes = bigger
    }
    return this.#size
  }
}
