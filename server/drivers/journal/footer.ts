/**
 * A footer is a file beside a sealed segment that says what a scan of it would say, so that a journal with a million
 * messages opens without reading a gigabyte: the messages still there (28 bytes each), the removals as ranges, and the
 * small records as they are. It is a shortcut only: one that is missing or torn costs a scan, nothing else.
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { type Disk, readUpTo, writeAll } from './disk.ts'
import { Arena, decodeRanges, encodeRanges, HEAD, Kind, PREAMBLE, RecordView, walk } from './format.ts'
import { scan } from './scan.ts'
import { footerName, type Segment, type SegmentFiles } from './segments.ts'
import type { JournalState } from './state.ts'

const FOOTER_MAGIC = 0x66_6a_66_31
/** Magic, segment, end (8), last group (8), rows, bytes of definitions, bytes of the other records. */
const FIXED = 36
/** Owner, slot (low, high), offset, bytes, hash (low, high). */
const COLUMNS = 7

class Rows {
  #data = new Uint32Array(COLUMNS * 256)
  count = 0

  add(owner: number, slot: number, offset: number, bytes: number, low: number, high: number): void {
    let at = this.count * COLUMNS
    if (at === this.#data.length) {
      const larger = new Uint32Array(at * 2)
      larger.set(this.#data)
      this.#data = larger
    }
    const data = this.#data
    data[at++] = owner
    data[at++] = slot >>> 0
    data[at++] = Math.floor(slot / 0x1_0000_0000)
    data[at++] = offset
    data[at++] = bytes
    data[at++] = low
    data[at] = high
    this.count++
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.#data.buffer, 0, this.count * COLUMNS * 4)
  }
}

/**
 * Reads the segment and describes what of it still counts. Checksums are computed again and a mismatch throws: a footer
 * has one of its own and would turn a rotten removal into a believable one.
 */
export async function describeSegment(files: SegmentFiles, segment: Segment, state: JournalState): Promise<Buffer> {
  const rows = new Rows()
  const definitions = new Arena(1 << 10)
  const others = new Arena(1 << 12)
  const removed = new Map<number, number[]>()
  const gone = (owner: number, first: number, count: number): void => {
    const ranges = removed.get(owner)
    if (!ranges) removed.set(owner, [first, count])
    else if (first === ranges.at(-2)! + ranges.at(-1)!) ranges[ranges.length - 1]! += count
    else ranges.push(first, count)
  }
  const keep = (arena: Arena, record: RecordView): void => arena.append(record.bytes.subarray(record.at, record.end))

  const record = (record: RecordView, offset: number): void => {
    const owner = state.owners.get(record.owner)
    switch (record.kind) {
      case Kind.put: {
        const slots = owner?.type === 'queue' ? owner.slots : undefined
        const place = slots?.place(record.slot)
        if (!slots || place?.segment !== segment.number || place.offset !== offset) return
        const { low, high } = slots.hash(record.slot)
        rows.add(record.owner, record.slot, offset, record.size, low, high)
        return
      }
      case Kind.remove:
        gone(record.owner, record.slot, 1)
        return
      case Kind.removeRanges:
        for (const { first, count } of decodeRanges(record.body())) gone(record.owner, first, count)
        return
      case Kind.define:
        keep(definitions, record)
        return
      case Kind.note:
        if (owner?.type === 'queue' && owner.notes.get(record.slot)?.segment === segment.number) keep(others, record)
        return
      case Kind.set:
        if (owner?.type === 'table' && owner.values.get(record.key())?.segment === segment.number) keep(others, record)
        return
      case Kind.done:
      case Kind.remember:
        if (owner?.type === 'ledger' && owner.entries.get(record.key())?.segment === segment.number)
          keep(others, record)
        return
      case Kind.unset:
      case Kind.drop:
        keep(others, record)
        return
    }
  }
  const damage = (offset: number): never => {
    throw new Error(`unreadable at ${offset}`)
  }
  const { group } = await files.reading(segment, file =>
    scan(file, { from: PREAMBLE, to: segment.end, sealed: true, group: 0 }, { record, damage }),
  )
  const removals = new Arena(1 << 10)
  for (const [owner, ranges] of removed) removals.record(Kind.removeRanges, owner, 0, '', encodeRanges(ranges))
  removals.append(others.bytes.subarray(0, others.used))
  return assemble(segment, group, rows, definitions, removals)
}

function assemble(segment: Segment, group: number, rows: Rows, definitions: Arena, others: Arena): Buffer {
  const total = FIXED + rows.bytes.length + definitions.used + others.used + 4
  const bytes = Buffer.alloc(total)
  bytes.writeUInt32LE(FOOTER_MAGIC, 0)
  bytes.writeUInt32LE(segment.number, 4)
  bytes.writeDoubleLE(segment.end, 8)
  bytes.writeDoubleLE(group, 16)
  bytes.writeUInt32LE(rows.count, 24)
  bytes.writeUInt32LE(definitions.used, 28)
  bytes.writeUInt32LE(others.used, 32)
  let at = FIXED
  for (const part of [
    rows.bytes,
    definitions.bytes.subarray(0, definitions.used),
    others.bytes.subarray(0, others.used),
  ]) {
    bytes.set(part, at)
    at += part.length
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, at)), at)
  return bytes
}

export async function writeFooter(files: SegmentFiles, segment: Segment, bytes: Buffer): Promise<void> {
  const { disk, folder } = files
  const path = join(folder, footerName(segment.number))
  const claim = `${path}.claim`
  const file = await disk.open(claim, 'create')
  try {
    await writeAll(file, bytes, bytes.length, 0)
    await file.sync()
    await file.close()
    await disk.rename(claim, path)
  } catch (error) {
    await files.discard(file, [claim])
    throw error
  }
  segment.footer = true
}

export interface Footer {
  readonly end: number
  readonly group: number
  apply(state: JournalState): void
}

/** The footer of a segment, or null if there is none to be trusted. */
export async function readFooter(disk: Disk, folder: string, number: number): Promise<Footer | null> {
  const file = await disk.open(join(folder, footerName(number)), 'read')
  let bytes: Buffer
  try {
    const size = await file.size()
    bytes = Buffer.allocUnsafeSlow(size)
    if (size < FIXED + 4 || (await readUpTo(file, bytes, size, 0)) < size) return null
  } finally {
    await file.close()
  }
  const body = bytes.length - 4
  if (bytes.readUInt32LE(0) !== FOOTER_MAGIC || bytes.readUInt32LE(4) !== number) return null
  if (crc32(bytes.subarray(0, body)) !== bytes.readUInt32LE(body)) return null
  const count = bytes.readUInt32LE(24)
  const rowsEnd = FIXED + count * COLUMNS * 4
  const definitionsEnd = rowsEnd + bytes.readUInt32LE(28)
  return {
    end: bytes.readDoubleLE(8),
    group: bytes.readDoubleLE(16),
    apply(state) {
      const view = new RecordView()
      const apply = (record: RecordView): void => state.apply(record, number, 0)
      walk(bytes, rowsEnd, definitionsEnd, view, apply)
      // Aligned and little endian, as every machine Node runs on reads it.
      const rows = new Uint32Array(bytes.buffer, bytes.byteOffset + FIXED, count * COLUMNS)
      for (let i = 0; i < rows.length; i += COLUMNS) {
        const slot = rows[i + 1]! + rows[i + 2]! * 0x1_0000_0000
        state.placedIn(rows[i]!, slot, number, rows[i + 3]!, rows[i + 4]!, rows[i + 5]!, rows[i + 6]!)
      }
      walk(bytes, definitionsEnd, body, view, apply)
    },
  }
}

/** What follows the end of a segment that nobody wrote on. */
export const EMPTY_HEAD = Buffer.alloc(HEAD)
