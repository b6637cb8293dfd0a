import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Clock } from '../../kernel/clock.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import { onAbort, openSocket, unusable, UNWANTED, whyBroken } from '../jms/socket.ts'
import { addressOf } from '../jms/target.ts'
import type { BrokerHost, BrokerTarget } from '../jms/target.ts'
import { BrokerException, Channel } from './channel.ts'

/** A socket that is open already, and what has come over it. */
export interface Opened {
  readonly socket: Socket
  readonly greeting: Buffer
}

export interface Way {
  readonly host: BrokerHost
  readonly target: BrokerTarget
  readonly clock: Clock
  readonly deadlineMs: number
  /** Aborts when nobody wants the connection any more. */
  readonly signal?: AbortSignal | undefined
}

/** Not the one of the producers: as long as it lasts, this connection is somebody else to the broker. */
export function newConnectionId(): string {
  return `ID:holdfast-${randomUUID()}:1`
}

/** `clientId`: as the broker is to know us, where that matters. */
export async function openChannel(
  way: Way,
  connectionId: string,
  { opened, clientId = `holdfast-${randomUUID()}` }: { opened?: Opened; clientId?: string } = {},
): Promise<Channel> {
  const { host, target, clock, deadlineMs, signal } = way
  const until = clock.monotonic() + deadlineMs
  const socket = opened?.socket ?? (await connected(way))
  const channel = new Channel({ host, target, clock, socket, connectionId })
  const timer = clock.after(Math.max(0, until - clock.monotonic()), () =>
    channel.lose(unusable(addressOf(host), `it did not answer within ${deadlineMs} ms`)),
  )
  const forget = onAbort(signal, () => channel.lose(unusable(addressOf(host), UNWANTED)))
  try {
    // A client id must be the only one of its name; a broker may not have noticed yet that we were gone.
    await channel.greet(target, clientId, opened?.greeting)
    return channel
  } catch (thrown) {
    const why = loginFailure(host, target, thrown)
    channel.lose(why)
    throw why
  } finally {
    timer.cancel()
    forget()
  }
}

function loginFailure(host: BrokerHost, target: BrokerTarget, thrown: unknown): IntegrationError {
  if (!(thrown instanceof BrokerException) || !thrown.is('Security')) return asIntegrationError(thrown)
  const who = target.username === undefined ? 'without a user name' : `as ${target.username}`
  return new IntegrationError(
    'BROKER_REFUSED',
    `the broker at ${addressOf(host)} refused the login ${who}. Check user name and password. It said: ${thrown.said}`,
  )
}

/** A socket that is connected, encrypted if need be, and not read yet. */
export function connected({ host, target, clock, deadlineMs, signal }: Way): Promise<Socket> {
  const place = addressOf(host)
  if (signal?.aborted) return Promise.reject(unusable(place, UNWANTED))
  return new Promise((resolve, reject) => {
    // Throws for key files that cannot be used, before there is anything to clean up.
    const socket = openSocket(host, target, () => {
      timer.cancel()
      forget()
      socket.off('error', broken)
      socket.off('close', closed)
      socket.setNoDelay(true)
      resolve(socket)
    })
    const fail = (why: IntegrationError): void => {
      timer.cancel()
      forget()
      socket.destroy()
      reject(why)
    }
    const timer = clock.after(deadlineMs, () => fail(unusable(place, `it did not answer within ${deadlineMs} ms`)))
    const broken = (error: unknown): void => fail(unusable(place, whyBroken(error), error))
    const closed = (): void => fail(unusable(place, 'the connection was closed'))
    const forget = onAbort(signal, () => fail(unusable(place, UNWANTED)))
    socket.on('error', broken)
    socket.on('close', closed)
  })
}
