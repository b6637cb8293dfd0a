import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import rhea from 'rhea'
import type { Connection, ConnectionOptions, EventContext, Session } from 'rhea'
import { IntegrationError, systemCode, textOf } from '../../kernel/errors.ts'
import type { Peer } from './address.ts'
import type { Dial, Live, ReceivingParts, SendingParts } from './live.ts'
import { ReceivingLink } from './receiver.ts'
import { corkBursts, limitFrames, plainLogin, stopTimers, tameSession } from './rhea.ts'
import { SendingLink } from './sending-link.ts'
import { addressOf } from './target.ts'
import type { AmqpTarget, BrokerHost } from './target.ts'

/** Longest message we take from a broker; a body beyond it could not be held in memory several times over. */
const LONGEST_MESSAGE = 256 * 1024 * 1024

/** How many of the peer's first bytes tell what it speaks. */
const GREETING = 16

/** An open connection of rhea. */
export class RheaLive implements Live {
  readonly connection: Connection
  readonly host: BrokerHost
  readonly peer: Peer
  readonly #socket: Socket
  #gone: IntegrationError | null = null
  #listeners = new Set<(why: IntegrationError) => void>()

  constructor(connection: Connection, socket: Socket, host: BrokerHost) {
    this.connection = connection
    this.host = host
    this.#socket = socket
    const properties = connection.properties
    this.peer = { product: String(properties?.['product'] ?? ''), version: String(properties?.['version'] ?? '') }
  }

  get gone(): IntegrationError | null {
    return this.#gone
  }

  /** A session of its own for every link: a sender without credit holds up all others of its session. */
  openSession(): Session {
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

  /** Called once by the dialler when the socket has closed. */
  lose(why: IntegrationError): void {
    if (this.#gone) return
    this.#gone = why
    const listeners = this.#listeners
    this.#listeners = new Set()
    for (const listener of listeners) listener(why)
  }
}

export const dial: Dial = (host, target, clock, deadlineMs) => {
  return new Promise((resolve, reject) => {
    let socket: Socket | undefined
    let live: RheaLive | undefined
    let reason: IntegrationError | undefined
    let greeting = Buffer.alloc(0)

    const connection = rhea.create_container().create_connection(optionsOf(host, target))
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
    const closed = (): void => {
      timer.cancel()
      stopTimers(connection)
      const why = reason ?? unreachable(host, 'the connection was closed')
      if (live) live.lose(why)
      else reject(why)
    }

    limitFrames(connection, target.maxFrameSize)
    connection.on('connection_open', () => {
      timer.cancel()
      live = new RheaLive(connection, socket!, host)
      resolve(live)
    })
    connection.on('connection_error', ({ error }: EventContext) => because(refused(host, target, error)))
    connection.on('connection_close', () => because(unreachable(host, 'the broker closed the connection')))
    const broke = (error: unknown): void => {
      if (live) end(unreachable(host, `it broke the protocol: ${textOf(error)}`, error))
      else end(wrongProtocol(host, greeting, textOf(error)))
    }
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
        socket = corkBursts(open(host, target, connected))
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

function optionsOf({ host, port }: BrokerHost, target: AmqpTarget): ConnectionOptions {
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

function open({ host, port, tls }: BrokerHost, target: AmqpTarget, connected: () => void): Socket {
  if (!tls) return connectTcp({ host, port }, connected)
  const { pfx, passphrase, ca, cert, key, verify, verifyHost } = target.tls ?? {}
  return connectTls(
    {
      host,
      port,
      servername: host,
      rejectUnauthorized: verify !== false,
      ...(verifyHost === false && { checkServerIdentity: () => undefined }),
      ...(pfx !== undefined && { pfx: readFileSync(pfx) }),
      ...(passphrase !== undefined && { passphrase }),
      ...(ca !== undefined && { ca: readFileSync(ca) }),
      ...(cert !== undefined && { cert: readFileSync(cert) }),
      ...(key !== undefined && { key: readFileSync(key) }),
    },
    connected,
  )
}

function unreachable(host: BrokerHost, why: string, cause?: unknown): IntegrationError {
  return new IntegrationError('STORE_UNAVAILABLE', `the broker at ${addressOf(host)} cannot be used: ${why}`, { cause })
}

function lost(host: BrokerHost, error: unknown): IntegrationError {
  const code = systemCode(error)
  if (code === 'ECONNREFUSED')
    return unreachable(host, 'nothing listens there. Start it, or correct the address', error)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return unreachable(host, 'its host name is not known', error)
  // An AggregateError of several addresses of one name has an empty text.
  return unreachable(host, textOf(error) || code || 'the connection broke', error)
}

function refused(host: BrokerHost, target: AmqpTarget, error: unknown): IntegrationError {
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
    return refusal(
      host,
      'it speaks OpenWire, not AMQP 1.0. Add an AMQP connector to the ActiveMQ configuration (amqp://0.0.0.0:5672) and use its port, or use ActiveMQ Artemis, which takes AMQP on 61616',
    )
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
