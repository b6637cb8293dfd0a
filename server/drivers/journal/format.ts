/**
 * The bytes on disk. A segment file is: magic and version (8 bytes), then groups. A group is what one sync made durable:
 * a `mark` record (number of the group, its length), then records. The first group of a segment begins with a `start`
 * record that says where the segment before it ended: whatever stands behind that place is void. The rest is zeros.
 *
 * A record is a head of 20 bytes, a key and a body, little endian:
 *
 *     0  u32  bytes after the head        9  u24  owner (queue, table or ledger)
 *     4  u32  CRC-32 of all from byte 8   12 u16  bytes of the key
 *     8  u8   kind                        14 u48  slot: place in the queue
 *
 * A `batch` record holds records that count together or not at all; its CRC covers them.
 */
import { crc32 } from 'node:zlib'
import { IntegrationError } from '../../kernel/errors.ts'

export const MAGIC = 'hfjrnl'
export const VERSION = 1
/** Magic and version. */
export const PREAMBLE = 8
export const HEAD = 20
/** Length of a mark record, which begins every group. */
export const MARK = HEAD + 4
/** What one message's acknowledgement may need at most: a group of its own. Its room is paid for by the message. */
export const ACK_ROOM = MARK + HEAD
/** Offsets are 32 bits wide; nothing sensible comes near. */
export const LARGEST_RECORD = 1 << 30
const LARGEST_KEY = 0xffff

export const Kind = {
  mark: 1,
  start: 2,
  batch: 3,
  put: 4,
  remove: 5,
  removeRanges: 6,
  note: 7,
  define: 8,
  drop: 9,
  set: 10,
  unset: 11,
  done: 12,
  remember: 13,
} as const
const LAST_KIND = 13

export type Body = Uint8Array | readonly Uint8Array[]

/** Growing memory into which records are encoded; reused from group to group. */
export class Arena {
  bytes: Buffer
  used = 0

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size)
  }

  #reserve(more: number): void {
    const needed = this.used + more
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.used)
    this.bytes = larger
  }

  record(kind: number, owner: number, slot: number, key: string, body: Body | null): void {
    const length = body === null ? 0 : sizeOf(body)
    if (length > LARGEST_RECORD) {
      throw new IntegrationError('BODY_TOO_LARGE', `A message of ${length} bytes is too large for the journal (1 GiB).`)
    }
    const start = this.used
    this.#reserve(HEAD + key.length * 3 + length)
    const { bytes } = this
    let at = start + HEAD
    const keyLength = writeKey(bytes, at, key)
    if (keyLength > LARGEST_KEY) throw new RangeError(`an id or key of ${keyLength} bytes is too long for the journal`)
    at += keyLength
    if (body instanceof Uint8Array) bytes.set(body, at)
    else if (body !== null) {
      for (let i = 0, to = at; i < body.length; i++) {
        const part = body[i]!
        bytes.set(part, to)
        to += part.length
      }
    }
    this.used = at + length
    writeHead(bytes, start, this.used, kind, owner, slot, keyLength)
  }

  /** Begins a batch; {@link endBatch} closes it once its records are in. */
  beginBatch(): number {
    const start = this.used
    this.#reserve(HEAD)
    this.used += HEAD
    return start
  }

  endBatch(start: number): void {
    writeHead(this.bytes, start, this.used, Kind.batch, 0, 0, 0)
  }

  /** Encoded records taken over as they are. */
  append(encoded: Uint8Array): void {
    this.#reserve(encoded.length)
    this.bytes.set(encoded, this.used)
    this.used += encoded.length
  }

  /** Leaves room for a mark, filled in by {@link mark} when the group is written. */
  skipMark(): void {
    this.#reserve(MARK)
    this.used += MARK
  }

  /** Writes the mark of a group that began at `start` and ends where the arena ends. */
  mark(start: number, group: number): void {
    this.bytes.writeUInt32LE(this.used - start - MARK, start + HEAD)
    writeHead(this.bytes, start, start + MARK, Kind.mark, 0, group, 0)
  }

  preamble(): void {
    this.#reserve(PREAMBLE)
    this.bytes.write(MAGIC, this.used, 'latin1')
    this.bytes.writeUInt16LE(VERSION, this.used + MAGIC.length)
    this.used += PREAMBLE
  }
}

function writeHead(
  bytes: Buffer,
  start: number,
  end: number,
  kind: number,
  owner: number,
  slot: number,
  keyLength: number,
): void {
  bytes.writeUInt32LE(end - start - HEAD, start)
  bytes[start + 8] = kind
  bytes[start + 9] = owner & 0xff
  bytes.writeUInt16LE(owner >>> 8, start + 10)
  bytes.writeUInt16LE(keyLength, start + 12)
  bytes.writeUInt16LE((slot / 0x1_0000_0000) & 0xffff, start + 14)
  bytes.writeUInt32LE(slot >>> 0, start + 16)
  bytes.writeUInt32LE(crc32(bytes.subarray(start + 8, end)), start + 4)
}

function writeKey(bytes: Buffer, at: number, key: string): number {
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i)
    if (unit > 0x7f) return bytes.write(key, at, 'utf8')
    bytes[at + i] = unit
  }
  return key.length
}

export function sizeOf(body: Body): number {
  if (body instanceof Uint8Array) return body.length
  let total = 0
  for (let i = 0; i < body.length; i++) total += body[i]!.length
  return total
}

/** One encoded record, looked at in place. The object is reused: take what you need before the next `load`. */
export class RecordView {
  bytes: Buffer = Buffer.alloc(0)
  at = 0
  /** Behind the record. */
  end = 0
  kind = 0
  owner = 0
  slot = 0
  keyLength = 0

  /** False if what stands at `at` cannot be a whole record ending at or before `limit`. Does not check the CRC. */
  load(bytes: Buffer, at: number, limit: number): boolean {
    if (at + HEAD > limit) return false
    const kind = bytes[at + 8]!
    const length = bytes.readUInt32LE(at)
    const keyLength = bytes.readUInt16LE(at + 12)
    if (kind === 0 || kind > LAST_KIND || keyLength > length || at + HEAD + length > limit) return false
    this.bytes = bytes
    this.at = at
    this.end = at + HEAD + length
    this.kind = kind
    this.owner = bytes[at + 9]! | (bytes.readUInt16LE(at + 10) << 8)
    this.keyLength = keyLength
    this.slot = bytes.readUInt16LE(at + 14) * 0x1_0000_0000 + bytes.readUInt32LE(at + 16)
    return true
  }

  get intact(): boolean {
    return crc32(this.bytes.subarray(this.at + 8, this.end)) === this.bytes.readUInt32LE(this.at + 4)
  }

  get size(): number {
    return this.end - this.at
  }

  key(): string {
    return this.bytes.toString('utf8', this.at + HEAD, this.at + HEAD + this.keyLength)
  }

  get bodyAt(): number {
    return this.at + HEAD + this.keyLength
  }

  /** A view, not a copy. */
  body(): Buffer {
    return this.bytes.subarray(this.bodyAt, this.end)
  }

  /** Of a mark: bytes of the group behind it. */
  get groupLength(): number {
    return this.bytes.readUInt32LE(this.at + HEAD)
  }
}

/** Calls back for every record in `from`…`to`, opening batches. The bytes must be known to be whole. */
export function walk(
  bytes: Buffer,
  from: number,
  to: number,
  view: RecordView,
  visit: (record: RecordView) => void,
): void {
  for (let at = from; at < to;) {
    if (!view.load(bytes, at, to)) throw new Error(`a record ends beyond its group at ${at}`)
    const { end } = view
    if (view.kind === Kind.batch) walk(bytes, at + HEAD, end, view, visit)
    else visit(view)
    at = end
  }
}

/** Two independent 32-bit hashes of an id; together they find a message among millions without keeping the ids. */
export function hashOf(bytes: Uint8Array, from: number, to: number): { low: number; high: number } {
  hashInto(bytes, from, to)
  return { low: hashLow, high: hashHigh }
}

export let hashLow = 0
export let hashHigh = 0

/** As {@link hashOf}, leaving the result in `hashLow` and `hashHigh`: no object per message. */
export function hashInto(bytes: Uint8Array, from: number, to: number): void {
  let low = 0x811c9dc5
  let high = 0x9e3779b9
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    low = Math.imul(low ^ byte, 0x01000193)
    high = Math.imul(high ^ byte, 0x5bd1e995) + (high >>> 15)
  }
  hashLow = (low ^ (low >>> 16)) >>> 0
  hashHigh = (high ^ (high >>> 13)) >>> 0
}

/** Pairs of first slot and count. */
export function encodeRanges(ranges: readonly number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(ranges).buffer)
}

export function* decodeRanges(body: Buffer): Generator<{ first: number; count: number }> {
  for (let at = 0; at + 16 <= body.length; at += 16)
    yield { first: body.readDoubleLE(at), count: body.readDoubleLE(at + 8) }
}
