import { IntegrationError } from '../kernel/errors.ts'
import type { Disk, DiskFile } from '../drivers/journal/disk.ts'

/** One operation of the disk, as a script sees it before it happens. */
export interface DiskOperation {
  /** Counts from 1 over the life of the disk. */
  readonly index: number
  readonly kind:
    | 'open'
    | 'create'
    | 'write'
    | 'read'
    | 'sync'
    | 'syncData'
    | 'rename'
    | 'remove'
    | 'syncFolder'
    | 'list'
  readonly path: string
  /** Of a write. */
  readonly bytes: number
}

/** `crash`: nothing happens any more until {@link ScriptedDisk.restart}. A number: the write is cut to so many bytes. */
export type DiskFault = 'ENOSPC' | 'EIO' | 'EACCES' | 'crash' | number

/** Decides before an operation happens. A promise: it takes its time. */
export type DiskScript = (operation: DiskOperation) => DiskFault | undefined | Promise<DiskFault | undefined>

export interface ScriptedDiskOptions {
  /** Called before every operation; a fault returned happens instead of it. */
  readonly script?: DiskScript
  /** Bytes all files together may have. */
  capacity?: number
}

/** What of the unsynced survives a crash: called for every change of a name and every piece of at most 4 KiB. */
export type Survival = (piece: number) => boolean

const PAGE = 4096

interface Node {
  /** What a reader sees. */
  bytes: Buffer
  /** What is on the platter. */
  synced: Buffer
  /** Pages written since the last sync. */
  readonly dirty: Set<number>
}

/**
 * A disk in memory with the manners of a bad one: it tells apart what was written and what was synced, for bytes and
 * for names, fails where the script says, and loses what was not synced when it crashes. A sync that fails drops the
 * dirty mark, as Linux does: the next sync says yes although the bytes never reached the platter.
 */
export class ScriptedDisk {
  script: DiskScript | undefined
  capacity: number
  /** Operations so far. */
  operations = 0
  crashed = false
  #incarnation = 0
  #locked = false
  /** Names a reader sees, and names that survive a crash. */
  #names = new Map<string, Node>()
  #durable = new Map<string, Node>()
  /** Changes of names since the last sync of the folder, in order. */
  #renamed: ((names: Map<string, Node>) => void)[] = []

  constructor(options: ScriptedDiskOptions = {}) {
    this.script = options.script
    this.capacity = options.capacity ?? Infinity
  }

  /** Bytes of all files. */
  get used(): number {
    let total = 0
    for (const node of this.#names.values()) total += node.bytes.length
    return total
  }

  get names(): string[] {
    return [...this.#names.keys()].sort()
  }

  contents(path: string): Buffer {
    return Buffer.from(this.#node(path).bytes)
  }

  /** Changes bytes behind the journal's back. */
  damage(path: string, change: (bytes: Buffer) => Buffer | void): void {
    const node = this.#node(path)
    const copy = Buffer.from(node.bytes)
    const changed = change(copy) ?? copy
    node.bytes = changed
    node.synced = Buffer.from(changed)
  }

  /** The machine comes back: unsynced names and pages are gone, except the pages `survives` keeps. */
  restart(survives: Survival = () => false): void {
    this.#incarnation++
    this.crashed = false
    this.#locked = false
    let piece = 0
    this.#names = new Map(this.#durable)
    for (const change of this.#renamed) if (survives(piece++)) change(this.#names)
    this.#durable = new Map(this.#names)
    this.#renamed = []
    for (const node of new Set(this.#names.values())) {
      for (const page of [...node.dirty].sort((a, b) => a - b)) {
        if (!survives(piece++)) continue
        const end = Math.min((page + 1) * PAGE, node.bytes.length)
        if (node.synced.length < end) node.synced = Buffer.concat([node.synced, Buffer.alloc(end - node.synced.length)])
        node.bytes.copy(node.synced, page * PAGE, page * PAGE, end)
      }
      node.bytes = Buffer.from(node.synced)
      node.dirty.clear()
    }
  }

  /** As `kill -9`: the process is gone, the kernel still has every page and name. */
  kill(): void {
    this.#incarnation++
    this.crashed = false
    this.#locked = false
  }

  /**
   * The disk as one process sees it. After a crash or a kill nothing that process asks for ever comes back, so that its
   * leftovers cannot touch what the next one does.
   */
  process(): Disk {
    const life = this.#incarnation
    const begin: Begin = (kind, path, bytes) => this.#begin(life, kind, path, bytes)
    return {
      makeFolder: async () => {},
      list: async folder => {
        await begin('list', folder)
        const prefix = `${folder}/`
        return this.names.filter(name => name.startsWith(prefix)).map(name => name.slice(prefix.length))
      },
      open: async (path, how) => {
        await begin(how === 'create' ? 'create' : 'open', path)
        if (how === 'create') {
          if (this.#names.has(path)) throw systemError('EEXIST', path)
          const node = { bytes: Buffer.alloc(0), synced: Buffer.alloc(0), dirty: new Set<number>() }
          this.#change(names => names.set(path, node))
        }
        return this.#file(begin, path, this.#node(path))
      },
      rename: async (from, to) => {
        await begin('rename', from)
        const node = this.#node(from)
        this.#change(names => {
          if (names.get(from) === node) names.delete(from)
          names.set(to, node)
        })
      },
      remove: async path => {
        await begin('remove', path)
        const node = this.#node(path)
        this.#change(names => {
          if (names.get(path) === node) names.delete(path)
        })
      },
      syncFolder: async path => {
        await begin('syncFolder', path)
        this.#durable = new Map(this.#names)
        this.#renamed = []
      },
      lock: async folder => {
        if (this.#locked) throw new IntegrationError('JOURNAL_LOCKED', `${folder} is in use`)
        this.#locked = true
        return {
          [Symbol.asyncDispose]: async () => {
            if (life === this.#incarnation) this.#locked = false
          },
        }
      },
    }
  }

  #change(apply: (names: Map<string, Node>) => void): void {
    apply(this.#names)
    this.#renamed.push(apply)
  }

  #node(path: string): Node {
    const node = this.#names.get(path)
    if (!node) throw systemError('ENOENT', path)
    return node
  }

  #file(begin: Begin, path: string, node: Node): DiskFile {
    return {
      size: async () => node.bytes.length,
      write: async (bytes, from, length, position) => {
        const count = Math.min(length, (await begin('write', path, length)) ?? length)
        const end = position + count
        if (end > node.bytes.length) {
          if (this.used + end - node.bytes.length > this.capacity) throw systemError('ENOSPC', path)
          node.bytes = Buffer.concat([node.bytes, Buffer.alloc(end - node.bytes.length)])
        }
        node.bytes.set(bytes.subarray(from, from + count), position)
        for (let page = Math.floor(position / PAGE); page * PAGE < end; page++) node.dirty.add(page)
        return count
      },
      read: async (into, at, length, position) => {
        await begin('read', path)
        const count = Math.max(0, Math.min(length, node.bytes.length - position))
        into.set(node.bytes.subarray(position, position + count), at)
        return count
      },
      sync: () => this.#sync(begin('sync', path), node),
      syncData: () => this.#sync(begin('syncData', path), node),
      close: async () => {},
    }
  }

  async #sync(begun: Promise<unknown>, node: Node): Promise<void> {
    try {
      await begun
    } catch (error) {
      node.dirty.clear()
      throw error
    }
    const { bytes } = node
    if (node.synced.length < bytes.length)
      node.synced = Buffer.concat([node.synced, Buffer.alloc(bytes.length - node.synced.length)])
    for (const page of node.dirty) {
      bytes.copy(node.synced, page * PAGE, page * PAGE, Math.min((page + 1) * PAGE, bytes.length))
    }
    node.dirty.clear()
  }

  /** Lets the script decide; the answer is where to cut a write, if at all. */
  async #begin(life: number, kind: DiskOperation['kind'], path: string, bytes = 0): Promise<number | undefined> {
    await Promise.resolve()
    if (life !== this.#incarnation || this.crashed) return dead()
    this.operations++
    const decided = this.script?.({ index: this.operations, kind, path, bytes })
    const fault = decided instanceof Promise ? await decided : decided
    if (decided instanceof Promise && (life !== this.#incarnation || this.crashed)) return dead()
    if (fault === undefined) return undefined
    if (typeof fault === 'number') return fault
    if (fault === 'crash') {
      this.crashed = true
      return dead()
    }
    throw systemError(fault, path)
  }
}

type Begin = (kind: DiskOperation['kind'], path: string, bytes?: number) => Promise<number | undefined>

function dead(): Promise<never> {
  return new Promise(() => {})
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}
