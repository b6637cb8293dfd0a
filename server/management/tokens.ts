import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../kernel/clock.ts'

interface Login {
  readonly user: string
  /** On the monotonic clock. */
  readonly expires: number
}

/** Logins in force. Only hashes are kept: a memory dump or a debugger shows no usable token. */
export class Tokens {
  readonly #clock: Clock
  readonly #expiryMs: number
  readonly #most: number
  /** Oldest first. */
  readonly #logins = new Map<string, Login>()

  constructor(clock: Clock, expiryMs: number, most: number) {
    this.#clock = clock
    this.#expiryMs = expiryMs
    this.#most = most
  }

  issue(user: string): string {
    this.#forgetExpired()
    const [oldest] = this.#logins.keys()
    if (oldest !== undefined && this.#logins.size >= this.#most) this.#logins.delete(oldest)
    const token = randomBytes(32).toString('base64url')
    this.#logins.set(hashOf(token), { user, expires: this.#clock.monotonic() + this.#expiryMs })
    return token
  }

  /** Who logged in with it, or undefined. */
  userOf(token: string): string | undefined {
    const login = this.#logins.get(hashOf(token))
    return login && login.expires > this.#clock.monotonic() ? login.user : undefined
  }

  revoke(token: string): void {
    this.#logins.delete(hashOf(token))
  }

  #forgetExpired(): void {
    const now = this.#clock.monotonic()
    for (const [hash, login] of this.#logins) if (login.expires <= now) this.#logins.delete(hash)
  }
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('base64')
