import { type Arena, Kind } from './format.ts'
import { describeSegment, writeFooter } from './footer.ts'
import { encodeDone, encodeRemember } from './ledger.ts'
import type { Reader } from './reader.ts'
import type { Segment, SegmentFiles } from './segments.ts'
import type { JournalState, QueueState } from './state.ts'
import type { Writer } from './writer.ts'

/** Copied forward in one group at most, so that a commit never waits long behind a copy. */
const COPY_BYTES = 256 << 10
/** Chunks of a queue's index looked at before others may work again. */
const CHUNKS = 128

/** The messages of the oldest segment that are still there, a part of them. */
interface Copied {
  readonly queue: QueueState
  readonly slot: number
  readonly bytes: Buffer
}

/**
 * What keeps the folder small and the commits quick, one thing at a time beside them: delete empty segments from the
 * oldest end, claim the next one before it is needed, describe sealed ones in footers, and copy forward what little is
 * left in the oldest when the log is mostly dead.
 */
export class Upkeep {
  readonly #files: SegmentFiles
  readonly #state: JournalState
  readonly #writer: Writer
  readonly #reader: Reader
  readonly #segmentBytes: number
  readonly #onError: (doing: string, error: unknown) => void
  #running: Promise<void> | null = null
  #again = false
  #closed = false
  /** Footers that could not be written: not tried again, opening will scan. */
  readonly #withoutFooter = new Set<number>()

  constructor(
    files: SegmentFiles,
    state: JournalState,
    writer: Writer,
    reader: Reader,
    segmentBytes: number,
    onError: (doing: string, error: unknown) => void,
  ) {
    this.#files = files
    this.#state = state
    this.#writer = writer
    this.#reader = reader
    this.#segmentBytes = segmentBytes
    this.#onError = onError
  }

  wake(): void {
    if (this.#running) {
      this.#again = true
      return
    }
    if (this.#closed || !this.#due()) return
    this.#running = this.#run().finally(() => {
      this.#running = null
      if (this.#again) {
        this.#again = false
        this.wake()
      }
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    while (this.#running) await this.#running
  }

  #due(): boolean {
    return this.#emptyOldest() || this.#writer.room.wantsSpare || this.#footerless() !== undefined || this.#sparse()
  }

  async #run(): Promise<void> {
    try {
      while (!this.#closed && this.#due()) {
        if (this.#emptyOldest()) await this.#deleteOldest()
        else if (this.#writer.room.wantsSpare) await this.#writer.room.claim()
        else if (this.#sparse()) {
          if (!(await this.#copyForward())) return
        } else await this.#describe(this.#footerless()!)
      }
    } catch (error) {
      // Tried again after the next commit: nothing was changed that is not finished.
      this.#onError('upkeep of the journal', error)
    }
  }

  #oldestSealed(): Segment | undefined {
    const oldest = this.#files.list[0]
    return oldest === this.#files.active ? undefined : oldest
  }

  #emptyOldest(): boolean {
    const oldest = this.#oldestSealed()
    // A poisoned segment stays until another one carries on, whose start record says where it ended.
    return oldest !== undefined && this.#files.active !== null && this.#state.share(oldest.number).live === 0
  }

  async #deleteOldest(): Promise<void> {
    const { number } = this.#oldestSealed()!
    await this.#files.removeOldest()
    this.#state.shares.delete(number)
    this.#withoutFooter.delete(number)
    this.#writer.room.freed()
  }

  /**
   * More than half of the sealed segments is dead, beyond two segments of slack: then freeing a segment costs copying
   * less than it frees. On a full disk the slack is not there; a mostly dead segment is enough.
   */
  #sparse(): boolean {
    const { active } = this.#files
    const oldest = this.#oldestSealed()
    if (!oldest || !active) return false
    const status = this.#writer.status.state
    if (status === 'failed' || status === 'closed') return false
    if (status === 'full') return this.#state.share(oldest.number).liveBytes * 2 <= oldest.size
    let sealed = 0
    let live = 0
    for (const segment of this.#files.list) {
      if (segment === active) continue
      sealed += segment.size
      live += this.#state.share(segment.number).liveBytes
    }
    return sealed > 2 * live + 2 * this.#segmentBytes
  }

  /** One step; false if the disk has no room for it. */
  async #copyForward(): Promise<boolean> {
    const oldest = this.#oldestSealed()!
    for (const queue of this.#state.queues()) {
      for (let from = 0; from < Infinity && !this.#closed;) {
        const { slots, next } = queue.slots.inSegment(oldest.number, from, CHUNKS)
        from = next
        for (let i = 0; i < slots.length;) {
          const copied: Copied[] = []
          for (let bytes = 0; i < slots.length && bytes < COPY_BYTES; i++) {
            const read = await this.#readForCopy(queue, slots[i]!, oldest)
            if (!read) continue
            copied.push(read)
            bytes += read.bytes.length
          }
          if (!(await this.#writer.copy(arena => this.#encodeMessages(arena, copied, oldest)))) return false
        }
      }
    }
    return this.#writer.copy(arena => this.#encodeSmall(arena, oldest))
  }

  async #readForCopy(queue: QueueState, slot: number, oldest: Segment): Promise<Copied | null> {
    if (queue.slots.place(slot)?.segment !== oldest.number) return null
    const bytes = await this.#reader.raw(queue, slot)
    if (bytes) return { queue, slot, bytes }
    // Reported as damage; the file is kept aside, so the segment may go without this message.
    if (queue.slots.place(slot)?.segment === oldest.number) this.#state.removed(queue, slot)
    return null
  }

  #encodeMessages(arena: Arena, copied: readonly Copied[], oldest: Segment): void {
    for (const { queue, slot, bytes } of copied) {
      // Removed while it was being read, or while the group before this one was written.
      if (queue.slots.place(slot)?.segment !== oldest.number) continue
      arena.append(bytes)
      // At the next open a note is read after its message, or it would speak of nothing.
      const kept = queue.notes.get(slot)
      if (kept) arena.record(Kind.note, queue.number, slot, '', kept.note)
    }
  }

  /** Notes, values and ledger entries are in memory: they are written again from there. */
  #encodeSmall(arena: Arena, { number: segment }: Segment): void {
    for (const [number, owner] of this.#state.owners) {
      if (owner.type === 'queue') {
        for (const [slot, kept] of owner.notes) {
          if (kept.segment === segment) arena.record(Kind.note, number, slot, '', kept.note)
        }
      } else if (owner.type === 'table') {
        for (const [key, kept] of owner.values) {
          if (kept.segment === segment) arena.record(Kind.set, number, 0, key, Buffer.from(JSON.stringify(kept.value)))
        }
      } else {
        for (const [id, kept] of owner.entries) {
          if (kept.segment !== segment) continue
          if (kept.done) encodeDone(arena, number, id, kept.at)
          else encodeRemember(arena, number, id, kept.at, kept.note)
        }
      }
    }
  }

  #footerless(): Segment | undefined {
    const { list, active } = this.#files
    for (const segment of list) {
      if (segment === active || segment.footer || segment.damaged) continue
      if (!this.#withoutFooter.has(segment.number) && active) return segment
    }
    return undefined
  }

  async #describe(segment: Segment): Promise<void> {
    this.#withoutFooter.add(segment.number)
    const bytes = await describeSegment(this.#files, segment, this.#state)
    await writeFooter(this.#files, segment, bytes)
  }

  /** Called once nothing is written any more: the next open need not scan the last segment either. */
  async describeLast(): Promise<void> {
    const { active } = this.#files
    if (active && active.end > 0)
      await writeFooter(this.#files, active, await describeSegment(this.#files, active, this.#state))
  }
}
