import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { lockFolder } from './lock.ts'

/**
 * Everything the journal asks of a disk, and nothing else: tests and the simulator hand in one that fails or crashes
 * where they say (`testing/scripted-disk.ts`).
 */
export interface Disk {
  /** Creates the folder and those above it if they are missing. */
  makeFolder(path: string): Promise<void>
  /** Names of the files in a folder. */
  list(folder: string): Promise<string[]>
  /** `create` fails if the file exists; `read` and `write` fail if it does not. */
  open(path: string, how: 'read' | 'write' | 'create'): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Makes creations, renames and removals in the folder survive a power loss. */
  syncFolder(path: string): Promise<void>
  /** Throws `JOURNAL_LOCKED` if another process works on the folder. */
  lock(folder: string): Promise<AsyncDisposable>
}

export interface DiskFile {
  size(): Promise<number>
  /** Resolves with the number of bytes written, which may be too small: a full disk says so only at the next write. */
  write(bytes: Uint8Array, from: number, length: number, position: number): Promise<number>
  /** Resolves with the number of bytes read; fewer than asked for at the end of the file. */
  read(into: Uint8Array, at: number, length: number, position: number): Promise<number>
  /** Bytes and metadata, as after growing a file. */
  sync(): Promise<void>
  /** Bytes only: enough inside a file whose room was claimed before. */
  syncData(): Promise<void>
  close(): Promise<void>
}

// Callback functions instead of FileHandle objects: about half the processor time per call.
const open = promisify(fs.open)
const close = promisify(fs.close)
const fsync = promisify(fs.fsync)
const fdatasync = promisify(fs.fdatasync)
const { constants } = fs

const flags = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
}

class NodeFile implements DiskFile {
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  async size(): Promise<number> {
    return (await promisify(fs.fstat)(this.#fd)).size
  }

  write(bytes: Uint8Array, from: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.write(this.#fd, bytes, from, length, position, (error, written) => (error ? reject(error) : resolve(written)))
    })
  }

  read(into: Uint8Array, at: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#fd, into, at, length, position, (error, got) => (error ? reject(error) : resolve(got)))
    })
  }

  sync(): Promise<void> {
    return fsync(this.#fd)
  }

  syncData(): Promise<void> {
    return fdatasync(this.#fd)
  }

  close(): Promise<void> {
    return close(this.#fd)
  }
}

export const nodeDisk: Disk = {
  async makeFolder(path) {
    await fs.promises.mkdir(path, { recursive: true, mode: 0o750 })
  },
  list: path => fs.promises.readdir(path),
  open: async (path, how) => new NodeFile(await open(path, flags[how], 0o640)),
  rename: (from, to) => fs.promises.rename(from, to),
  remove: path => fs.promises.unlink(path),
  async syncFolder(path) {
    // Windows cannot open a folder; its file systems order metadata themselves.
    if (process.platform === 'win32') return
    const fd = await open(path, constants.O_RDONLY)
    try {
      await fsync(fd)
    } finally {
      await close(fd)
    }
  },
  lock: lockFolder,
}

/** Writes all of it or throws: a short write is followed by another, which gets the real error. */
export async function writeAll(file: DiskFile, bytes: Uint8Array, length: number, position: number): Promise<void> {
  let done = 0
  while (done < length) {
    const written = await file.write(bytes, done, length - done, position + done)
    if (written <= 0) throw Object.assign(new Error('the disk took no more bytes'), { code: 'ENOSPC' })
    done += written
  }
}

/** Reads up to `length` bytes; fewer only at the end of the file. */
export async function readUpTo(file: DiskFile, into: Uint8Array, length: number, position: number): Promise<number> {
  let done = 0
  while (done < length) {
    const got = await file.read(into, done, length - done, position + done)
    if (got === 0) break
    done += got
  }
  return done
}

/** Whether the disk, a quota or a size limit of the process is the reason, so that room makes it work again. */
export function isFull(code: string | undefined): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
}
