import { join } from 'node:path'
import { IntegrationError } from '../../kernel/errors.ts'
import type { JournalDamage } from './contracts.ts'
import { type DiskFile, readUpTo, writeAll } from './disk.ts'
import { EMPTY_HEAD, type Footer, readFooter } from './footer.ts'
import { HEAD, Kind, MAGIC, MARK, PREAMBLE, RecordView, VERSION } from './format.ts'
import { scan, Window } from './scan.ts'
import { footerName, type Segment, type SegmentFiles, segmentName } from './segments.ts'
import type { DirectoryEntry, JournalState } from './state.ts'

/** Body of a start record. */
export interface Start {
  /** The segment before this one and where it ended; what stands behind that place was refused. */
  readonly previous: number
  readonly previousEnd: number
  readonly owners: readonly DirectoryEntry[]
}

interface Found extends Segment {
  readonly start: Start | null
}

/**
 * Reads what is in the folder into `state` and `files`. Sealed segments come from their footers, the last one is scanned
 * and its torn tail filled with zeros again, so that nothing stale can follow what is written next.
 * Returns the number of the last group.
 */
export async function recover(
  files: SegmentFiles,
  state: JournalState,
  onDamage: (damage: JournalDamage) => void,
): Promise<number> {
  const { disk, folder } = files
  // A process killed between a removal and its sync leaves names that are gone now and may come back after a power loss.
  await disk.syncFolder(folder)
  const names = await disk.list(folder)
  for (const name of names) if (name.endsWith('.claim')) await disk.remove(join(folder, name))
  for (const name of names) if (name.endsWith('.spare')) await files.adoptSpare(name)
  const footers = new Set(names.filter(name => name.endsWith('.footer')))
  const found: Found[] = []
  for (const name of names.filter(name => /^\d+\.log$/.test(name)).sort((a, b) => parseInt(a, 10) - parseInt(b, 10))) {
    found.push(await openSegment(files, name))
  }
  for (const name of names.filter(name => name.endsWith('.damaged'))) {
    onDamage({
      file: join(folder, name),
      offset: 0,
      bytes: 0,
      what: 'kept aside by an earlier run: parts are unreadable',
    })
  }
  await dropVoid(files, found)
  await dropGivenUp(files, found)

  let group = 0
  for (const [index, segment] of found.entries()) {
    const next = found[index + 1]
    const sealedAt = next?.start?.previous === segment.number ? next.start.previousEnd : undefined
    const before = found[index - 1]
    if (before && segment.start && segment.start.previous > before.number) {
      const what = `segment ${segment.start.previous} is missing, with whatever it held`
      onDamage({ file: join(folder, segmentName(segment.start.previous)), offset: 0, bytes: 0, what })
    }
    for (const owner of segment.start?.owners ?? []) state.define(owner.number, owner.type, owner.name, owner.next)
    const footer = footers.has(footerName(segment.number)) ? await trusted(files, segment, sealedAt) : null
    if (footer) {
      footer.apply(state)
      segment.end = footer.end
      segment.footer = true
      group = Math.max(group, footer.group)
    } else {
      group = await scanSegment(segment, state, group, sealedAt, onDamage)
    }
    files.add(segment)
    if (next) {
      await segment.file?.close()
      segment.file = null
    }
  }
  for (const name of footers) {
    const segment = files.find(Number.parseInt(name, 10))
    if (!segment || name !== footerName(segment.number)) await disk.remove(join(folder, name))
  }
  await continueLast(files)
  return group
}

async function openSegment(files: SegmentFiles, name: string): Promise<Found> {
  const path = join(files.folder, name)
  const file = await files.disk.open(path, 'write')
  const number = Number.parseInt(name, 10)
  const size = await file.size()
  const start = await readStart(file, path, size)
  return { number, path, size, start, end: 0, file, readers: 0, footer: false, damaged: false, removed: false }
}

/** As much as the start record of a segment takes, in most cases; a longer one is read in a second step. */
const START_READ = 4096

async function readStart(file: DiskFile, path: string, size: number): Promise<Start | null> {
  const smallest = PREAMBLE + MARK + HEAD
  const window = new Window(file, Math.min(size, START_READ))
  if ((await window.load(0, Math.min(smallest, size))) < smallest) return null
  const version = window.bytes.readUInt16LE(MAGIC.length)
  if (window.bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return null
  if (version > VERSION) {
    throw new IntegrationError(
      'JOURNAL_FORMAT',
      `${path} has journal format ${version}; this server writes format ${VERSION}. ` +
        'Start the newer server that wrote it, or start this one with another --home.',
    )
  }
  const at = PREAMBLE + MARK
  const length = HEAD + window.bytes.readUInt32LE(at)
  const record = new RecordView()
  if (at + length > size || (await window.load(0, at + length)) < at + length) return null
  if (!record.load(window.bytes, at, at + length) || record.kind !== Kind.start || !record.intact) return null
  return JSON.parse(record.body().toString()) as Start
}

/**
 * A segment whose first group was torn holds nothing that was acknowledged: it becomes a spare again. If a second group
 * follows, its beginning has rotted, and it stays, to be read like any damaged segment.
 */
async function dropVoid(files: SegmentFiles, found: Found[]): Promise<void> {
  for (const segment of found.filter(candidate => !candidate.start)) {
    const file = segment.file!
    const range = { from: PREAMBLE, to: segment.size, sealed: false, group: 0 }
    const { end } = await scan(file, range, { record() {}, damage() {} })
    if (end > PREAMBLE + MARK) continue
    found.splice(found.indexOf(segment), 1)
    await clearFrom(file, 0, segment.size)
    await file.close()
    await files.disk.rename(segment.path, join(files.folder, spareName(segment.number)))
    await files.disk.syncFolder(files.folder)
    await files.adoptSpare(spareName(segment.number))
  }
}

/**
 * A segment that could not be deleted when its start failed to sync: the next one passes over it, or, if that one was
 * deleted since, there is a gap behind it and nothing in it. (Legal segments go from the oldest end only.)
 */
async function dropGivenUp(files: SegmentFiles, found: Found[]): Promise<void> {
  let previous = Infinity
  for (const segment of found.toReversed()) {
    const passedOver = segment.number > previous
    const leftOver = segment.start !== null && segment.number < previous && previous < Infinity
    if (passedOver || (leftOver && (await isBare(segment)))) {
      found.splice(found.indexOf(segment), 1)
      await files.discard(segment.file!, [segment.path])
    } else if (segment.start) previous = segment.start.previous
  }
}

/** Whether nothing was written after the start. */
async function isBare(segment: Found): Promise<boolean> {
  const range = { from: PREAMBLE, to: segment.size, sealed: false, group: 0 }
  let records = 0
  const count = (): void => void records++
  await scan(segment.file!, range, { record: count, damage: count })
  return records === 1
}

/** Spares count from one, given-up segments keep their number: different names, so that neither replaces the other. */
const spareName = (number: number): string => `0${segmentName(number).replace('.log', '.spare')}`

async function trusted(files: SegmentFiles, segment: Found, sealedAt: number | undefined): Promise<Footer | null> {
  const footer = await readFooter(files.disk, files.folder, segment.number)
  if (!footer) return null
  if (sealedAt !== undefined) return footer.end === sealedAt ? footer : null
  // Written when the journal was closed: true as long as nothing came after it.
  const head = Buffer.alloc(HEAD)
  const room = Math.min(HEAD, segment.size - footer.end)
  const got = await readUpTo(segment.file!, head, room, footer.end)
  return got === room && head.equals(EMPTY_HEAD) ? footer : null
}

async function scanSegment(
  segment: Found,
  state: JournalState,
  group: number,
  sealedAt: number | undefined,
  onDamage: (damage: JournalDamage) => void,
): Promise<number> {
  const file = segment.file!
  const sealed = sealedAt !== undefined
  const result = await scan(
    file,
    { from: PREAMBLE, to: sealedAt ?? segment.size, sealed, group },
    {
      record: (record, offset) => state.apply(record, segment.number, offset),
      damage(offset, bytes, what) {
        segment.damaged = true
        onDamage({ file: segment.path, offset, bytes, what })
      },
    },
  )
  segment.end = sealedAt ?? result.end
  if (!sealed) {
    if (result.torn) await clearFrom(file, result.end, segment.size)
    await makeDurable(file, result.lastGroupAt, result.end)
  }
  return result.group
}

/**
 * What was read counts as kept from here on, but may be in the page cache only: the process before this one was killed
 * before its last sync, or that sync failed, after which the kernel takes the pages for clean and a further sync would
 * say yes for nothing. So the last group, the only one this can be true of, is written once more.
 */
async function makeDurable(file: DiskFile, from: number, to: number): Promise<void> {
  const block = Buffer.allocUnsafeSlow(Math.min(1 << 20, Math.max(1, to - from)))
  for (let at = from; at < to; at += block.length) {
    const length = await readUpTo(file, block, Math.min(block.length, to - at), at)
    await writeAll(file, block, length, at)
  }
  await file.syncData()
}

/** Makes everything from `from` on zeros again, touching only blocks that are not. */
async function clearFrom(file: DiskFile, from: number, to: number): Promise<void> {
  const block = Buffer.allocUnsafeSlow(Math.min(1 << 18, Math.max(1, to - from)))
  const zeros = Buffer.alloc(block.length)
  for (let at = from; at < to; at += block.length) {
    const length = await readUpTo(file, block, Math.min(block.length, to - at), at)
    if (length === 0) break
    if (!block.subarray(0, length).equals(zeros.subarray(0, length))) await writeAll(file, zeros, length, at)
  }
  await file.syncData()
}

/** The last segment is written on, if it is sound; its footer, if any, would no longer be true. */
async function continueLast(files: SegmentFiles): Promise<void> {
  const last = files.list.at(-1)
  if (!last || last.damaged) return
  if (last.footer) {
    await files.disk.remove(join(files.folder, footerName(last.number)))
    await files.disk.syncFolder(files.folder)
    last.footer = false
  }
  files.active = last
}
