/**
 * The embedded journal: our own segment log. What makes a promise of it worth something, in order of the data's way:
 *
 * 1. A segment is claimed (zeros, synced) before the first record goes in: a full disk shows there and nowhere else
 *    (`segments.ts`).
 * 2. Records of one turn form a group: one write, one `fdatasync`, then they take effect and their promises resolve
 *    (`writer.ts`). One record group is all or nothing by one CRC (`format.ts`).
 * 3. Every message pays for the room of its own acknowledgement, so a full disk still drains (`writer.ts`).
 * 4. After a failed sync the segment is poisoned and the next one says where it ended (`writer.ts`).
 * 5. Empty segments go from the oldest end only; a mostly dead log is copied forward (`upkeep.ts`).
 * 6. Sealed segments have footers; opening scans only the last (`footer.ts`, `recovery.ts`, `scan.ts`).
 */
import type { Clock } from '../../kernel/clock.ts'
import type { Log as ServerLog } from '../../kernel/contracts.ts'
import { IntegrationError, systemCode, textOf } from '../../kernel/errors.ts'
import { BatchEncoder } from './batch.ts'
import type {
  Batch,
  Journal,
  JournalDamage,
  JournalLedger,
  JournalQueue,
  JournalStats,
  JournalStatus,
  JournalTable,
  LedgerBounds,
} from './contracts.ts'
import { type Disk, nodeDisk } from './disk.ts'
import { Kind } from './format.ts'
import { Class } from './group.ts'
import { Ledger } from './ledger.ts'
import { encodeClear, type Log, Queue } from './queue.ts'
import { Reader } from './reader.ts'
import { RecentWrites } from './recent.ts'
import { recover } from './recovery.ts'
import { SegmentFiles } from './segments.ts'
import { JournalState } from './state.ts'
import { Table } from './table.ts'
import { Upkeep } from './upkeep.ts'
import { Writer } from './writer.ts'

export interface JournalOptions {
  /** `HOME/data`; made if it is missing. */
  readonly folder: string
  readonly clock: Clock
  readonly log: ServerLog
  readonly disk?: Disk
  /** Size of a segment, 64 MiB unless told; a larger message gets one of its own. */
  readonly segmentBytes?: number
  /** Kept free of bodies, 256 KiB unless told, and never more than a quarter of a segment. */
  readonly reserveBytes?: number
}

const SEGMENT = 64 << 20
const RESERVE = 256 << 10
const GROUP = 1 << 20
const RETRY_MS = 1_000
/** Memory for messages stored just now; two groups at full load, next to nothing when idle. */
const RECENT = 4 << 20

/** Rejects with `JOURNAL_LOCKED`, `JOURNAL_FORMAT` or `JOURNAL_ACCESS`; damage is reported, not thrown. */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { folder, clock, log, disk = nodeDisk } = options
  const segmentBytes = options.segmentBytes ?? SEGMENT
  const reserveBytes = Math.min(options.reserveBytes ?? RESERVE, segmentBytes >>> 2)
  const damage: JournalDamage[] = []
  const onDamage = (found: JournalDamage): void => {
    if (damage.some(({ file, offset }) => file === found.file && offset === found.offset)) return
    damage.push(found)
    log.error('JOURNAL_CORRUPT: part of the journal cannot be read; the file is kept', { ...found })
  }

  const lock = await access(folder, async () => {
    await disk.makeFolder(folder)
    return disk.lock(folder)
  })
  const files = new SegmentFiles(disk, folder)
  const state = new JournalState()
  let lastGroup: number
  try {
    lastGroup = await access(folder, () => recover(files, state, onDamage))
  } catch (error) {
    await files.close()
    await lock[Symbol.asyncDispose]()
    throw error
  }
  state.sortLedgers()
  state.touched.clear()

  const recent = new RecentWrites(RECENT)
  const settings = {
    clock,
    segmentBytes,
    reserveBytes,
    groupBytes: Math.min(GROUP, segmentBytes >>> 2),
    retryMs: RETRY_MS,
  }
  const writer = new Writer(files, state, recent, settings, lastGroup)
  const reader = new Reader(files, recent, onDamage)
  const upkeep = new Upkeep(files, state, writer, reader, segmentBytes, (doing, error) =>
    log.warn(`${doing} failed and is tried again: ${textOf(error)}`),
  )
  writer.onCommit = () => upkeep.wake()
  writer.onListenerError = error => log.error('a listener of the journal failed', { error })
  writer.onStatus(({ state, reason }) => {
    if (state === 'open') log.info('the journal takes messages again')
    else if (state !== 'closed') log.error(`the journal is ${state}`, { reason })
  })
  upkeep.wake()
  return new SegmentJournal({ state, writer, reader }, files, upkeep, clock, damage, lock)
}

class SegmentJournal implements Journal {
  readonly damage: readonly JournalDamage[]
  readonly #log: Log
  readonly #files: SegmentFiles
  readonly #upkeep: Upkeep
  readonly #clock: Clock
  readonly #lock: AsyncDisposable
  readonly #batch: BatchEncoder
  readonly #queues = new Map<string, Queue>()
  readonly #tables = new Map<string, Table>()
  readonly #ledgers = new Map<string, Ledger>()
  #closing: Promise<void> | null = null

  constructor(
    log: Log,
    files: SegmentFiles,
    upkeep: Upkeep,
    clock: Clock,
    damage: readonly JournalDamage[],
    lock: AsyncDisposable,
  ) {
    this.#log = log
    this.#files = files
    this.#upkeep = upkeep
    this.#clock = clock
    this.#lock = lock
    this.#batch = new BatchEncoder(log)
    this.damage = damage
  }

  queue(name: string): JournalQueue {
    return this.#queue(name)
  }

  #queue(name: string): Queue {
    let queue = this.#queues.get(name)
    if (!queue) this.#queues.set(name, (queue = new Queue(this.#log, this.#log.state.queue(name))))
    return queue
  }

  table(name: string): JournalTable {
    let table = this.#tables.get(name)
    if (!table) this.#tables.set(name, (table = new Table(this.#log, this.#log.state.table(name))))
    return table
  }

  ledger(name: string, bounds: LedgerBounds = { count: 20_000, ageMs: 24 * 3_600_000 }): JournalLedger {
    let ledger = this.#ledgers.get(name)
    if (!ledger) {
      const state = this.#log.state.ledger(name)
      state.count = bounds.count
      state.ageMs = bounds.ageMs
      this.#log.state.trim(state, this.#clock.now())
      this.#ledgers.set(name, (ledger = new Ledger(this.#log, state, this.#clock)))
    }
    return ledger
  }

  commit(write: (batch: Batch) => void): Promise<void> {
    return this.#batch.commit(write)
  }

  get status(): JournalStatus {
    return this.#log.writer.status
  }

  onStatus(listener: (status: JournalStatus) => void): () => void {
    return this.#log.writer.onStatus(listener)
  }

  queueNames(): readonly string[] {
    const names: string[] = []
    for (const queue of this.#log.state.queues()) if (queue.defined && !queue.forgotten) names.push(queue.name)
    return names
  }

  async drop(name: string): Promise<boolean> {
    const state = this.#log.state.findQueue(name)
    if (!state?.defined || state.forgotten || state.slots.waiting !== state.slots.held) return false
    const group = this.#log.writer.filling()
    encodeClear(group.arena, state)
    group.arena.record(Kind.drop, state.number, 0, '', null)
    state.defined = false
    await group.outcome(Class.removal)
    return true
  }

  stats(): JournalStats {
    const { state, writer } = this.#log
    let liveBytes = 0
    for (const share of state.shares.values()) liveBytes += share.liveBytes
    const queues = [...state.queues()]
      .filter(queue => queue.defined || queue.slots.held > 0)
      .map(({ name, slots }) => ({ name, held: slots.held, waiting: slots.waiting }))
    return {
      segments: this.#files.list.length,
      bytes: this.#files.bytes,
      liveBytes,
      live: state.live,
      queues,
      groups: writer.groups,
      records: writer.records,
    }
  }

  /** Takes nothing more, writes what was taken, and leaves a footer so that the next open need not scan. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#log.writer.close()
    await this.#upkeep.close()
    // A shortcut only: without it the next open scans.
    await this.#upkeep.describeLast().catch(() => {})
    await this.#files.close()
    await this.#lock[Symbol.asyncDispose]()
  }
}

/** Turns what the system says about rights into what to do about it. */
async function access<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = systemCode(error)
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS' && code !== 'ENOTDIR' && code !== 'EEXIST')
      throw error
    throw new IntegrationError(
      'JOURNAL_ACCESS',
      `${folder} cannot be used: ${textOf(error)}. Give the user that runs the server the right to read and write it, ` +
        'or choose another --home.',
      { cause: error },
    )
  }
}
