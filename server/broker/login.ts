import { createHash, timingSafeEqual } from 'node:crypto'
import type { Container } from 'rhea'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/contracts.ts'

export type Users = Readonly<Record<string, string>>

/** A wrong guess costs this much, so that a password cannot be found by trying. */
const WRONG_GUESS = 500

/**
 * With users, every client logs in with one of them. Without, everybody on this machine may come in, under whatever
 * name its configuration has: that is what a JMS configuration written for another broker sends.
 */
export function offerLogin(container: Container, users: Users, clock: Clock, log: Log): void {
  const mechanisms = container.sasl_server_mechanisms as {
    enable_anonymous(): void
    enable_plain(check: (user: string, password: string) => boolean | Promise<boolean>): void
  }
  if (Object.keys(users).length === 0) {
    mechanisms.enable_anonymous()
    mechanisms.enable_plain(() => true)
    return
  }
  mechanisms.enable_plain(async (user, password) => {
    if (isRight(users, user, password)) return true
    log.warn('a client was refused: wrong user name or password', { user })
    await clock.sleep(WRONG_GUESS)
    return false
  })
}

function isRight(users: Users, user: string, password: string): boolean {
  const expected = Object.hasOwn(users, user) ? users[user]! : ''
  // Digests are equally long whatever was typed, and compared in constant time.
  const right = timingSafeEqual(digest(expected), digest(password ?? ''))
  return right && expected !== ''
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
