import type { Socket } from 'node:net'
import rhea from 'rhea'
import type { Connection, ConnectionOptions, EventContext, Session } from 'rhea'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import type { Dial, Live, Peer, ReceivingParts, SendingParts, SessionParts } from '../jms/contracts.ts'
import { OtherProtocol } from '../jms/other-protocol.ts'
import { onAbort, openSocket, unusable, UNWANTED, whyBroken } from '../jms/socket.ts'
import type { BrokerHost, BrokerTarget } from '../jms/target.ts'
import { mannersOf } from './address.ts'
import { ReceivingLink } from './receiver.ts'
import { corkBursts, guard, limitFrames, passOverStrayFlows, plainLogin, stopTimers, tameSession } from './rhea.ts'
import { AmqpSession } from './session.ts'
import { SendingLink } from './sending-link.ts'

/** Longest message we take from a broker; a body beyond it could not be held in memory several times over. */
const LONGEST_MESSAGE = 256 * 1024 * 1024

/** How many of the peer's first bytes tell what it speaks. */
const GREETING = 16

/** An open connection of rhea. */
export class RheaLive implements Live {
  readonly connection: Connection
  readonly host: BrokerHost
  readonly peer: Peer
  readonly protocol = 'AMQP 1.0'
  readonly browsable: boolean
  readonly backups: readonly BrokerHost[]
  readonly #socket: Socket
  #gone: IntegrationError | null = null
  #listeners = new Set<(why: IntegrationError) => void>()

  constructor(connection: Connection, socket: Socket, host: BrokerHost) {
    this.connection = connection
    this.host = host
    this.#socket = socket
    const properties = connection.properties
    this.peer = { product: String(properties?.['product'] ?? ''), version: String(properties?.['version'] ?? '') }
    this.backups = backupsIn(properties?.['failover-server-list'], host)
    this.browsable = mannersOf(this.peer).copies
  }

  get gone(): IntegrationError | null {
    return this.#gone
  }

  beginSession(): Session {
    const session = this.connection.create_session()
    tameSession(session, LONGEST_MESSAGE)
    session.begin()
    return session
  }

  onGone(listener: (why: IntegrationError) => void): () => void {
    if (this.#gone) listener(this.#gone)
    else this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  abandon(why: IntegrationError): void {
    this.lose(why)
    this.#socket.destroy(why)
  }

  close(): void {
    this.lose(new IntegrationError('STORE_UNAVAILABLE', `the connection to ${addressOf(this.host)} was closed by us`))
    this.connection.close()
  }

  openSender(parts: SendingParts): SendingLink {
    return new SendingLink(this, parts)
  }

  openReceiver(parts: ReceivingParts): ReceivingLink {
    return new ReceivingLink(this, parts)
  }

  openSession(parts: SessionParts): Promise<AmqpSession> {
    return AmqpSession.open(this, parts)
  }

  /** Called once by the dialler when the socket has closed. */
  lose(why: IntegrationError): void {
    if (this.#gone) return
    this.#gone = why
    const listeners = this.#listeners
    this.#listeners = new Set()
    for (const listener of listeners) listener(why)
  }
}

/** What Artemis tells in its open frame, once its backup is announced (messaging-peers §1.3, AR-10). */
function backupsIn(list: unknown, { tls }: BrokerHost): BrokerHost[] {
  if (!Array.isArray(list)) return []
  return list.flatMap((entry: unknown) => {
    const { 'network-host': host, port, scheme } = (entry ?? {}) as Record<string, unknown>
    const usable = typeof host === 'string' && host !== '' && Number.isInteger(port) && Number(port) <= 65_535
    // Who asked for TLS is not led away from it.
    return usable ? [{ host, port: Number(port), tls: tls || scheme === 'amqps' }] : []
  })
}

export const dialAmqp: Dial = (host, target, clock, deadlineMs, signal) => {
  if (signal?.aborted) return Promise.reject(unreachable(host, UNWANTED))
  return new Promise((resolve, reject) => {
    let socket: Socket | undefined
    let live: RheaLive | undefined
    let reason: IntegrationError | undefined
    let greeting = Buffer.alloc(0)

    const container = rhea.create_container(target.clientId === undefined ? {} : { id: target.clientId })
    const connection = container.create_connection(optionsOf(host, target))
    const timer = clock.after(deadlineMs, () => end(unreachable(host, `it did not answer within ${deadlineMs} ms`)))

    /** The first reason is the cause, later ones are its consequences. */
    const because = (why: IntegrationError): void => {
      reason ??= why
    }
    const end = (why: IntegrationError): void => {
      because(why)
      socket?.destroy(why)
      if (!socket) closed()
    }
    const forget = onAbort(signal, () => end(unreachable(host, UNWANTED)))
    const closed = (): void => {
      timer.cancel()
      forget()
      stopTimers(connection)
      const why = reason ?? unreachable(host, 'the connection was closed')
      if (live) live.lose(why)
      else reject(why)
    }

    limitFrames(connection, target.maxFrameSize)
    passOverStrayFlows(connection)
    connection.on('connection_open', () => {
      timer.cancel()
      forget()
      live = new RheaLive(connection, socket!, host)
      resolve(live)
    })
    connection.on('connection_error', ({ error }: EventContext) => because(refused(host, target, error)))
    connection.on('connection_close', () => because(unreachable(host, 'the broker closed the connection')))
    const broke = (error: unknown): void => {
      if (live) end(unreachable(host, `it broke the protocol: ${textOf(error)}`, error))
      else end(wrongProtocol(host, greeting, textOf(error)))
    }
    guard(connection, error => end(unreachable(host, `the connection cannot go on: ${textOf(error)}`, error)))
    connection.on('protocol_error', broke)
    connection.on('error', broke)
    connection.on('disconnected', ({ error }: EventContext) => {
      if (error) because(lost(host, error))
    })
    // rhea hands link and session errors to whoever listens nearest; nobody listening would end the process.
    for (const event of ['session_error', 'sender_error', 'receiver_error']) connection.on(event, () => {})

    connection.options.connection_details = () => ({
      host: host.host,
      port: host.port,
      connect: (_port: number, _host: string, _options: unknown, connected: () => void) => {
        socket = corkBursts(openSocket(host, target, connected))
        socket.setNoDelay(true)
        socket.on('data', (bytes: Buffer) => {
          if (greeting.length < GREETING) greeting = Buffer.concat([greeting, bytes.subarray(0, GREETING)])
        })
        socket.once('close', closed)
        return socket
      },
    })
    try {
      connection.connect()
    } catch (thrown) {
      end(lost(host, thrown))
    }
  })
}

function optionsOf({ host, port }: BrokerHost, target: BrokerTarget): ConnectionOptions {
  const username = target.username ?? 'anonymous'
  return {
    host,
    port,
    hostname: target.virtualHost ?? host,
    username,
    ...(target.password !== undefined && { sasl_mechanisms: plainLogin(username, target.password) }),
    reconnect: false,
    idle_time_out: target.idleTimeout,
    max_frame_size: target.maxFrameSize,
  } as ConnectionOptions
}

function addressOf({ host, port, tls }: BrokerHost): string {
  return `${tls ? 'amqps' : 'amqp'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function unreachable(host: BrokerHost, why: string, cause?: unknown): IntegrationError {
  return unusable(addressOf(host), why, cause)
}

function lost(host: BrokerHost, error: unknown): IntegrationError {
  return error instanceof IntegrationError ? error : unreachable(host, whyBroken(error), error)
}

function refused(host: BrokerHost, target: BrokerTarget, error: unknown): IntegrationError {
  const { condition, description, message } = (error ?? {}) as Record<string, unknown>
  const said = [condition, description ?? message].filter(Boolean).join(': ')
  if (/unauthorized|not-allowed|SASL|authenticat/i.test(said)) {
    const who = target.username === undefined ? 'without a user name' : `as ${target.username}`
    return new IntegrationError(
      'BROKER_REFUSED',
      `the broker at ${addressOf(host)} refused the login ${who}. Check user name and password. It said: ${said}`,
    )
  }
  return unreachable(host, said || 'the broker closed the connection')
}

const OPENWIRE = Buffer.from('\x01ActiveMQ', 'latin1')

/** What the port speaks instead, by its first bytes, and what to do about it. */
function wrongProtocol(host: BrokerHost, greeting: Buffer, said: string): IntegrationError {
  if (greeting.subarray(4, 13).equals(OPENWIRE) || said.includes('Invalid protocol header for AMQP: 000001')) {
    const remedy =
      'Leave store.jms.protocol out, or set it to openwire; or add an AMQP connector to the ActiveMQ configuration (amqp://0.0.0.0:5672) and use its port'
    const text = `the broker at ${addressOf(host)} cannot be used: it speaks OpenWire, not AMQP 1.0. ${remedy}`
    return new OtherProtocol('openwire', text)
  }
  const start = greeting.toString('latin1')
  if (start.startsWith('HTTP/')) return refusal(host, 'it speaks HTTP, not AMQP 1.0. Correct the port')
  if (start.startsWith('AMQP\0\0\x09') || said.includes('0-9-1')) {
    return refusal(
      host,
      'it speaks AMQP 0-9-1, not AMQP 1.0. Enable the AMQP 1.0 plug-in (rabbitmq_amqp1_0), or use the RabbitMQ store',
    )
  }
  if (greeting[0] === 0x15) return refusal(host, 'it expects TLS. Use amqps:// or ssl://')
  if (said.includes('SASL layer not enabled')) return refusal(host, 'it wants a login. Give user name and password')
  return refusal(host, `it does not speak AMQP 1.0 as we know it: ${said}`)
}

function refusal(host: BrokerHost, why: string): IntegrationError {
  return new IntegrationError('BROKER_REFUSED', `the broker at ${addressOf(host)} cannot be used: ${why}`)
}
