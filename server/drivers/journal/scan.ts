import { type DiskFile, readUpTo } from './disk.ts'
import { HEAD, Kind, MARK, RecordView } from './format.ts'

const BLOCK = 1 << 20
const ZEROS = Buffer.alloc(BLOCK)

/** A part of a file in memory, moving forward. */
export class Window {
  readonly #file: DiskFile
  /** Nothing behind it is asked for, so that a short file costs no more memory than it has bytes. */
  readonly #end: number
  bytes = Buffer.alloc(0)
  /** Offset in the file of the first byte in memory. */
  start = 0
  #length = 0

  constructor(file: DiskFile, end: number) {
    this.#file = file
    this.#end = end
  }

  /** Whether `length` bytes from `at` are in memory: asked for every record, where a promise would cost more than the record. */
  has(at: number, length: number): boolean {
    return at >= this.start && this.start + this.#length - at >= length
  }

  /** Makes `length` bytes from `at` available (fewer at the end of the file); returns how many there are, at least. */
  async load(at: number, length: number): Promise<number> {
    const have = this.start + this.#length - at
    if (this.has(at, length)) return have
    const size = Math.max(Math.min(BLOCK, this.#end - at), length)
    const target = this.bytes.length === size ? this.bytes : Buffer.allocUnsafeSlow(size)
    // What is there already moves to the front; the rest is read behind it.
    const kept = at >= this.start && have > 0 ? have : 0
    if (kept > 0) this.bytes.copy(target, 0, at - this.start, at - this.start + kept)
    this.bytes = target
    this.start = at
    this.#length = kept
    this.#length += await readUpTo(this.#file, target.subarray(kept), size - kept, at + kept)
    return this.#length
  }
}

export interface ScanRange {
  readonly from: number
  /** Where the records end, if the next segment says so; else where the file ends. */
  readonly to: number
  /** False for the last segment, whose last group may be torn. */
  readonly sealed: boolean
  /** Number of the last group before this range. */
  readonly group: number
}

export interface ScanVisitor {
  record(record: RecordView, offset: number): void
  damage(offset: number, bytes: number, what: string): void
}

export interface ScanResult {
  /** Behind the last good record. */
  readonly end: number
  /** Number of the last group seen. */
  readonly group: number
  /** Where the last group seen begins; the end of the range if none was. */
  readonly lastGroupAt: number
  /** Something other than zeros stands behind the end. */
  readonly torn: boolean
}

/**
 * Reads records in order. A torn tail and rot look alike, a record whose CRC is wrong, and must not be confused: the
 * tail was never acknowledged and is cut, rot is reported and what stands behind it is kept. The groups tell them apart:
 * group n + 1 is written only after group n was synced, so a bad place that a later group follows is rot.
 */
export async function scan(file: DiskFile, range: ScanRange, visitor: ScanVisitor): Promise<ScanResult> {
  const window = new Window(file, range.to)
  const record = new RecordView()
  let { group } = range
  let groupEnd = range.from
  let lastGroupAt = -1
  let at = range.from
  while (at < range.to) {
    if (loadedRecord(window, record, at, range.to) ?? (await loadRecord(window, record, at, range.to))) {
      const next = at + record.size
      if (record.kind === Kind.mark && record.slot > group) {
        group = record.slot
        lastGroupAt = at
        groupEnd = next + record.groupLength
        at = next
        continue
      }
      if (record.kind !== Kind.mark && at < groupEnd) {
        visit(record, window.start, visitor)
        at = next
        continue
      }
    }
    const inGroup = at < groupEnd
    if (!range.sealed) {
      const later = await findLaterMark(window, at, range.to, inGroup ? group + 1 : group + 2)
      if (later.at < 0) return { end: at, group, lastGroupAt: lastGroupAt < 0 ? at : lastGroupAt, torn: later.dirty }
    }
    const next = await findRecord(window, record, at, range.to)
    visitor.damage(at, next.at - at, next.what)
    // A record found in the middle belongs to a group whose mark is gone or was read already.
    if (next.at < range.to && (await loadRecord(window, record, next.at, range.to)) && record.kind !== Kind.mark) {
      const afterGap = await findLaterMark(window, next.at, range.to, group + 1)
      groupEnd = Math.max(groupEnd, afterGap.at < 0 ? range.to : afterGap.at)
    }
    at = next.at
  }
  return { end: at, group, lastGroupAt: lastGroupAt < 0 ? at : lastGroupAt, torn: false }
}

/** Whether a whole record with the right CRC stands at `at`. */
async function loadRecord(window: Window, record: RecordView, at: number, to: number): Promise<boolean> {
  if (at + HEAD > to || (await window.load(at, HEAD)) < HEAD) return false
  const size = sizeAt(window, at, to)
  return size > 0 && (await window.load(at, size)) >= size && isRecord(window, record, at, size)
}

/** As {@link loadRecord}, or undefined if that has to read for it. */
function loadedRecord(window: Window, record: RecordView, at: number, to: number): boolean | undefined {
  if (at + HEAD > to) return false
  if (!window.has(at, HEAD)) return undefined
  const size = sizeAt(window, at, to)
  if (size === 0) return false
  return window.has(at, size) ? isRecord(window, record, at, size) : undefined
}

/** What the head at `at` says the record takes; 0 if none can be there. */
function sizeAt({ bytes, start }: Window, at: number, to: number): number {
  const size = HEAD + bytes.readUInt32LE(at - start)
  return at + size > to || bytes[at - start + 8] === 0 ? 0 : size
}

function isRecord({ bytes, start }: Window, record: RecordView, at: number, size: number): boolean {
  return record.load(bytes, at - start, at - start + size) && record.intact
}

function visit(record: RecordView, base: number, visitor: ScanVisitor): void {
  if (record.kind !== Kind.batch) {
    visitor.record(record, base + record.at)
    return
  }
  const { bytes, end } = record
  for (let at = record.at + HEAD; at < end; at = record.end) {
    if (!record.load(bytes, at, end)) throw new Error('a batch with the right CRC holds half a record')
    visitor.record(record, base + at)
  }
}

/** Looks for the mark of group `least` or a later one; tells, too, whether anything but zeros was seen. */
async function findLaterMark(
  window: Window,
  from: number,
  to: number,
  least: number,
): Promise<{ at: number; dirty: boolean }> {
  const record = new RecordView()
  let dirty = false
  let at = from
  while (at < to) {
    const have = Math.min(await window.load(at, Math.min(BLOCK, to - at)), to - at, BLOCK)
    if (have <= 0) break
    const start = at - window.start
    const last = at + have >= to || have < BLOCK
    if (!window.bytes.subarray(start, start + have).equals(ZEROS.subarray(0, have))) {
      dirty = true
      for (let i = start; i + MARK <= start + have; i++) {
        if (window.bytes[i + 8] !== Kind.mark || window.bytes[i] !== MARK - HEAD) continue
        if (
          record.load(window.bytes, i, start + have) &&
          record.size === MARK &&
          record.slot >= least &&
          record.intact
        ) {
          return { at: window.start + i, dirty }
        }
      }
    }
    // Blocks overlap, so that a mark across their border is seen.
    at = last ? to : at + have - MARK + 1
  }
  return { at: -1, dirty }
}

/** The next readable record behind a bad one, and what the bad one probably was. */
async function findRecord(
  window: Window,
  record: RecordView,
  from: number,
  to: number,
): Promise<{ at: number; what: string }> {
  let what = 'records of unknown kind'
  if ((await window.load(from, Math.min(BLOCK, to - from))) >= HEAD) {
    const start = from - window.start
    const available = Math.min(window.bytes.length - start, to - from)
    const claimed = from + HEAD + window.bytes.readUInt32LE(start)
    // The damage is most often in the body: then the head still says where the next record is, and whose this was.
    if (claimed <= to && (await plausible(window, record, claimed, to))) {
      await window.load(from, Math.min(BLOCK, claimed - from))
      const head = from - window.start
      const bytes = window.bytes
      const keyLength = Math.min(bytes.readUInt16LE(head + 12), available - HEAD)
      what = describe(bytes[head + 8]!, bytes.toString('utf8', head + HEAD, head + HEAD + keyLength))
      return { at: claimed, what }
    }
  }
  for (let at = from + 1; at + HEAD <= to; at++) {
    if (await plausible(window, record, at, to)) return { at, what }
  }
  return { at: to, what }
}

async function plausible(window: Window, record: RecordView, at: number, to: number): Promise<boolean> {
  if (at === to) return true
  const inside = at >= window.start && at + HEAD <= window.start + window.bytes.length
  if (!inside && (await window.load(at, Math.min(BLOCK, to - at))) < HEAD) return false
  const start = at - window.start
  const kind = window.bytes[start + 8]!
  if (kind === 0 || kind > Kind.remember || at + HEAD + window.bytes.readUInt32LE(start) > to) return false
  return loadRecord(window, record, at, to)
}

function describe(kind: number, key: string): string {
  switch (kind) {
    case Kind.put:
      return `message ${key}`
    case Kind.note:
      return 'the attempts of a message'
    case Kind.remove:
    case Kind.removeRanges:
      return 'an acknowledgement (the message may be delivered again)'
    case Kind.set:
    case Kind.unset:
      return `the value ${key}`
    case Kind.done:
    case Kind.remember:
      return `the delivered id ${key}`
    default:
      return 'several records written together'
  }
}
