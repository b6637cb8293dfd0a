import * as fs from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../kernel/clock.ts'
import { IntegrationError, systemCode } from '../../kernel/errors.ts'

interface Holder {
  readonly pid: number
  /** Empty where the system does not tell. */
  readonly boot: string
  /** When the process started, in ticks after boot: tells a reused pid from the process that took the lock. */
  readonly started: string
}

/** A lock file without readable contents is somebody between two system calls, unless it is older than this. */
const HALF_WRITTEN_MS = 5_000

/**
 * Takes `folder/lock`, created with `wx` so that only one process can. A holder that is gone (killed, or from before a
 * reboot) is recognised and replaced; the file is moved aside first and looked at again, so that of two processes
 * replacing the same dead holder only one wins.
 */
export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  const path = join(folder, 'lock')
  const mine = JSON.stringify(describe(process.pid))
  for (let tries = 0; tries < 5; tries++) {
    if (create(path, mine)) {
      return {
        async [Symbol.asyncDispose]() {
          if (read(path)?.text === mine) fs.rmSync(path, { force: true })
        },
      }
    }
    const found = read(path)
    if (!found) continue
    const holder = parse(found.text)
    if (holder ? isAlive(holder) : found.age < HALF_WRITTEN_MS) throw locked(folder, path, holder)
    setAside(path, found.text)
  }
  throw locked(folder, path, undefined)
}

function create(path: string, text: string): boolean {
  let fd: number
  try {
    fd = fs.openSync(path, 'wx', 0o640)
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw error
  }
  try {
    fs.writeSync(fd, text)
  } catch (error) {
    fs.rmSync(path, { force: true })
    throw error
  } finally {
    fs.closeSync(fd)
  }
  return true
}

function read(path: string): { text: string; age: number } | undefined {
  try {
    const { mtimeMs } = fs.statSync(path)
    return { text: fs.readFileSync(path, 'utf8'), age: systemClock.now() - mtimeMs }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function setAside(path: string, expected: string): void {
  const aside = `${path}.${process.pid}`
  try {
    fs.renameSync(path, aside)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return
    throw error
  }
  // Somebody else replaced the dead holder in between: it is theirs, put it back.
  if (fs.readFileSync(aside, 'utf8') !== expected) fs.renameSync(aside, path)
  else fs.rmSync(aside, { force: true })
}

function parse(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const { pid, boot, started } = value as Holder
    return Number.isInteger(pid) && pid > 0 ? { pid, boot: String(boot), started: String(started) } : undefined
  } catch {
    return undefined
  }
}

function describe(pid: number): Holder {
  return { pid, boot: bootId(), started: startOf(pid) }
}

function isAlive(holder: Holder): boolean {
  const boot = bootId()
  if (boot !== '' && holder.boot !== '' && boot !== holder.boot) return false
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false
  }
  const started = startOf(holder.pid)
  return started === '' || holder.started === '' || started === holder.started
}

function bootId(): string {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}

function startOf(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the name in parentheses and may contain anything; the start time is field 22.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

function locked(folder: string, path: string, holder: Holder | undefined): IntegrationError {
  const who = holder ? `process ${holder.pid}` : 'another process'
  return new IntegrationError(
    'JOURNAL_LOCKED',
    `${folder} is in use by ${who}. Stop that server or start this one with another --home. ` +
      `If you are sure that nothing uses it, delete ${path}.`,
  )
}
