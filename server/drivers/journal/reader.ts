import { IntegrationError, textOf } from '../../kernel/errors.ts'
import type { JournalDamage, JournalRecord } from './contracts.ts'
import { readUpTo } from './disk.ts'
import { Kind, RecordView } from './format.ts'
import type { RecentWrites } from './recent.ts'
import type { SegmentFiles } from './segments.ts'
import type { Place } from './slots.ts'
import type { QueueState } from './state.ts'

/** Read at once when messages are read in the order they were written. */
const AHEAD = 128 << 10

/** Fetches messages: from the groups written last, from the block read last, or from their segment. */
export class Reader {
  readonly #files: SegmentFiles
  readonly #recent: RecentWrites
  readonly #onDamage: (damage: JournalDamage) => void
  readonly #view = new RecordView()
  /** The last block read ahead. */
  #block: Buffer | null = null
  #blockSegment = 0
  #blockAt = 0
  /** Where the last read ended: a read that goes on there is one of a series. */
  #lastSegment = 0
  #lastEnd = 0

  constructor(files: SegmentFiles, recent: RecentWrites, onDamage: (damage: JournalDamage) => void) {
    this.#files = files
    this.#recent = recent
    this.#onDamage = onDamage
  }

  read(queue: QueueState, slot: number): JournalRecord | Promise<JournalRecord> {
    const place = queue.slots.place(slot)
    if (!place) return Promise.reject(gone(queue, slot))
    const bytes = this.#atHand(place)
    return bytes && this.#whole(bytes, queue, slot) ? this.#decoded() : this.#fetch(queue, slot)
  }

  /** The encoded record, checked; null if the message is gone or unreadable (then it was reported). */
  async raw(queue: QueueState, slot: number): Promise<Buffer | null> {
    try {
      return await this.#load(queue, slot)
    } catch (error) {
      if (error instanceof IntegrationError && error.code === 'JOURNAL_CORRUPT') return null
      throw error
    }
  }

  async #fetch(queue: QueueState, slot: number): Promise<JournalRecord> {
    const bytes = await this.#load(queue, slot)
    if (!bytes) throw gone(queue, slot)
    this.#view.load(bytes, 0, bytes.length)
    return this.#decoded()
  }

  /** Null if the message is gone. Its place may change while we wait for the disk: then the new one is read. */
  async #load(queue: QueueState, slot: number): Promise<Buffer | null> {
    for (let place = queue.slots.place(slot); place;) {
      let cause: unknown
      const bytes = await this.#fromDisk(place).catch((error: unknown) => {
        cause = error
        return null
      })
      if (bytes && this.#whole(bytes, queue, slot)) return bytes
      const now = queue.slots.place(slot)
      if (now && now.segment === place.segment && now.offset === place.offset) {
        throw cause === undefined ? this.#corrupt(queue, slot, place) : unread(queue, slot, cause)
      }
      place = now
    }
    return null
  }

  #atHand(place: Place): Buffer | null {
    const recent = this.#recent.copy(place.segment, place.offset, place.bytes)
    if (recent) return recent
    const block = this.#block
    if (!block || this.#blockSegment !== place.segment || place.offset < this.#blockAt) return null
    const from = place.offset - this.#blockAt
    if (from + place.bytes > block.length) return null
    this.#lastEnd = place.offset + place.bytes
    return Buffer.from(block.subarray(from, from + place.bytes))
  }

  async #fromDisk({ segment: number, offset, bytes }: Place): Promise<Buffer | null> {
    const segment = this.#files.find(number)
    if (!segment) throw new Error(`segment ${number} is gone`)
    const inSeries = number === this.#lastSegment && offset >= this.#lastEnd && offset - this.#lastEnd < AHEAD / 2
    this.#lastSegment = number
    this.#lastEnd = offset + bytes
    const length = Math.max(bytes, inSeries ? Math.min(AHEAD, segment.end - offset) : 0)
    const block = Buffer.allocUnsafeSlow(length)
    const got = await this.#files.reading(segment, file => readUpTo(file, block, length, offset))
    if (got < bytes) return null
    if (length === bytes) return block
    this.#block = block.subarray(0, got)
    this.#blockSegment = number
    this.#blockAt = offset
    return Buffer.from(block.subarray(0, bytes))
  }

  #whole(bytes: Buffer, queue: QueueState, slot: number): boolean {
    const view = this.#view
    return (
      view.load(bytes, 0, bytes.length) &&
      view.kind === Kind.put &&
      view.slot === slot &&
      view.owner === queue.number &&
      view.intact
    )
  }

  #decoded(): JournalRecord {
    return { id: this.#view.key(), body: this.#view.body() }
  }

  #corrupt(queue: QueueState, slot: number, place: Place): IntegrationError {
    const segment = this.#files.find(place.segment)
    const file = segment?.path ?? `segment ${place.segment}`
    if (segment) segment.damaged = true
    const what = `message ${slot} of queue ${queue.name}`
    this.#onDamage({ file, offset: place.offset, bytes: place.bytes, what })
    return new IntegrationError(
      'JOURNAL_CORRUPT',
      `${what} cannot be read from ${file} at byte ${place.offset}: its checksum is wrong. ` +
        'The file is kept; restore it from a copy or remove the message.',
    )
  }
}

function gone(queue: QueueState, slot: number): IntegrationError {
  return new IntegrationError('MESSAGE_UNREADABLE', `Message ${slot} of queue ${queue.name} is no longer there.`)
}

function unread(queue: QueueState, slot: number, cause: unknown): IntegrationError {
  return new IntegrationError(
    'JOURNAL_FAILED',
    `Message ${slot} of queue ${queue.name} could not be read: ${textOf(cause)}. It is kept and can be read again later.`,
    { cause },
  )
}
