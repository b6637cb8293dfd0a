import { createReadStream } from 'node:fs'
import { mkdir, readdir, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { systemCode, textOf } from '../../kernel/errors.ts'
import type { ByteSource } from '../../kernel/message.ts'
import type { FileAction, FoundFile, Locks, PollerOptions, PollerState, Polling } from './contracts.ts'
import { fileUri } from './places.ts'
import { moveBeside } from './write.ts'

const LOCK = '.lock'
/** A file must have looked the same for so long before it is read: somebody may still be writing it. */
const SETTLED_MS = 1000
const FIRST_RETRY_MS = 30_000
const LONGEST_RETRY_MS = 3_600_000

/** What is wrong with the folder itself; no file is called so. */
const FOLDER = ''

const DONE: Readonly<Record<FileAction['kind'], string>> = {
  delete: 'deleted',
  move: 'moved',
  keep: 'noted as read',
}

interface Seen {
  readonly stamp: string
  /** When it was first seen like this. */
  readonly since: number
  /** Its flow has ended well, but it could not be taken away: not to be read again. */
  readonly done: boolean
  readonly notBefore: number
  readonly retryMs: number
}

interface Candidate {
  readonly path: string
  readonly subfolder: string
  readonly name: string
  readonly size: number
  readonly modified: number
  readonly stamp: string
}

/**
 * Looks into a folder and hands over what is there, one file after the other. A file stays until its flow has ended and is
 * then moved or deleted: a crash in between hands it over again, never loses it.
 */
export class FilePoller implements Polling {
  readonly #options: PollerOptions
  readonly #seen = new Map<string, Seen>()
  readonly #stop = new AbortController()
  #running: Promise<void> | null = null
  #working = false
  /** What is wrong, the latest last, until it is not: with the folder, and with each file that is there. */
  readonly #complaints = new Map<string, string>()
  #files = 0
  #failures = 0

  constructor(options: PollerOptions) {
    this.#options = options
  }

  get state(): PollerState {
    const reason = [...this.#complaints.values()].at(-1)
    return {
      observed: this.#running === null || this.#stop.signal.aborted ? 'stopped' : this.#working ? 'working' : 'waiting',
      ...(reason !== undefined && { reason }),
      files: this.#files,
      failures: this.#failures,
    }
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Resolves when the file that is being worked on has come to its end. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, intervalMs } = this.#options
    const { signal } = this.#stop
    while (!signal.aborted) {
      let unsettled = false
      try {
        unsettled = await this.#look()
        this.#complaints.delete(FOLDER)
      } catch (thrown) {
        this.#complain(FOLDER, `cannot look into ${this.#options.path}: ${textOf(thrown)}`)
      }
      if (signal.aborted) return
      await clock.sleep(unsettled ? Math.min(intervalMs, SETTLED_MS) : intervalMs, signal)
    }
  }

  /** True if some file has to be looked at again before it may be read. */
  async #look(): Promise<boolean> {
    const { batch = Infinity, pauseMs, clock } = this.#options
    const candidates = await this.#candidates()
    await this.#forget(new Set(candidates.map(({ path }) => path)))
    let unsettled = false
    let count = 0
    for (const candidate of candidates) {
      if (this.#stop.signal.aborted || count >= batch) break
      const ready = this.#ready(candidate)
      if (ready === 'unsettled') unsettled = true
      if (ready !== 'ready') continue
      if (count > 0 && pauseMs > 0) await clock.sleep(pauseMs, this.#stop.signal)
      if (await this.#work(candidate)) count++
    }
    return unsettled
  }

  /** What is gone may come again. */
  async #forget(there: ReadonlySet<string>): Promise<void> {
    const { kept } = this.#options
    for (const path of this.#seen.keys()) if (!there.has(path)) this.#seen.delete(path)
    for (const path of this.#complaints.keys()) if (path !== FOLDER && !there.has(path)) this.#complaints.delete(path)
    for (const path of kept?.paths() ?? []) if (!there.has(path)) await kept!.delete(path)
  }

  async #candidates(): Promise<Candidate[]> {
    const { path, createFolder, pattern, sort, locks, subfolders = false } = this.#options
    const found: Candidate[] = []
    const files = await listed(path, createFolder, subfolders)
    if (locks) await sweep(files, locks)
    for (const file of files) {
      const name = basename(file)
      // What begins with a dot is being written by somebody who renames it when it is whole.
      if (name.startsWith('.') || name.endsWith(LOCK)) continue
      if (pattern && !pattern.test(name)) continue
      const candidate = await candidateAt(file, path)
      if (candidate) found.push(candidate)
    }
    const by = sort?.by ?? 'name'
    found.sort((a, b) => (a[by] < b[by] ? -1 : a[by] > b[by] ? 1 : a.name < b.name ? -1 : 1))
    return sort?.ascending === false ? found.reverse() : found
  }

  #ready({ path, stamp, modified, size }: Candidate): 'ready' | 'unsettled' | 'not now' {
    const { clock, minimumAgeMs, maximumAgeMs, sizeLimit } = this.#options
    const now = clock.now()
    let known = this.#seen.get(path)
    if (known?.stamp !== stamp) {
      const done = this.#options.kept?.get(path) === stamp
      known = { stamp, since: now, done, notBefore: 0, retryMs: 0 }
      this.#seen.set(path, known)
      this.#complaints.delete(path)
    }
    if (known.done || now < known.notBefore) return 'not now'
    if (sizeLimit !== undefined && size > sizeLimit) {
      this.#complain(
        path,
        `${path} has ${size} bytes, more than transport.vfs.FileSizeLimit (${sizeLimit}); it stays where it is`,
      )
      this.#seen.set(path, { ...known, notBefore: Infinity })
      return 'not now'
    }
    const age = now - modified
    if (maximumAgeMs !== undefined && age > maximumAgeMs) return 'not now'
    if (age < minimumAgeMs) return 'not now'
    // The clock of a network drive may be ahead: what is seen counts as well as what is written down.
    return age >= SETTLED_MS || now - known.since >= SETTLED_MS ? 'ready' : 'unsettled'
  }

  /** False if it was somebody else's. */
  async #work(candidate: Candidate): Promise<boolean> {
    const { locks, handle, log } = this.#options
    const { path } = candidate
    if (locks && !(await locks.take(path))) return false
    this.#working = true
    try {
      // It may have been taken between the listing and the lock.
      if ((await candidateAt(path, this.#options.path))?.stamp !== candidate.stamp) return false
      let good: boolean
      try {
        good = await handle(foundFile(candidate))
      } catch (thrown) {
        good = false
        log.error(`${this.#options.name}: ${path} could not be processed: ${textOf(thrown)}`)
      }
      if ((await candidateAt(path, this.#options.path))?.stamp !== candidate.stamp) {
        log.warn(
          `${this.#options.name}: ${path} has changed while it was processed; what is there now is processed again`,
        )
        return true
      }
      this.#files++
      if (!good) this.#failures++
      // What fails while everything around it stops may be as good as any.
      if (!good && this.#stop.signal.aborted)
        log.info(`${this.#options.name}: ${path} comes again: its flow was stopped`)
      else await this.#settle(candidate, good)
      return true
    } finally {
      this.#working = false
      await locks?.release(path)
    }
  }

  async #settle(candidate: Candidate, good: boolean): Promise<void> {
    const { processed, failed, clock, log, name } = this.#options
    const { path, stamp } = candidate
    const action = good ? processed : failed
    const known = this.#seen.get(path)!
    if (action === null) {
      const retryMs = Math.min(LONGEST_RETRY_MS, known.retryMs === 0 ? FIRST_RETRY_MS : known.retryMs * 2)
      this.#seen.set(path, { ...known, notBefore: clock.now() + retryMs, retryMs })
      this.#complain(path, `${path} has failed; it stays where it is and is tried again in ${retryMs / 1000} s`)
      return
    }
    try {
      const place = await this.#act(action, candidate)
      if (action.kind !== 'keep') this.#seen.delete(path)
      this.#complaints.delete(path)
      if (!good)
        log.warn(`${name}: ${path} has failed and was ${place === undefined ? 'deleted' : `moved to ${place}`}`)
    } catch (thrown) {
      // Doing it again would hand the message over twice; the file is left alone until it changes.
      this.#seen.set(path, { stamp, since: 0, done: true, notBefore: 0, retryMs: 0 })
      this.#complain(
        path,
        `${path} was processed but cannot be ${DONE[action.kind]}: ${textOf(thrown)}. Remove it before the server starts again, or it is processed again`,
      )
    }
  }

  /** Resolves with the folder it has been moved to. */
  async #act(action: FileAction, { path, name, stamp, subfolder }: Candidate): Promise<string | undefined> {
    const now = this.#options.clock.now()
    switch (action.kind) {
      case 'delete':
        await unlink(path)
        return undefined
      case 'keep':
        this.#seen.set(path, { stamp, since: 0, done: true, notBefore: 0, retryMs: 0 })
        await this.#options.kept?.set(path, stamp)
        return undefined
      case 'move': {
        const folder = join(action.folder(now), action.subfolders ? subfolder : '')
        await moveBeside(path, folder, `${action.prefix?.(now) ?? ''}${name}`)
        return folder
      }
    }
  }

  /** Once as long as it stays the same: a folder that is away is looked for every few seconds. */
  #complain(about: string, reason: string): void {
    if (this.#complaints.get(about) === reason) return
    this.#complaints.delete(about)
    this.#complaints.set(about, reason)
    this.#options.log.warn(`${this.#options.name}: ${reason}`)
  }
}

/** The files of a folder, or the one file; none if it is not there yet. Folders that begin with a dot are left alone. */
async function listed(path: string, createFolder: boolean, subfolders: boolean): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    const files = entries.filter(entry => !entry.isDirectory()).map(entry => join(path, entry.name))
    if (subfolders) {
      const folders = entries.filter(entry => entry.isDirectory() && !entry.name.startsWith('.'))
      for (const { name } of folders) files.push(...(await filesBelow(join(path, name))))
    }
    return files
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOTDIR') return [path]
    if (systemCode(thrown) !== 'ENOENT') throw thrown
  }
  if (createFolder) {
    await mkdir(path, { recursive: true })
    return []
  }
  // A single file that comes and goes: its folder has to be there.
  await stat(dirname(path))
  return []
}

/** None if the folder has gone meanwhile. Links to folders are not followed: they may lead in a circle. */
async function filesBelow(folder: string): Promise<string[]> {
  try {
    return await listed(folder, false, true)
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return []
    throw thrown
  }
}

async function sweep(files: readonly string[], locks: Locks): Promise<void> {
  const there = new Set(files)
  for (const file of files) {
    const locked = file.slice(0, -LOCK.length)
    if (file.endsWith(LOCK) && !there.has(locked)) await locks.sweep(locked)
  }
}

async function candidateAt(path: string, folder: string): Promise<Candidate | undefined> {
  try {
    const { size, mtimeMs, ino, isFile } = await stat(path).then(found => ({ ...found, isFile: found.isFile() }))
    if (!isFile) return undefined
    // The one file there may be is in no subfolder.
    const inside = path === folder ? '' : dirname(path).slice(folder.length).replaceAll(sep, '/')
    return {
      path,
      subfolder: inside,
      name: basename(path),
      size,
      modified: mtimeMs,
      stamp: `${ino}:${size}:${mtimeMs}`,
    }
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return undefined
    throw thrown
  }
}

function foundFile({ path, subfolder, name, size, modified }: Candidate): FoundFile {
  return { path, subfolder, name, size, modified, uri: fileUri(path), open: () => streamOf(path, size) }
}

function streamOf(path: string, length: number): ByteSource {
  let stream: ReturnType<typeof createReadStream> | undefined
  return {
    length,
    [Symbol.asyncIterator]() {
      stream = createReadStream(path)
      return stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
    },
    cancel: () => void stream?.destroy(),
  }
}
