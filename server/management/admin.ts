import { createHash, timingSafeEqual } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { IntegrationError, systemCode, textOf } from '../kernel/errors.ts'
import type { PasswordHash } from './passwords.ts'
import { hashPassword, inventPassword, matchesHash } from './passwords.ts'

/** Who may manage the server. */
export interface Admin {
  readonly user: string
  /** A password made just now: to be shown once, on the console, and never logged. */
  readonly firstPassword?: string
  matches(user: string, password: string): Promise<boolean>
}

export interface AdminOptions {
  readonly user: string
  readonly password: string | undefined
  readonly home: string
}

interface Kept {
  readonly user: string
  readonly password: PasswordHash
}

/**
 * With a password from the settings, that one. Without, the one whose hash is in `HOME/security/admin.json`; at the first
 * start a password is made and its hash put there.
 */
export async function openAdmin({ user, password, home }: AdminOptions): Promise<Admin> {
  if (password !== undefined) {
    const wanted = digest(password)
    return {
      user,
      matches: (name, given) =>
        Promise.resolve(timingSafeEqual(digest(name), digest(user)) && timingSafeEqual(digest(given), wanted)),
    }
  }
  const file = join(home, 'security', 'admin.json')
  const kept = await readKept(file)
  if (kept) return adminOf(kept)
  const firstPassword = inventPassword()
  const made: Kept = { user, password: await hashPassword(firstPassword) }
  await keep(file, made)
  return { ...adminOf(made), firstPassword }
}

function adminOf({ user, password }: Kept): Admin {
  return {
    user,
    // The hash is computed for a wrong name, too: the time it takes must not tell which names exist.
    matches: async (name, given) => {
      const right = await matchesHash(given, password)
      return timingSafeEqual(digest(name), digest(user)) && right
    },
  }
}

async function readKept(file: string): Promise<Kept | undefined> {
  try {
    const kept = JSON.parse(await readFile(file, 'utf8')) as Kept
    if (typeof kept.user !== 'string' || kept.password?.scheme !== 'scrypt')
      throw new Error('it lacks user or password')
    return kept
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return undefined
    throw new IntegrationError(
      'SETTING_INVALID',
      `the administrator's password in ${file} cannot be read: ${textOf(thrown)}; delete the file for a new one, or set HOLDFAST_ADMIN_PASSWORD`,
      { cause: thrown },
    )
  }
}

/** Complete or not there at all: a start that was cut off must not leave half a file behind. */
async function keep(file: string, kept: Kept): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true, mode: 0o700 })
  const draft = `${file}.${process.pid}`
  await rm(draft, { force: true })
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(kept, null, 2)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(draft, file)
}

const digest = (text: string): Buffer => createHash('sha256').update(text.normalize('NFC')).digest()
