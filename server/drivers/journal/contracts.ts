/** What the embedded journal offers. The rules behind it: `journal.ts` (durability), `format.ts` (bytes on disk). */

/** A value that survives `JSON.stringify` and back. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** `full`: bodies are refused, acknowledging goes on. `failed`: the disk refuses everything; a new segment is tried. */
export interface JournalStatus {
  readonly state: 'open' | 'full' | 'failed' | 'closed'
  readonly reason?: string
  /** Clock milliseconds at which this state began. */
  readonly since: number
}

/** Something in a sealed segment that could not be read. Kept until the journal is closed; the file is never deleted. */
export interface JournalDamage {
  readonly file: string
  readonly offset: number
  readonly bytes: number
  /** What was there as far as it can still be told: kind, queue, message id. */
  readonly what: string
}

export interface JournalStats {
  readonly segments: number
  /** Claimed on disk, spare segments and footers included. */
  readonly bytes: number
  /** Of those, bytes of records that are still needed. */
  readonly liveBytes: number
  /** Messages held in all queues. */
  readonly live: number
  readonly queues: readonly { readonly name: string; readonly held: number; readonly waiting: number }[]
  /** Since the journal was opened. */
  readonly groups: number
  readonly records: number
}

/**
 * A durable log of queues, tables and ledgers in one folder. Every promise it returns resolves after the change is
 * synced to the device; a rejected one means the change did not happen (P1), except that after `JOURNAL_FAILED` on a
 * disk that never answered again it may show up at the next open, with the same id.
 */
export interface Journal extends AsyncDisposable {
  /** The same object for the same name. Becomes durable with its first message. */
  queue(name: string): JournalQueue
  /** Small values kept in memory: processor states, producer identities. */
  table(name: string): JournalTable
  /** A window of message ids. The bounds of the first call count until the journal is closed. */
  ledger(name: string, bounds?: LedgerBounds): JournalLedger
  /** Everything `write` says, or nothing. `write` runs at once; what it throws is thrown and nothing is written. */
  commit(write: (batch: Batch) => void): Promise<void>
  readonly status: JournalStatus
  onStatus(listener: (status: JournalStatus) => void): () => void
  /** What was found unreadable at open or since; the log names each of them, too. */
  readonly damage: readonly JournalDamage[]
  queueNames(): readonly string[]
  /** Forgets a queue with all it holds (none of it may be in flight). False if there is no such queue. */
  drop(queue: string): Promise<boolean>
  stats(): JournalStats
}

/** The record of one message: what was put, byte for byte. */
export interface JournalRecord {
  readonly id: string
  readonly body: Uint8Array
}

export interface Batch {
  put(queue: JournalQueue, id: string, body: Uint8Array | readonly Uint8Array[]): void
  /** Throws if the message is gone or already being removed, so that a move never copies what was taken away. */
  remove(queue: JournalQueue, slot: number): void
  note(queue: JournalQueue, slot: number, note: Uint8Array): void
  set(table: JournalTable, key: string, value: Json): void
  delete(table: JournalTable, key: string): void
  done(ledger: JournalLedger, id: string, at: number): void
  remember(ledger: JournalLedger, id: string, note: Json, at: number): void
}

/** First in, first out; a message given back keeps its place. Ids are not checked for uniqueness. */
export interface JournalQueue {
  readonly name: string
  /** Messages in the queue, those on lease included. */
  readonly held: number
  /** Messages nobody works on. */
  readonly waiting: number
  /** Resolves once the message is on the device. The bytes are copied before this returns. */
  put(id: string, body: Uint8Array | readonly Uint8Array[]): Promise<void>
  /** The oldest message not on lease, or null. */
  lease(): Lease | null
  /** Calls back, at most once per commit, when messages became available (stored, or given back). */
  onWaiting(listener: () => void): () => void
  /** Oldest first, starting behind the message `after` (from the start if that is not there). */
  page(after: string | undefined, limit: number): Promise<QueueEntry[]>
  find(id: string): Promise<QueueEntry | undefined>
  /** False if there is no such message or it is in flight. */
  removeById(id: string): Promise<boolean>
  /** Removes everything not in flight; resolves with the number of messages removed. */
  clear(): Promise<number>
}

/** One message on loan. Settling belongs to the loan: after `release` or `ack` it can do nothing any more (P4). */
export interface Lease {
  /** Place in the queue's order; names the message in a {@link Batch}. */
  readonly slot: number
  /** The last note kept with the message, if any. */
  readonly note: Uint8Array | null
  /** From memory if it was stored just now, else from disk. Rejects with `JOURNAL_CORRUPT` if the bytes went bad. */
  read(): JournalRecord | Promise<JournalRecord>
  /** Removes the message; resolves when that is durable. If it rejects the loan goes on. */
  ack(): Promise<void>
  /** Replaces the note; the loan goes on. */
  keep(note: Uint8Array): Promise<void>
  /** Gives the message back to its place in the order. Does nothing after `ack`. */
  release(): void
}

export interface QueueEntry {
  readonly id: string
  readonly slot: number
  readonly inFlight: boolean
  readonly note: Uint8Array | null
  read(): JournalRecord | Promise<JournalRecord>
}

/** Values show up in `get` once they are durable. */
export interface JournalTable {
  readonly name: string
  get(key: string): Json | undefined
  keys(): readonly string[]
  set(key: string, value: Json): Promise<void>
  delete(key: string): Promise<void>
}

export interface LedgerBounds {
  /** Most ids remembered; the oldest go first. */
  readonly count: number
  readonly ageMs: number
}

export interface LedgerEntry {
  /** True once the message was delivered (or moved) for good. */
  readonly done: boolean
  readonly at: number
  /** What `remember` kept, such as failed attempts; null once done. */
  readonly note: Json
}

/** Ids we know something about: delivered already, or tried so many times. Bounded by count and age. */
export interface JournalLedger {
  readonly name: string
  readonly size: number
  get(id: string): LedgerEntry | undefined
  isDone(id: string): boolean
  done(id: string, at: number): Promise<void>
  remember(id: string, note: Json, at: number): Promise<void>
}
