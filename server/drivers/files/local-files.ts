import { stat } from 'node:fs/promises'
import { basename, extname, join, sep } from 'node:path'
import type { Clock } from '../../kernel/clock.ts'
import { IntegrationError, systemCode, textOf } from '../../kernel/errors.ts'
import { FileLocks } from './lock.ts'
import type { Content, FilePlace, Files, FileWish, PollerOptions } from './contracts.ts'
import { FilePlaces } from './places.ts'
import { FilePoller } from './poller.ts'
import { append, writeWhole } from './write.ts'

/** Files of this machine as artifacts may use them. One object for the whole server. */
export class LocalFiles implements Files {
  readonly #places: FilePlaces
  readonly #locks: FileLocks
  readonly #clock: Clock
  /** Appends to one file, one after the other. */
  readonly #turns = new Map<string, Promise<void>>()

  constructor(home: string, folders: readonly string[], clock: Clock) {
    this.#places = new FilePlaces(home, folders)
    this.#locks = new FileLocks(home)
    this.#clock = clock
  }

  /** Throws where the address is not one of a local file, or leads to where artifacts have no business. */
  locate(address: string): FilePlace {
    return this.#places.locate(address)
  }

  /** Resolves with its path once the file is on the disk. */
  async write(wish: FileWish, content: Content): Promise<string> {
    const path = await this.#pathFor(wish)
    try {
      if (wish.append) await this.#inTurn(path, () => append(path, content))
      else await writeWhole(path, content)
      return path
    } catch (thrown) {
      if (thrown instanceof IntegrationError) throw thrown
      throw new IntegrationError('SEND_FAILED', `${path} cannot be written: ${textOf(thrown)}`, { cause: thrown })
    }
  }

  poller(options: Omit<PollerOptions, 'clock' | 'locks'> & { readonly locking: boolean }): FilePoller {
    const { locking, ...rest } = options
    return new FilePoller({ ...rest, locks: locking ? this.#locks : null, clock: this.#clock })
  }

  async #pathFor({ address, name }: FileWish): Promise<string> {
    const { path } = this.locate(address)
    if (!(await isFolder(path, address, name !== undefined))) return path
    const wanted = name ?? 'response.xml'
    // The name may have come with a message: it must not lead anywhere else.
    if (
      wanted !== basename(wanted) ||
      wanted.includes('\\') ||
      wanted.includes('\0') ||
      wanted === '..' ||
      wanted === '.'
    ) {
      throw new IntegrationError(
        'FILE_FORBIDDEN',
        `"${wanted}" is no name for a file in ${path}: it may not lead to another folder`,
      )
    }
    const file = join(path, wanted)
    this.#places.confine(file)
    return file
  }

  #inTurn(path: string, work: () => Promise<void>): Promise<void> {
    // Whoever appended before has been told of his own failure.
    const turn = (this.#turns.get(path) ?? Promise.resolve()).catch(() => undefined).then(work)
    this.#turns.set(path, turn)
    const forget = (): void => {
      if (this.#turns.get(path) === turn) this.#turns.delete(path)
    }
    turn.then(forget, forget)
    return turn
  }
}

/** What is there decides; of what is not there yet, how it is written. */
async function isFolder(path: string, address: string, hasName: boolean): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (thrown) {
    const code = systemCode(thrown)
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw thrown
  }
  return address.replace(/\?.*$/s, '').endsWith(sep) || (hasName && extname(path) === '')
}
