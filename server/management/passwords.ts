import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { Buffer } from 'node:buffer'

/** A password as it is kept: never the password itself. */
export interface PasswordHash {
  readonly scheme: 'scrypt'
  readonly cost: number
  readonly blockSize: number
  readonly parallel: number
  /** Base64. */
  readonly salt: string
  /** Base64. */
  readonly hash: string
}

const COST = { cost: 2 ** 15, blockSize: 8, parallel: 1 } as const
const LENGTH = 32

export async function hashPassword(password: string): Promise<PasswordHash> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt, COST)
  return { scheme: 'scrypt', ...COST, salt: salt.toString('base64'), hash: hash.toString('base64') }
}

export async function matchesHash(password: string, kept: PasswordHash): Promise<boolean> {
  const wanted = Buffer.from(kept.hash, 'base64')
  const found = await derive(password, Buffer.from(kept.salt, 'base64'), kept)
  return found.length === wanted.length && timingSafeEqual(found, wanted)
}

/** About a hundred bits, in groups that can be read aloud. */
export function inventPassword(): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789'
  const groups: string[] = []
  while (groups.length < 4) {
    let group = ''
    for (const byte of randomBytes(16)) {
      // Taking only the first multiple of the alphabet keeps every letter equally likely.
      if (group.length < 5 && byte < 256 - (256 % letters.length)) group += letters[byte % letters.length]
    }
    if (group.length === 5) groups.push(group)
  }
  return groups.join('-')
}

function derive(
  password: string,
  salt: Buffer,
  { cost, blockSize, parallel }: Pick<PasswordHash, 'cost' | 'blockSize' | 'parallel'>,
): Promise<Buffer> {
  const options = { N: cost, r: blockSize, p: parallel, maxmem: 256 * cost * blockSize }
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, LENGTH, options, (error, key) => (error ? reject(error) : resolve(key)))
  })
}
