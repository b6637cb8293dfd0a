import type { Clock } from '../../kernel/clock.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import type { JournalStatus } from './contracts.ts'
import { writeAll } from './disk.ts'
import { type Arena, MARK, RecordView, walk } from './format.ts'
import { Class, Group } from './group.ts'
import type { RecentWrites } from './recent.ts'
import { Room, type RoomSettings } from './room.ts'
import type { Segment, SegmentFiles } from './segments.ts'
import type { JournalState } from './state.ts'

export interface WriterSettings extends RoomSettings {
  /** A group is closed when it has grown to this. */
  readonly groupBytes: number
}

interface Copy {
  readonly build: (arena: Arena) => void
  readonly done: (written: boolean) => void
}

/**
 * Group commit. Records of one turn of the event loop, and those that come while a sync is in flight, form the next
 * group: one write and one sync, after which they take effect in memory and their promises resolve. One group is in
 * flight at a time, so the state in memory is always that of the last synced group.
 */
export class Writer {
  readonly room: Room
  readonly #files: SegmentFiles
  readonly #state: JournalState
  readonly #recent: RecentWrites
  readonly #clock: Clock
  readonly #groupBytes: number
  readonly #view = new RecordView()
  #filling: Group | null = null
  readonly #full: Group[] = []
  readonly #copies: Copy[] = []
  #running: Promise<void> | null = null
  #closed = false
  /** The disk may work again and should be asked. */
  #probe = false
  #status: JournalStatus
  readonly #listeners = new Set<(status: JournalStatus) => void>()
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
    this.#clock = settings.clock
    this.#groupBytes = settings.groupBytes
    this.#status = { state: 'open', since: settings.clock.now() }
    this.room = new Room(files, state, recent, settings, lastGroup, () => this.#askDisk())
  }

  get status(): JournalStatus {
    return this.#status
  }

  onStatus(listener: (status: JournalStatus) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The group being filled. Encode into its arena in the same turn, then take the {@link Group.outcome}. */
  filling(): Group {
    if (this.#closed) throw new IntegrationError('JOURNAL_CLOSED', 'The journal is closed: the server is stopping.')
    let group = this.#filling
    if (group && group.arena.used >= this.#groupBytes) {
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

  /** Writes what was taken, then takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#running) await this.#running
    this.room.close()
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

  async #writeCopies({ build, done }: Copy): Promise<void> {
    const group = new Group(this.#recent.arena())
    build(group.arena)
    const refused = group.empty || (await this.room.make(group.arena.used, Class.value, 0)) !== null
    if (refused) this.#recent.giveBack(group.arena)
    done(group.empty || (!refused && (await this.#write(group)) === null))
  }

  /** Writes the group; if there is no room for all of it, what there is room for. */
  async #commit(group: Group): Promise<void> {
    const { arena } = group
    for (let top: number = group.top; !group.empty; top--) {
      const of = top as Class
      const refusal = await this.room.make(arena.used, of, group.puts)
      if (!refusal) {
        const failure = await this.#write(group)
        if (failure) group.fail(failure)
        else {
          if (of === Class.body) this.#setStatus('open')
          group.succeed()
        }
        this.#notify()
        return
      }
      group.takeOut(of, record => this.#state.undo(record))
      group.failFrom(of, refusal)
      this.#setStatus(refusal.code === 'DISK_FULL' ? 'full' : 'failed', refusal.message)
    }
    this.#recent.giveBack(arena)
    this.#notify()
  }

  /** Null if the group went to the device and took effect. */
  async #write(group: Group): Promise<IntegrationError | null> {
    const segment = this.#files.active!
    const { arena } = group
    const { number, end: base } = segment
    arena.mark(0, this.room.group + 1)
    try {
      await writeAll(segment.file!, arena.bytes, arena.used, base)
      await segment.file!.syncData()
    } catch (error) {
      return this.#poisoned(group, segment, error)
    }
    this.room.group++
    this.groups++
    segment.end = base + arena.used
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
    this.room.group++
    group.takeOut(Class.removal, record => this.#state.undo(record))
    const reason = `${segment.path}: ${textOf(cause)}`
    this.#setStatus('failed', reason)
    const stillFailing = await this.room.make(0, Class.removal, 0)
    if (!stillFailing) this.#setStatus('open')
    return new IntegrationError(
      'JOURNAL_FAILED',
      `The disk did not confirm a write to ${reason}. Nothing of it was accepted.`,
      {
        cause,
        ambiguous: stillFailing !== null,
      },
    )
  }

  #askDisk(): void {
    this.room.reset()
    if (this.#closed) return
    this.#probe = true
    this.#start()
  }

  /** What is refused now is accepted again without anybody asking. */
  async #recoverByItself(): Promise<void> {
    this.#probe = false
    if (!this.#files.active && this.#files.list.length > 0) {
      if (await this.room.make(0, Class.removal, 0)) return
    } else if (this.#status.state !== 'open' && !(await this.room.claim())) return
    this.#setStatus('open')
    this.onCommit()
  }

  #notify(): void {
    const { touched } = this.#state
    if (touched.size === 0) return
    const queues = [...touched]
    touched.clear()
    for (const queue of queues) for (const listener of queue.listeners) this.#call(listener)
  }

  #setStatus(state: JournalStatus['state'], reason?: string): void {
    const before = this.#status
    if (before.state === state && before.reason === reason) return
    const since = before.state === state ? before.since : this.#clock.now()
    this.#status = reason === undefined ? { state, since } : { state, reason, since }
    for (const listener of this.#listeners) this.#call(() => listener(this.#status))
  }

  /** A listener's mistake must not look like the disk's. */
  #call(listener: () => void): void {
    try {
      listener()
    } catch (error) {
      this.onListenerError(error)
    }
  }
}

/** A turn of the event loop, so that everything that is ready now gets into the group. */
function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
