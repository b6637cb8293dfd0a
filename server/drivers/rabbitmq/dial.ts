import { readFileSync } from 'node:fs'
import type * as amqplib from 'amqplib'
import type { SocketOptions } from 'amqplib'
import { IntegrationError, systemCode, textOf } from '../../kernel/errors.ts'
import { optionalPackage } from '../../kernel/optional-package.ts'
import type { Dialer } from '../jms/contracts.ts'
import { onAbort, UNWANTED } from '../jms/socket.ts'
import type { BrokerHost, BrokerTarget } from '../jms/target.ts'
import { brokerAt, RabbitLive, type RouteOf } from './live.ts'

const loadPackage = (): Promise<typeof amqplib> => optionalPackage('amqplib', 'RabbitMQ', () => import('amqplib'))

/** AMQP 0-9-1 codes by which a broker says that the login will not be better the next time. */
const REFUSED = new Set<unknown>([402, 403, 530])

/** How RabbitMQ is reached. amqplib offers to reconnect and to repeat sends; it is not asked to: both are ours (P3, P5). */
export function rabbitDialer(routeOf: RouteOf): Dialer {
  return () => async (host, target, clock, deadlineMs, signal) => {
    const { connect } = await loadPackage()
    const socket = new AbortController()
    const options: SocketOptions & { signal: AbortSignal } = {
      ...socketOptions(host, target),
      signal: socket.signal,
    }
    const patience = new AbortController()
    const forget = onAbort(signal, () => patience.abort())
    const late = clock.sleep(deadlineMs, patience.signal).then(() => {
      throw unreachable(host, signal?.aborted ? UNWANTED : `it did not answer within ${deadlineMs} ms`)
    })
    try {
      const model = await Promise.race([connect(addressOf(host, target), options), late])
      const live = new RabbitLive({ model, host, routeOf, destroy: () => socket.abort() })
      // Somebody has to listen, or a broken connection would end the process.
      model.on('error', (error: unknown) => live.lose(lost(host, target, error)))
      model.on('close', (error: unknown) =>
        live.lose(error ? lost(host, target, error) : unreachable(host, 'the broker closed the connection')),
      )
      return live
    } catch (thrown) {
      socket.abort()
      throw lost(host, target, thrown)
    } finally {
      forget()
      patience.abort()
    }
  }
}

function addressOf({ host, port, tls }: BrokerHost, target: BrokerTarget) {
  return {
    protocol: tls ? 'amqps' : 'amqp',
    hostname: host,
    port,
    username: target.username ?? 'guest',
    password: target.password ?? 'guest',
    vhost: encodeURIComponent(target.virtualHost ?? '/'),
    frameMax: target.maxFrameSize,
    heartbeat: Math.max(1, Math.round(target.idleTimeout / 1000)),
  }
}

/** A file that cannot be read fails the connection: there is no way back to plain text. */
function socketOptions(host: BrokerHost, target: BrokerTarget): SocketOptions {
  const common = { noDelay: true, clientProperties: { connection_name: 'Holdfast' } }
  if (!host.tls) return common
  const { pfx, passphrase, ca, cert, key, verify, verifyHost } = target.tls ?? {}
  return {
    ...common,
    rejectUnauthorized: verify !== false,
    ...(verifyHost === false && { checkServerIdentity: () => undefined }),
    ...(pfx !== undefined && { pfx: readFileSync(pfx) }),
    ...(passphrase !== undefined && { passphrase }),
    ...(ca !== undefined && { ca: readFileSync(ca) }),
    ...(cert !== undefined && { cert: readFileSync(cert) }),
    ...(key !== undefined && { key: readFileSync(key) }),
  }
}

function unreachable(host: BrokerHost, why: string, cause?: unknown): IntegrationError {
  return new IntegrationError('STORE_UNAVAILABLE', `the broker at ${brokerAt(host)} cannot be used: ${why}`, { cause })
}

function lost(host: BrokerHost, target: BrokerTarget, error: unknown): IntegrationError {
  if (error instanceof IntegrationError) return error
  const code = systemCode(error)
  const said = textOf(error)
  if (code === 'ECONNREFUSED')
    return unreachable(host, 'nothing listens there. Start it, or correct the address', error)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return unreachable(host, 'its host name is not known', error)
  const number = (error as { code?: unknown } | null)?.code
  if (REFUSED.has(number) || /\b(?:ACCESS[-_]REFUSED|NOT[-_]ALLOWED)\b|Expected ConnectionOpenOk/.test(said)) {
    const who = `as ${target.username ?? 'guest'} to virtual host ${target.virtualHost ?? '/'}`
    const text = `the broker at ${brokerAt(host)} refused the login ${who}. Check user name, password and virtual host. It said: ${said}`
    return new IntegrationError('BROKER_REFUSED', text, { cause: error })
  }
  if (/Expected ConnectionStart|Invalid frame|frame/i.test(said) && !/Heartbeat/.test(said)) {
    const text = `the broker at ${brokerAt(host)} does not speak AMQP 0-9-1 on this port (${said}). Correct the port`
    return new IntegrationError('BROKER_REFUSED', text, { cause: error })
  }
  return unreachable(host, said || code || 'the connection broke', error)
}
