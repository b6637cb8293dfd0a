import { Buffer } from 'node:buffer'
import * as fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Clock, Timer } from '../kernel/clock.ts'
import { textOf } from '../kernel/errors.ts'
import type { Rank } from './lines.ts'
import { WaitingLines } from './lines.ts'

/** What the log file needs of a disk; tests make it fail. */
export type LogDisk = Pick<
  typeof fs,
  'mkdirSync' | 'openSync' | 'fstatSync' | 'write' | 'writeSync' | 'closeSync' | 'renameSync' | 'readdirSync' | 'rmSync'
>

export interface LogFileOptions {
  readonly path: string
  /** A file that would grow beyond this is set aside. */
  readonly maxSize: number
  /** Files set aside that are kept. */
  readonly keep: number
  readonly clock: Clock
  /** Told once when the file cannot be written; the lines wait, bounded, until it can be again. */
  readonly onTrouble: (text: string) => void
  readonly disk?: LogDisk
  readonly mostWaiting?: number
}

const FLUSH_SIZE = 64 * 1024
const FLUSH_MS = 20
const RETRY_MS = 1000
const LARGEST_WRITE = 1024 * 1024

/**
 * Appends lines to a file, one write in flight. A disk that refuses never reaches the caller: the lines wait in a
 * bounded buffer, somebody is told once, and a write is tried again every second.
 */
export class LogFile {
  readonly #options: LogFileOptions
  readonly #disk: LogDisk
  readonly #waiting: WaitingLines
  #fd: number | null = null
  #size = 0
  #day = ''
  /** A failed attempt to set the file aside is not repeated before it has grown by as much again. */
  #fullAt: number
  /** What was taken from the waiting lines and is not in the file yet. */
  #chunk: Buffer | null = null
  /** Size of the file before the write that is under way. */
  #writingFrom: number | null = null
  /** Tells a write under way that {@link flushSync} has taken over its work. */
  #turn = 0
  #timer: Timer | null = null
  #troubled = false
  #closed = false
  #idle: (() => void)[] = []

  constructor(options: LogFileOptions) {
    this.#options = options
    this.#disk = options.disk ?? fs
    this.#waiting = new WaitingLines(options.mostWaiting)
    this.#fullAt = options.maxSize
  }

  write(line: string, rank: Rank): void {
    this.#waiting.add(line, rank)
    if (this.#writingFrom !== null || this.#troubled || this.#closed) return
    if (rank === 'warn' || this.#waiting.size >= FLUSH_SIZE) this.#pump()
    else this.#timer ??= this.#options.clock.after(FLUSH_MS, () => this.#pump())
  }

  /** Resolves when everything written so far is in the file, or the file cannot be written. */
  flush(): Promise<void> {
    if (this.#idleNow()) return Promise.resolve()
    const idle = new Promise<void>(resolve => this.#idle.push(resolve))
    if (this.#writingFrom === null) this.#pump()
    return idle
  }

  /**
   * For the last moments of a process. A write under way cannot be taken back; nobody else writes here, so the size of
   * the file tells how much of it has arrived, and the rest is written now.
   */
  flushSync(): void {
    this.#stopTimer()
    this.#turn++
    try {
      if (this.#fd === null) this.#open()
      if (this.#writingFrom !== null) {
        this.#wrote(Math.max(0, this.#disk.fstatSync(this.#fd!).size - this.#writingFrom))
        this.#writingFrom = null
      }
      for (let bytes = this.#next(); bytes; bytes = this.#next()) this.#wrote(this.#disk.writeSync(this.#fd!, bytes))
      this.#troubled = false
      this.#settle()
    } catch (error) {
      this.#trouble(error)
    }
  }

  async close(): Promise<void> {
    await this.flush()
    if (this.#chunk !== null || this.#waiting.size > 0) this.flushSync()
    this.#closed = true
    this.#stopTimer()
    this.#closeFile()
  }

  #idleNow(): boolean {
    const nothing = this.#chunk === null && this.#waiting.size === 0
    return this.#writingFrom === null && (nothing || this.#troubled)
  }

  /** Starts the next write, if there is anything to write. */
  #pump(): void {
    this.#stopTimer()
    if (this.#writingFrom !== null || this.#closed) return
    try {
      if (this.#fd === null) this.#open()
      const bytes = this.#next()
      if (bytes) this.#send(bytes)
      else this.#settle()
    } catch (error) {
      this.#trouble(error)
    }
  }

  #send(bytes: Buffer): void {
    const turn = ++this.#turn
    this.#writingFrom = this.#size
    this.#disk.write(this.#fd!, bytes, 0, bytes.length, null, (error, written) => {
      if (turn !== this.#turn) return
      this.#writingFrom = null
      if (error) return this.#trouble(error)
      this.#troubled = false
      this.#wrote(written)
      this.#pump()
    })
  }

  #wrote(count: number): void {
    const bytes = this.#chunk!
    this.#chunk = count < bytes.length ? bytes.subarray(count) : null
    this.#size += Math.min(count, bytes.length)
  }

  /** What to write next, after making sure that it goes into a file of today that has room; null if there is nothing. */
  #next(): Buffer | null {
    if (this.#chunk === null) {
      if (this.#waiting.size === 0) return null
      const { text, dropped } = this.#waiting.take(LARGEST_WRITE)
      const notice =
        dropped === 0 ? '' : `${dropped} log lines were given up because they could not be written in time\n`
      this.#chunk = Buffer.from(notice + text)
    }
    const full = this.#size > 0 && this.#size + this.#chunk.length > this.#fullAt
    if (full || this.#day !== dayOf(this.#options.clock.now())) this.#rotate()
    return this.#chunk
  }

  #open(): void {
    this.#disk.mkdirSync(dirname(this.#options.path), { recursive: true })
    this.#fd = this.#disk.openSync(this.#options.path, 'a', 0o640)
    const { size, mtimeMs } = this.#disk.fstatSync(this.#fd)
    this.#size = size
    this.#fullAt = this.#options.maxSize
    this.#day = dayOf(size > 0 ? mtimeMs : this.#options.clock.now())
  }

  /** Sets the file aside as `NAME.YYYY-MM-DD.N`. Failing that, writing goes on in the same file. */
  #rotate(): void {
    const { path, keep, maxSize, onTrouble } = this.#options
    const today = dayOf(this.#options.clock.now())
    const day = this.#day
    this.#day = today
    if (this.#size === 0) return
    this.#closeFile()
    let kept = false
    try {
      const number =
        1 +
        Math.max(
          0,
          ...this.#setAside()
            .filter(old => old.day === day)
            .map(old => old.number),
        )
      this.#disk.renameSync(path, `${path}.${day}.${number}`)
      for (const old of this.#setAside().slice(keep)) this.#disk.rmSync(join(dirname(path), old.name), { force: true })
    } catch (error) {
      kept = true
      onTrouble(`the log file ${path} could not be set aside: ${textOf(error)}`)
    }
    this.#open()
    if (kept) {
      this.#day = today
      this.#fullAt = this.#size + maxSize
    }
  }

  /** Files set aside earlier, newest first. */
  #setAside(): { name: string; day: string; number: number }[] {
    const { path } = this.#options
    const prefix = `${basename(path)}.`
    return this.#disk
      .readdirSync(dirname(path))
      .flatMap(name => {
        const match = name.startsWith(prefix) ? /^(\d{4}-\d\d-\d\d)\.(\d+)$/.exec(name.slice(prefix.length)) : null
        return match ? [{ name, day: match[1]!, number: Number(match[2]) }] : []
      })
      .sort((a, b) => (a.day === b.day ? b.number - a.number : a.day < b.day ? 1 : -1))
  }

  #trouble(error: unknown): void {
    const { path, clock, onTrouble } = this.#options
    this.#writingFrom = null
    this.#closeFile()
    if (!this.#troubled) {
      this.#troubled = true
      onTrouble(`the log file ${path} cannot be written: ${textOf(error)}; the server goes on and keeps trying`)
    }
    this.#settle()
    if (!this.#closed) this.#timer ??= clock.after(RETRY_MS, () => this.#pump())
  }

  #closeFile(): void {
    const fd = this.#fd
    this.#fd = null
    if (fd === null) return
    try {
      this.#disk.closeSync(fd)
    } catch {
      // What was written has been written; there is nothing to be done about the rest.
    }
  }

  #settle(): void {
    if (!this.#idleNow()) return
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }

  #stopTimer(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}

function dayOf(now: number): string {
  const date = new Date(now)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}
