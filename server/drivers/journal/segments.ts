import { join } from 'node:path'
import { systemCode } from '../../kernel/errors.ts'
import { type Disk, type DiskFile, writeAll } from './disk.ts'

export interface Segment {
  readonly number: number
  readonly path: string
  readonly size: number
  /** Behind its last good record. */
  end: number
  file: DiskFile | null
  readers: number
  /** A footer describes it, so that opening need not scan it. */
  footer: boolean
  /** Something in it could not be read: the file is moved aside instead of being deleted. */
  damaged: boolean
  removed: boolean
}

interface Spare {
  readonly path: string
  readonly size: number
  readonly file: DiskFile
}

/** Read handles kept open. A million messages of 1 KB lie in sixteen files. */
const OPEN_FILES = 64
const ZEROS = new Uint8Array(1 << 20)

export const segmentName = (number: number): string => `${String(number).padStart(8, '0')}.log`
export const footerName = (number: number): string => `${String(number).padStart(8, '0')}.footer`

/**
 * The files of the log. A segment is claimed (written full of zeros and synced under a `.claim` name, then renamed to
 * `.spare`) before a record goes in, so that a full disk shows when a segment is claimed, never in the middle of a
 * record, and a failed claim changes nothing. It gets its number only when it becomes the active one.
 */
export class SegmentFiles {
  readonly folder: string
  readonly disk: Disk
  /** Oldest first; the last one is written to if `active`. */
  readonly list: Segment[] = []
  readonly spares: Spare[] = []
  active: Segment | null = null
  #lastNumber = 0
  #spareNumber = 0
  /** A removal whose folder sync failed; no other file goes before it has worked. */
  #unsynced = false
  /** Segments with an open handle, least recently used first. */
  readonly #opened = new Set<Segment>()

  constructor(disk: Disk, folder: string) {
    this.disk = disk
    this.folder = folder
  }

  add(segment: Segment): void {
    this.list.push(segment)
    if (segment.number > this.#lastNumber) this.#lastNumber = segment.number
  }

  find(number: number): Segment | undefined {
    const first = this.list[0]
    if (!first) return undefined
    // Numbers follow one another except where a file was lost.
    const guess = this.list[number - first.number]
    return guess?.number === number ? guess : this.list.find(segment => segment.number === number)
  }

  async adoptSpare(name: string): Promise<void> {
    const path = join(this.folder, name)
    const number = Number.parseInt(name, 10)
    if (number > this.#spareNumber) this.#spareNumber = number
    const file = await this.disk.open(path, 'write')
    this.spares.push({ path, size: await file.size(), file })
  }

  get spareBytes(): number {
    let total = 0
    for (const spare of this.spares) total += spare.size
    return total
  }

  get bytes(): number {
    let total = this.spareBytes
    for (const segment of this.list) total += segment.size
    return total
  }

  /** Adds a spare segment or throws what the disk said, leaving everything as it was. */
  async claim(size: number): Promise<void> {
    const number = ++this.#spareNumber
    const claim = join(this.folder, `${number}.claim`)
    const path = join(this.folder, `${number}.spare`)
    const file = await this.disk.open(claim, 'create')
    let name = claim
    try {
      for (let at = 0; at < size; at += ZEROS.length) await writeAll(file, ZEROS, Math.min(ZEROS.length, size - at), at)
      await file.sync()
      await this.disk.rename(claim, path)
      name = path
      await this.disk.syncFolder(this.folder)
    } catch (error) {
      await file.close().catch(() => {})
      await this.disk.remove(name).catch(() => {})
      throw error
    }
    this.spares.push({ path, size, file })
  }

  /** Turns a spare into the segment with the next number. The name is durable before anything is written into it. */
  async take(minimum: number): Promise<Segment | null> {
    const index = this.spares.findIndex(spare => spare.size >= minimum)
    const spare = this.spares[index]
    if (!spare) return null
    const number = this.#lastNumber + 1
    const path = join(this.folder, segmentName(number))
    this.spares.splice(index, 1)
    this.#lastNumber = number
    try {
      await this.disk.rename(spare.path, path)
      await this.disk.syncFolder(this.folder)
    } catch (error) {
      await this.discard(spare.file, [spare.path, path])
      throw error
    }
    return {
      number,
      path,
      size: spare.size,
      end: 0,
      file: spare.file,
      readers: 0,
      footer: false,
      damaged: false,
      removed: false,
    }
  }

  /** Closes and deletes what was begun and failed; false if it may still be there after a crash. */
  async discard(file: DiskFile, paths: readonly string[]): Promise<boolean> {
    await file.close().catch(() => {})
    let gone = true
    for (const path of paths) {
      await this.disk.remove(path).catch((error: unknown) => {
        if (systemCode(error) !== 'ENOENT') gone = false
      })
    }
    await this.disk.syncFolder(this.folder).catch(() => (gone = false))
    return gone
  }

  /** From now on `segment` is written to; the one before it keeps its handle for reading. */
  activate(segment: Segment): void {
    if (this.active?.file) this.#remember(this.active)
    this.active = segment
    this.add(segment)
  }

  /** Calls `use` with an open handle that stays open until it is done, even if the segment is removed meanwhile. */
  async reading<T>(segment: Segment, use: (file: DiskFile) => Promise<T>): Promise<T> {
    segment.readers++
    try {
      if (!segment.file) {
        const file = await this.disk.open(segment.path, 'read')
        // Another reader may have been faster.
        if (segment.file) await file.close()
        else segment.file = file
      }
      if (segment !== this.active) this.#remember(segment)
      return await use(segment.file as DiskFile)
    } finally {
      segment.readers--
      if (segment.removed && segment.readers === 0) await this.#close(segment)
    }
  }

  /**
   * Removes the oldest segment, and syncs the folder before the next one may go: an acknowledgement never disappears
   * before the message it speaks of. A damaged one is moved aside instead.
   */
  async removeOldest(): Promise<void> {
    if (this.#unsynced) await this.disk.syncFolder(this.folder)
    const segment = this.list[0]!
    if (segment.damaged) await this.disk.rename(segment.path, `${segment.path}.damaged`)
    else await this.disk.remove(segment.path)
    this.list.shift()
    segment.removed = true
    this.#opened.delete(segment)
    if (segment.footer) await this.disk.remove(join(this.folder, footerName(segment.number))).catch(() => {})
    if (segment.readers === 0) await this.#close(segment)
    this.#unsynced = true
    await this.disk.syncFolder(this.folder)
    this.#unsynced = false
  }

  async close(): Promise<void> {
    for (const segment of this.list) await this.#close(segment)
    for (const spare of this.spares) await spare.file.close().catch(() => {})
  }

  #remember(segment: Segment): void {
    this.#opened.delete(segment)
    this.#opened.add(segment)
    if (this.#opened.size <= OPEN_FILES) return
    for (const candidate of this.#opened) {
      if (candidate.readers > 0 || candidate === segment) continue
      this.#opened.delete(candidate)
      void this.#close(candidate)
      return
    }
  }

  async #close(segment: Segment): Promise<void> {
    const { file } = segment
    segment.file = null
    // What was synced is safe whatever closing says, and nothing else is in there.
    await file?.close().catch(() => {})
  }
}
