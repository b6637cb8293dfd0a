/** What the rest of the server knows of files; no behaviour lives here. */
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/contracts.ts'
import type { ByteSource } from '../../kernel/message.ts'

export type Content = Uint8Array | AsyncIterable<Uint8Array>

/** A file address taken apart. */
export interface FilePlace {
  readonly path: string
  /** `transport.vfs.…` behind a question mark. */
  readonly parameters: ReadonlyMap<string, string>
}

export interface FileWish {
  /** A folder or a file, with or without `vfs:`. */
  readonly address: string
  /** Of the file, where the address is a folder. */
  readonly name: string | undefined
  /** At the end of the file that is there; otherwise it is replaced. */
  readonly append: boolean
}

/** A file that is there, whole, and nobody else's. */
export interface FoundFile {
  readonly path: string
  readonly name: string
  /** The subfolder it is in, as `/a/b`; empty for the folder itself. */
  readonly subfolder: string
  readonly uri: string
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly modified: number
  /** Opened when somebody reads. */
  open(): ByteSource
}

export type FileAction =
  | { readonly kind: 'delete' }
  /** It stays, and is read again only when it has changed. */
  | { readonly kind: 'keep' }
  /** `prefix` is put before the name. Both may depend on the time. */
  | {
      readonly kind: 'move'
      readonly folder: (now: number) => string
      readonly prefix?: (now: number) => string
      /** Files of subfolders go to subfolders of the same name. */
      readonly subfolders?: boolean
    }

/** Which files that stay have been read, over restarts: their paths, and what they looked like. */
export interface KeptFiles {
  get(path: string): string | undefined
  paths(): readonly string[]
  set(path: string, stamp: string): Promise<void>
  delete(path: string): Promise<void>
}

export interface PollerOptions {
  /** For log lines. */
  readonly name: string
  /** A folder, or one file. */
  readonly path: string
  /** Whether files of its subfolders are read, too. */
  readonly subfolders?: boolean | undefined
  readonly pattern?: RegExp | undefined
  readonly intervalMs: number
  readonly locks: Locks | null
  readonly sort?: { readonly by: 'name' | 'size' | 'modified'; readonly ascending: boolean } | undefined
  /** Most files of one look. */
  readonly batch?: number | undefined
  readonly pauseMs: number
  readonly minimumAgeMs: number
  readonly maximumAgeMs?: number | undefined
  readonly sizeLimit?: number | undefined
  readonly createFolder: boolean
  readonly processed: FileAction
  /** Needed where files stay. */
  readonly kept?: KeptFiles | undefined
  /** Null: a file whose flow failed stays where it is and is tried again. */
  readonly failed: FileAction | null
  /** Resolves with true if the message is where it belongs; false, or a rejection, is a failure. */
  readonly handle: (file: FoundFile) => Promise<boolean>
  readonly clock: Clock
  readonly log: Log
}

export interface PollerState {
  readonly observed: 'waiting' | 'working' | 'stopped'
  /** The last thing that went wrong, until something goes right. */
  readonly reason?: string
  readonly files: number
  readonly failures: number
}

/** Keeps others from a file that is being worked on. */
export interface Locks {
  /** False if somebody else has it. */
  take(path: string): Promise<boolean>
  release(path: string): Promise<void>
  /** Removes what an earlier life has left behind for a file that is gone. */
  sweep(path: string): Promise<void>
}

export interface Polling {
  readonly state: PollerState
  start(): void
  /** Resolves when the file that is being worked on has come to its end. */
  stop(): Promise<void>
}

/** Files of this machine as artifacts may use them. */
export interface Files {
  /** Throws where the address is not one of a local file, or leads to where artifacts have no business. */
  locate(address: string): FilePlace
  /** Resolves with its path once the file is on the disk. */
  write(wish: FileWish, content: Content): Promise<string>
  poller(options: Omit<PollerOptions, 'clock' | 'locks'> & { readonly locking: boolean }): Polling
}
