import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { IntegrationError, systemCode } from '../../kernel/errors.ts'
import type { FilePlace } from './contracts.ts'

/** Below HOME: what belongs to the server itself, whatever the settings allow. */
const OWN = ['data', 'broker', 'security', 'conf']

/** Where artifacts may read and write files: HOME/files, and the folders the settings name. */
export class FilePlaces {
  readonly #home: string
  readonly #allowed: readonly string[]
  readonly #forbidden: readonly string[]

  constructor(home: string, folders: readonly string[]) {
    this.#home = resolve(home)
    this.#allowed = [join(this.#home, 'files'), ...folders.map(folder => resolve(folder))]
    this.#forbidden = OWN.map(name => join(this.#home, name))
  }

  /** Throws where the address is not one of a local file, or leads to where artifacts have no business. */
  locate(address: string): FilePlace {
    const [written, query = ''] = splitOnce(address.trim().replace(/^vfs:/i, ''), '?')
    const local = localPath(written, address)
    // Parts of an address may come with a message.
    if (local.split(/[/\\]/).includes('..') || local.includes('\0')) {
      throw new IntegrationError('FILE_FORBIDDEN', `the file address ${address} may not contain ".."`)
    }
    const path = resolve(this.#home, local)
    this.confine(path)
    const parameters = new Map<string, string>()
    for (const pair of query.split('&')) {
      const [name, value = ''] = splitOnce(pair, '=')
      if (name !== '') parameters.set(decoded(name), decoded(value))
    }
    return { path, parameters }
  }

  /** A link must not lead out either. */
  confine(path: string): void {
    const real = realPath(path)
    const within = (folders: readonly string[]): boolean => folders.some(folder => isInside(real, realPath(folder)))
    if (within(this.#allowed) && !within(this.#forbidden)) return
    throw new IntegrationError(
      'FILE_FORBIDDEN',
      `artifacts may not use ${path}: only ${this.#allowed.join(', ')}. Add the folder to files.folders in deployment.toml, or to HOLDFAST_FILES_FOLDERS`,
    )
  }
}

/** As FILE_URI shows it. */
export function fileUri(path: string): string {
  return pathToFileURL(path).href
}

const REMOTE = /^(ftps?|sftp|smb|smb2|cifs|https?|webdavs?|s3|hdfs|zip|jar|tar|gz):/i

function localPath(written: string, address: string): string {
  const remote = REMOTE.exec(written)
  if (remote) {
    throw new IntegrationError(
      'NOT_SUPPORTED',
      `${remote[1]!.toLowerCase()}: is not supported for files (${withoutLogin(address)}). Mount the remote folder on this machine and name it as file:///…, or let a job of the operating system fetch and bring the files`,
    )
  }
  const path = written.replace(/^file:(?:\/\/(?:localhost(?=\/))?)?/i, '')
  if (path === '') throw new IntegrationError('NOT_SUPPORTED', `"${address}" names no file and no folder`)
  return decoded(path)
}

function withoutLogin(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//…@').replace(/\?.*$/s, '')
}

/** The path with its links followed, as far as it exists. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch (thrown) {
    const parent = dirname(path)
    const code = systemCode(thrown)
    if (parent === path || (code !== 'ENOENT' && code !== 'ENOTDIR')) return path
    return join(realPath(parent), basename(path))
  }
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

function splitOnce(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + mark.length)]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A "%" that stands for itself.
    return text
  }
}
