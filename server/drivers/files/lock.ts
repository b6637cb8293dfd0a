import { randomUUID } from 'node:crypto'
import { open, readFile, stat, unlink } from 'node:fs/promises'
import { systemClock } from '../../kernel/clock.ts'
import { systemCode } from '../../kernel/errors.ts'
import type { Locks } from './contracts.ts'

/**
 * `NAME.lock` beside a file that is being worked on, as Synapse writes it, so that several servers may look into one folder.
 * A lock this home has left behind when it was killed is recognised and taken over: one server uses a home at a time.
 */
export class FileLocks implements Locks {
  readonly #owner: string
  /** Of this start. */
  readonly #life = randomUUID()

  constructor(owner: string) {
    this.#owner = owner
  }

  /** False if somebody else has it. */
  async take(path: string): Promise<boolean> {
    const lock = lockOf(path)
    for (let again = 0; again < 2; again++) {
      try {
        const file = await open(lock, 'wx')
        try {
          await file.writeFile(`${this.#owner}\n${this.#life}\n`)
        } catch (thrown) {
          await this.#remove(lock)
          throw thrown
        } finally {
          await file.close()
        }
        return true
      } catch (thrown) {
        if (systemCode(thrown) !== 'EEXIST') throw thrown
      }
      if (!(await this.#isLeftOver(lock))) return false
      await this.#remove(lock)
    }
    return false
  }

  release(path: string): Promise<void> {
    return this.#remove(lockOf(path))
  }

  /** Killed after the file was taken away and before the lock was. */
  async sweep(path: string): Promise<void> {
    if (await this.#isLeftOver(lockOf(path))) await this.#remove(lockOf(path))
  }

  async #isLeftOver(lock: string): Promise<boolean> {
    // One that is gone, or cannot be read, is not ours: the file is left alone.
    const text = await readFile(lock, 'utf8').catch(() => undefined)
    if (text === undefined) return false
    if (text === '') return isOld(lock)
    const [owner, life] = text.split('\n')
    return owner === this.#owner && life !== this.#life
  }

  async #remove(lock: string): Promise<void> {
    try {
      await unlink(lock)
    } catch (thrown) {
      if (systemCode(thrown) !== 'ENOENT') throw thrown
    }
  }
}

/** By the clock that dates files. Nobody takes so long to write two lines: whoever made it was killed in between. */
const UNWRITTEN_MS = 60_000

async function isOld(lock: string): Promise<boolean> {
  const found = await stat(lock).catch(() => undefined)
  return found !== undefined && systemClock.now() - found.mtimeMs > UNWRITTEN_MS
}

function lockOf(path: string): string {
  return `${path}.lock`
}
