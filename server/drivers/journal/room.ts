import type { Clock, Timer } from '../../kernel/clock.ts'
import { IntegrationError, systemCode, textOf } from '../../kernel/errors.ts'
import { isFull, writeAll } from './disk.ts'
import { ACK_ROOM, type Arena, Kind, PREAMBLE } from './format.ts'
import { Class } from './group.ts'
import type { RecentWrites } from './recent.ts'
import type { Start } from './recovery.ts'
import type { SegmentFiles } from './segments.ts'
import type { JournalState } from './state.ts'

export interface RoomSettings {
  readonly clock: Clock
  /** Size of a segment once there is traffic; the first ones are smaller. */
  readonly segmentBytes: number
  /** Kept free for everything but bodies. */
  readonly reserveBytes: number
  /** How long to wait before the disk is asked again after it refused. */
  readonly retryMs: number
}

const FIRST_SEGMENT = 4 << 20
/** Tried when the disk has no room for a segment of full size. */
const SMALL_SEGMENT = 1 << 20
/** Asking a full disk means filling it for a moment: less and less often, at most so many times the first wait. */
const LONGEST_WAIT = 8

/**
 * Where the next group goes. Room is claimed before it is needed, and every message pays for the room of its own
 * acknowledgement when it is accepted, so that a full disk refuses messages and still lets all of them go.
 */
export class Room {
  readonly #files: SegmentFiles
  readonly #state: JournalState
  readonly #recent: RecentWrites
  readonly #settings: RoomSettings
  readonly #askAgain: () => void
  /** Number of the last group written or given up. */
  group: number
  #claiming: Promise<void> | null = null
  /** Why no segment can be claimed, until {@link reset}. */
  #noClaim: unknown
  /** Why no segment can be begun, until {@link reset}. */
  #noRoll: unknown
  #timer: Timer | null = null
  #waits = 1
  #closed = false

  /** `askAgain` is called when the disk may have changed its mind. */
  constructor(
    files: SegmentFiles,
    state: JournalState,
    recent: RecentWrites,
    settings: RoomSettings,
    lastGroup: number,
    askAgain: () => void,
  ) {
    this.#files = files
    this.#state = state
    this.#recent = recent
    this.#settings = settings
    this.group = lastGroup
    this.#askAgain = askAgain
  }

  /** Makes the active segment one that can take `needed` bytes of class `of`, or says why that is impossible. */
  async make(needed: number, of: Class, puts: number): Promise<IntegrationError | null> {
    const files = this.#files
    const floor = this.#floor(of, puts)
    for (;;) {
      const { active } = files
      const room = active ? active.size - active.end : 0
      const left = room + files.spareBytes - needed
      if (active && room >= needed && left >= floor) return null
      const start = this.#startArena()
      const withStart = needed + start.used
      if (files.spares.some(spare => spare.size >= withStart) && left - room - start.used >= floor) {
        if (this.#noRoll !== undefined) return refusal(files.folder, this.#noRoll)
        try {
          await this.#roll(start, withStart)
        } catch (error) {
          this.#noRoll = error
          this.#askLater()
          return refusal(files.folder, error)
        }
      } else {
        this.#recent.giveBack(start)
        if (!(await this.claim(withStart))) return refusal(files.folder, this.#noClaim)
      }
    }
  }

  /** Whether a further segment should be claimed ahead of need. */
  get wantsSpare(): boolean {
    const { active, spares, spareBytes } = this.#files
    if (!active || this.#noClaim !== undefined || this.#closed) return false
    const room = active.size - active.end
    return spares.length === 0 ? room < active.size / 2 : room + spareBytes < this.#floor(Class.body, 0)
  }

  /** Claims one segment of at least this size; false if the disk refuses. One claim at a time. */
  async claim(minimum = 0): Promise<boolean> {
    if (!this.#claiming && this.#noClaim === undefined) {
      this.#claiming = this.#claimOne(minimum).finally(() => (this.#claiming = null))
    }
    await this.#claiming
    return this.#noClaim === undefined
  }

  async #claimOne(minimum: number): Promise<void> {
    const large = Math.max(this.#nextBytes, minimum)
    const small = Math.max(Math.min(this.#nextBytes, SMALL_SEGMENT), minimum)
    try {
      await this.#files.claim(large).catch((error: unknown) => {
        if (small === large || !isFull(systemCode(error))) throw error
        return this.#files.claim(small)
      })
      this.#waits = 1
    } catch (error) {
      this.#noClaim = error
      this.#askLater()
    }
  }

  /** A segment was deleted: a disk that was full may no longer be. */
  freed(): void {
    if (this.#noClaim !== undefined) this.#askAgain()
  }

  /** Forgets what the disk refused, so that it is asked again. */
  reset(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#noClaim = undefined
    this.#noRoll = undefined
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #askLater(): void {
    if (this.#timer || this.#closed) return
    this.#timer = this.#settings.clock.after(this.#settings.retryMs * this.#waits, this.#askAgain)
    this.#waits = Math.min(this.#waits * 2, LONGEST_WAIT)
  }

  /** Doubling from small ones, so that a first start is quick and a small journal stays small. */
  get #nextBytes(): number {
    const last = this.#files.list.at(-1)?.size ?? 0
    return Math.min(this.#settings.segmentBytes, Math.max(FIRST_SEGMENT, last * 2))
  }

  #floor(of: Class, puts: number): number {
    if (of === Class.removal) return 0
    const acks = ACK_ROOM * (this.#state.live + puts)
    return of === Class.value ? acks : Math.max(this.#settings.reserveBytes, acks)
  }

  #startArena(): Arena {
    const previous = this.#files.list.at(-1)
    const start: Start = {
      previous: previous?.number ?? 0,
      previousEnd: previous?.end ?? 0,
      owners: this.#state.directory(),
    }
    const arena = this.#recent.arena()
    arena.preamble()
    arena.skipMark()
    arena.record(Kind.start, 0, 0, '', Buffer.from(JSON.stringify(start)))
    return arena
  }

  /** Begins the next segment. Its start is durable before anything else goes in: it says where the one before ended. */
  async #roll(start: Arena, minimum: number): Promise<void> {
    const segment = (await this.#files.take(minimum))!
    start.mark(PREAMBLE, this.group + 1)
    try {
      await writeAll(segment.file!, start.bytes, start.used, 0)
      await segment.file!.syncData()
    } catch (error) {
      // The start may be on the disk and says where the active segment ends: nothing may be written behind that.
      if (!(await this.#files.discard(segment.file!, [segment.path]))) this.#files.active = null
      throw error
    }
    this.group++
    segment.end = start.used
    this.#recent.giveBack(start)
    this.#files.activate(segment)
  }
}

function refusal(folder: string, cause: unknown): IntegrationError {
  if (isFull(systemCode(cause))) {
    return new IntegrationError(
      'DISK_FULL',
      `The disk that holds ${folder} is full: no room for another message. Free some; acceptance resumes by itself.`,
      { cause },
    )
  }
  return new IntegrationError('JOURNAL_FAILED', `No further segment can be made in ${folder}: ${textOf(cause)}.`, {
    cause,
  })
}
