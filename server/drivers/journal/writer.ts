import type { Clock, Timer } from '../../kernel/clock.ts'
import { IntegrationError, systemCode, textOf } from '../../kernel/errors.ts'
import type { JournalStatus } from './contracts.ts'
import { isFull, writeAll } from './disk.ts'
import { ACK_ROOM, type Arena, decodeRanges, HEAD, Kind, MARK, PREAMBLE, RecordView, walk } from './format.ts'
import type { RecentWrites } from './recent.ts'
import type { Start } from './recovery.ts'
import type { Segment, SegmentFiles } from './segments.ts'
import { SlotState } from './slots.ts'
import type { JournalState, QueueState } from './state.ts'

/**
 * What a record needs room for, and so which go on when the disk is full: removals may use everything that is claimed,
 * notes and values leave what the removals of all messages held need, bodies leave the reserve as well.
 */
export const Class = { removal: 0, value: 1, body: 2 } as const
export type Class = (typeof Class)[keyof typeof Class]

export interface WriterSettings {
  readonly clock: Clock
  /** Size of a segment once there is traffic; the first ones are smaller. */
  readonly segmentBytes: number
  /** Kept free for everything but bodies. */
  readonly reserveBytes: number
  /** A group is closed when it has grown to this. */
  readonly groupBytes: number
  /** How long to wait before the disk is asked again after it refused. */
  readonly retryMs: number
}

const FIRST_SEGMENT = 4 << 20

/** One sync's worth of records. All records of one class share their promise: they succeed or fail together. */
class Group {
  readonly arena: Arena
  top: Class = Class.removal
  puts = 0
  readonly #settlers: { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void }[] = []

  constructor(arena: Arena) {
    this.arena = arena
    arena.skipMark()
  }

  /** Call after encoding a record of this class. */
  outcome(of: Class): Promise<void> {
    if (of > this.top) this.top = of
    const known = this.#settlers[of]
    if (known) return known.promise
    let resolve!: () => void
    let reject!: (error: unknown) => void
    const promise = new Promise<void>((yes, no) => {
      resolve = yes
      reject = no
    })
    this.#settlers[of] = { promise, resolve, reject }
    return promise
  }

  get empty(): boolean {
    return this.arena.used <= MARK
  }

  succeed(): void {
    for (const settler of this.#settlers) settler?.resolve()
  }

  /** Fails what is of class `from` or above. */
  fail(from: Class, error: IntegrationError): void {
    for (let of = from; of < this.#settlers.length; of++) {
      this.#settlers[of]?.reject(error)
      delete this.#settlers[of]
    }
  }
}

/**
 * Group commit. Records of one turn of the event loop, and those that come while a sync is in flight, form the next
 * group: one write and one sync, after which they take effect in memory and their promises resolve. One group is in
 * flight at a time, so the state in memory is always that of the last synced group.
 */
export class Writer {
  readonly #files: SegmentFiles
  readonly #state: JournalState
  readonly #recent: RecentWrites
  readonly #settings: WriterSettings
  readonly #view = new RecordView()
  #filling: Group | null = null
  readonly #full: Group[] = []
  readonly #copies: { build: (arena: Arena) => void; done: (written: boolean) => void }[] = []
  #running: Promise<void> | null = null
  #group: number
  #closed = false
  #status: JournalStatus
  readonly #listeners = new Set<(status: JournalStatus) => void>()
  #claiming: Promise<void> | null = null
  /** Why no segment can be claimed, until the timer or freed room lets us ask again. */
  #noClaim: unknown
  /** Why no segment can be begun; as above. */
  #noRoll: unknown
  #timer: Timer | null = null
  #probe = false
  /** Called after every group: upkeep looks whether there is something to do. */
  onCommit: () => void = () => {}
  onListenerError: (error: unknown) => void = () => {}
  groups = 0
  records = 0

  constructor(
    files: SegmentFiles,
    state: JournalState,
    recent: RecentWrites,
    settings: WriterSettings,
    lastGroup: number,
  ) {
    this.#files = files
    this.#state = state
    this.#recent = recent
    this.#settings = settings
    this.#group = lastGroup
    this.#status = { state: 'open', since: settings.clock.now() }
  }

  get status(): JournalStatus {
    return this.#status
  }

  get lastGroup(): number {
    return this.#group
  }

  onStatus(listener: (status: JournalStatus) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The group being filled. Encode into its arena in the same turn, then take the {@link Group.outcome}. */
  filling(): Group {
    if (this.#closed) throw closedError()
    let group = this.#filling
    if (group && group.arena.used >= this.#settings.groupBytes) {
      this.#full.push(group)
      group = null
    }
    if (!group) {
      group = this.#filling = new Group(this.#recent.arena())
      this.#start()
    }
    return group
  }

  /**
   * Writes records that repeat what is in memory, in a group of their own. `build` runs when the group before it has taken
   * effect, so what it encodes is the state at that place of the log. Resolves with false if the disk refused.
   */
  copy(build: (arena: Arena) => void): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false)
    return new Promise(done => {
      this.#copies.push({ build, done })
      this.#start()
    })
  }

  /** Size of the next segment: doubling from small ones, so that a first start is quick and a small journal stays small. */
  get nextSegmentBytes(): number {
    const { segmentBytes } = this.#settings
    const last = this.#files.list.at(-1)?.size ?? 0
    return Math.min(segmentBytes, Math.max(FIRST_SEGMENT, last * 2))
  }

  /** Whether a further segment should be claimed ahead of need. */
  get wantsSpare(): boolean {
    const { active } = this.#files
    if (!active || this.#noClaim !== undefined || this.#closed) return false
    const room = active.size - active.end
    return this.#files.spares.length === 0
      ? room < active.size / 2
      : room + this.#files.spareBytes < this.#floor(Class.body, 0)
  }

  async claimAhead(): Promise<void> {
    await this.#claim(this.nextSegmentBytes)
  }

  /** A segment was deleted: if the disk was full it may no longer be. */
  roomFreed(): void {
    if (this.#noClaim !== undefined) this.#askAgain()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    while (this.#running) await this.#running
    this.#timer?.cancel()
    this.#setStatus('closed')
  }

  #start(): void {
    this.#running ??= turn()
      .then(() => this.#run())
      .finally(() => {
        this.#running = null
        if (this.#filling || this.#probe || this.#copies.length > 0) this.#start()
      })
  }

  async #run(): Promise<void> {
    for (;;) {
      if (this.#probe) await this.#recoverByItself()
      const copy = this.#copies.shift()
      if (copy) await this.#writeCopies(copy)
      let group = this.#full.shift()
      if (!group && this.#filling) {
        group = this.#filling
        this.#filling = null
      }
      if (group) await this.#commit(group)
      else if (!copy) return
      // Those who waited for this group may join the next one.
      await turn()
    }
  }

  async #writeCopies({
    build,
    done,
  }: {
    build: (arena: Arena) => void
    done: (written: boolean) => void
  }): Promise<void> {
    const group = new Group(this.#recent.arena())
    build(group.arena)
    if (group.empty) {
      this.#recent.giveBack(group.arena)
      done(true)
      return
    }
    const refusal = await this.#makeRoom(group, Class.value)
    const failure = refusal ?? (await this.#write(group))
    done(!failure)
  }

  async #commit(group: Group): Promise<void> {
    for (let top: number = group.top; !group.empty; top--) {
      const refusal = await this.#makeRoom(group, top as Class)
      if (!refusal) {
        const failure = await this.#write(group)
        if (failure) group.fail(Class.removal, failure)
        else {
          if (top === Class.body && this.#status.state !== 'open') this.#setStatus('open')
          group.succeed()
        }
        this.#notify()
        return
      }
      this.#refuse(group, top as Class)
      group.fail(top as Class, refusal)
      this.#setStatus(refusal.code === 'DISK_FULL' ? 'full' : 'failed', refusal.message)
    }
    this.#recent.giveBack(group.arena)
    this.#notify()
  }

  /** Null if the group went to the device and took effect. */
  async #write(group: Group): Promise<IntegrationError | null> {
    const segment = this.#files.active!
    const { arena } = group
    arena.mark(0, this.#group + 1)
    const base = segment.end
    try {
      await writeAll(segment.file!, arena.bytes, arena.used, base)
      await segment.file!.syncData()
    } catch (error) {
      return this.#poisoned(group, segment, error)
    }
    this.#group++
    this.groups++
    segment.end = base + arena.used
    const { number } = segment
    walk(arena.bytes, MARK, arena.used, this.#view, record => {
      this.records++
      this.#state.apply(record, number, base + record.at)
    })
    this.#recent.add(number, base, arena)
    this.onCommit()
    return null
  }

  /**
   * After a failed sync the kernel may have dropped the pages and say yes next time. Nothing more goes into this segment;
   * the next one begins by saying where it ended, and only when that is durable is the refusal final.
   */
  async #poisoned(group: Group, segment: Segment, cause: unknown): Promise<IntegrationError> {
    this.#files.active = null
    this.#group++
    this.#refuse(group, Class.removal)
    const reason = `${segment.path}: ${textOf(cause)}`
    this.#setStatus('failed', reason)
    const unopened = await this.#makeRoom(null, Class.removal)
    if (!unopened) this.#setStatus('open')
    return new IntegrationError(
      'JOURNAL_FAILED',
      `The disk did not confirm a write to ${reason}. Nothing of it was accepted.`,
      {
        cause,
        ambiguous: unopened !== null,
      },
    )
  }

  /** Makes the active segment one that can take the group, or says why that is impossible. */
  async #makeRoom(group: Group | null, of: Class): Promise<IntegrationError | null> {
    const needed = group ? group.arena.used : 0
    const floor = this.#floor(of, group?.puts ?? 0)
    const files = this.#files
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
        await this.#claim(Math.max(this.nextSegmentBytes, withStart))
        if (this.#noClaim !== undefined) return refusal(files.folder, this.#noClaim)
      }
    }
  }

  #floor(of: Class, puts: number): number {
    if (of === Class.removal) return 0
    const acks = ACK_ROOM * (this.#state.live + puts)
    return of === Class.value ? acks : Math.max(this.#settings.reserveBytes, acks)
  }

  #startArena(): Arena {
    const previous = this.#files.list.at(-1)
    const arena = this.#recent.arena()
    arena.preamble()
    arena.skipMark()
    const start: Start = {
      previous: previous?.number ?? 0,
      previousEnd: previous?.end ?? 0,
      owners: this.#state.directory(),
    }
    arena.record(Kind.start, 0, 0, '', Buffer.from(JSON.stringify(start)))
    return arena
  }

  async #roll(start: Arena, minimum: number): Promise<void> {
    const segment = (await this.#files.take(minimum))!
    start.mark(PREAMBLE, this.#group + 1)
    try {
      await writeAll(segment.file!, start.bytes, start.used, 0)
      await segment.file!.syncData()
    } catch (error) {
      // Its start may be on the disk and says where the active segment ends: nothing may be written behind that.
      if (!(await this.#files.discard(segment.file!, [segment.path]))) this.#files.active = null
      throw error
    }
    this.#group++
    segment.end = start.used
    this.#recent.giveBack(start)
    this.#files.activate(segment)
  }

  /** Claims one segment; a failure is in `#noClaim` afterwards. One claim at a time. */
  async #claim(size: number): Promise<void> {
    if (this.#claiming) return this.#claiming
    if (this.#noClaim !== undefined) return
    this.#claiming = this.#files.claim(size).catch((error: unknown) => {
      this.#noClaim = error ?? new Error('claim failed')
      this.#askLater()
    })
    await this.#claiming
    this.#claiming = null
  }

  #askLater(): void {
    if (this.#timer || this.#closed) return
    this.#timer = this.#settings.clock.after(this.#settings.retryMs, () => this.#askAgain())
  }

  #askAgain(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#noClaim = undefined
    this.#noRoll = undefined
    if (this.#closed) return
    this.#probe = true
    this.#start()
  }

  /** Runs when the disk may work again: what is refused now is accepted again without anybody asking. */
  async #recoverByItself(): Promise<void> {
    this.#probe = false
    if (!this.#files.active) {
      if (await this.#makeRoom(null, Class.removal)) return
    } else if (this.#status.state !== 'open') {
      await this.#claim(this.nextSegmentBytes)
      if (this.#noClaim !== undefined) return
    }
    if (this.#status.state !== 'open') this.#setStatus('open')
    this.onCommit()
  }

  /** Takes the records of class `from` and above out of the group again and undoes what was noted when they were encoded. */
  #refuse(group: Group, from: Class): void {
    const { arena } = group
    const { bytes } = arena
    const view = this.#view
    let to: number = MARK
    for (let at = MARK; at < arena.used;) {
      view.load(bytes, at, arena.used)
      const { end } = view
      if (classOf(view, end) < from) {
        bytes.copyWithin(to, at, end)
        to += end - at
      } else {
        walk(bytes, at, end, view, record => this.undo(record))
      }
      at = end
    }
    arena.used = to
    if (from <= Class.body) group.puts = 0
  }

  /** Takes back what encoding this record noted in memory. */
  undo(record: RecordView): void {
    const owner = this.#state.owners.get(record.owner)
    if (!owner) return
    if (record.kind === Kind.define) {
      owner.defined = false
      owner.forgotten = false
    } else if (record.kind === Kind.drop) owner.defined = true
    if (owner.type !== 'queue') return
    if (record.kind === Kind.remove) this.#keepAfterAll(owner, record.slot)
    if (record.kind === Kind.removeRanges) {
      for (const { first, count } of decodeRanges(record.body())) {
        for (const slot of owner.slots.from(first)) {
          if (slot >= first + count) break
          this.#keepAfterAll(owner, slot)
        }
      }
    }
  }

  #keepAfterAll(queue: QueueState, slot: number): void {
    const state = queue.slots.state(slot)
    if (state === SlotState.leasedLeaving) queue.slots.setState(slot, SlotState.leased)
    if (state !== SlotState.waitingLeaving) return
    queue.slots.setState(slot, SlotState.waiting)
    this.#state.touched.add(queue)
  }

  #notify(): void {
    const { touched } = this.#state
    if (touched.size === 0) return
    const queues = [...touched]
    touched.clear()
    for (const queue of queues) {
      for (const listener of queue.listeners) {
        try {
          listener()
        } catch (error) {
          this.onListenerError(error)
        }
      }
    }
  }

  #setStatus(state: JournalStatus['state'], reason?: string): void {
    if (this.#status.state === state && this.#status.reason === reason) return
    const since = this.#status.state === state ? this.#status.since : this.#settings.clock.now()
    this.#status = reason === undefined ? { state, since } : { state, reason, since }
    for (const listener of this.#listeners) {
      try {
        listener(this.#status)
      } catch (error) {
        this.onListenerError(error)
      }
    }
  }
}

function classOf(view: RecordView, end: number): Class {
  switch (view.kind) {
    case Kind.put:
      return Class.body
    case Kind.remove:
    case Kind.removeRanges:
    case Kind.define:
    case Kind.drop:
      return Class.removal
    case Kind.batch: {
      let highest: Class = Class.removal
      const inner = new RecordView()
      for (let at = view.at + HEAD; at < end; at = inner.end) {
        inner.load(view.bytes, at, end)
        const of = classOf(inner, inner.end)
        if (of > highest) highest = of
      }
      return highest
    }
    default:
      return Class.value
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

export function closedError(): IntegrationError {
  return new IntegrationError('JOURNAL_CLOSED', 'The journal is closed: the server is stopping.')
}

/** A turn of the event loop, so that everything that is ready now gets into the group. */
function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

export type { Group }
