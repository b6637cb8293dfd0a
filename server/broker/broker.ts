import { randomUUID } from 'node:crypto'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import rhea from 'rhea'
import { systemClock } from '../kernel/clock.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/contracts.ts'
import { IntegrationError, systemCode, textOf } from '../kernel/errors.ts'
import type { Journal } from '../drivers/journal/contracts.ts'
import { openJournal } from '../drivers/journal/journal.ts'
import { Client } from './client.ts'
import { Commits } from './commits.ts'
import { offerLogin } from './login.ts'
import type { Users } from './login.ts'
import { BrokerQueue } from './queue.ts'
import type { Loan } from './queue.ts'
import { refusals } from './refusal.ts'
import type { Refusal } from './refusal.ts'
import type { Enlisted } from './transactions.ts'

export interface BrokerOptions {
  /** Where the messages are kept: a folder, which the broker then has for itself … */
  readonly home?: string
  /** … or a journal that the caller opens, and disposes after {@link Broker.stop}. */
  readonly journal?: Journal
  /** Size of one file of its own journal. */
  readonly segmentBytes?: number
  readonly log: Log
  readonly clock?: Clock
  /** 0 for any free one. */
  readonly port: number
  /** Loopback unless users are given. */
  readonly host?: string
  /** Names and passwords. Without any, everybody on this machine may come in. */
  readonly users?: Users
  /** PEM. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer }
  readonly deadLetterQueue?: string
  /** A message that failed this often goes to the dead-letter queue. */
  readonly maxDeliveries?: number
  readonly maxFrameSize?: number
  readonly maxMessageSize?: number
  readonly maxConnections?: number
  readonly idleTimeoutMs?: number
  /** How many ids, and for how long, are remembered per queue to recognise a resend. */
  readonly duplicateWindow?: { readonly count: number; readonly ageMs: number }
}

export interface QueueStatus {
  readonly name: string
  /** Messages held, those being worked on included. */
  readonly depth: number
  readonly consumers: number
  readonly temporary: boolean
}

export interface Broker extends AsyncDisposable {
  readonly address: { readonly host: string; readonly port: number; readonly url: string }
  /** By name. */
  queues(): readonly QueueStatus[]
  /** Clients connected now. */
  readonly connections: number
  /** Resends that were recognised and not stored again. */
  readonly duplicates: number
  /** Refuses new clients, gives back what is on loan, lets what was sent be stored, and closes. */
  stop(): Promise<void>
}

export const defaults = {
  port: 61616,
  host: '127.0.0.1',
  deadLetterQueue: 'DLQ',
  /** High, because a processor counts its own attempts: the broker's limit must not come first (messaging-peers §0). */
  maxDeliveries: 1000,
  maxFrameSize: 128 * 1024,
  maxMessageSize: 64 * 1024 * 1024,
  maxConnections: 1000,
  idleTimeoutMs: 30_000,
  duplicateWindow: { count: 50_000, ageMs: 24 * 60 * 60 * 1000 },
} as const

const MOST_QUEUES = 10_000

/** How long clients have to say goodbye. */
const GOODBYE = 1000

/** Opens the embedded AMQP 1.0 broker. It is for one machine: several of them do not know of one another. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const host = options.host ?? defaults.host
  if (Object.keys(options.users ?? {}).length === 0 && !isLoopback(host)) {
    throw new IntegrationError(
      'SETTING_INVALID',
      `the broker would be open to everybody on ${host}: give it a user name and a password, or let it listen on 127.0.0.1`,
    )
  }
  const journal = options.journal ?? (await openOwn(options))
  const broker = new EmbeddedBroker(options, host, journal)
  try {
    await broker.listen(options.port)
  } catch (thrown) {
    await broker.stop()
    throw thrown
  }
  return broker
}

/** The folder of the broker's journal inside its home. */
export function dataFolder(home: string): string {
  return join(home, 'broker')
}

function openOwn({ home, clock, log, segmentBytes }: BrokerOptions): Promise<Journal> {
  if (home === undefined) throw new TypeError('the broker needs a home or a journal')
  const size = segmentBytes === undefined ? {} : { segmentBytes }
  return openJournal({ folder: dataFolder(home), clock: clock ?? systemClock, log, ...size })
}

class EmbeddedBroker implements Broker {
  readonly #options: BrokerOptions
  readonly #host: string
  readonly #journal: Journal
  readonly #clock: Clock
  readonly #log: Log
  readonly #commits: Commits
  readonly #container = rhea.create_container({ id: 'holdfast' })
  readonly #queues = new Map<string, BrokerQueue>()
  readonly #clients = new Set<Client>()
  readonly #server: Server
  #stopping: Promise<void> | null = null
  #quiet: (() => void) | null = null

  constructor(options: BrokerOptions, host: string, journal: Journal) {
    this.#options = options
    this.#host = host
    this.#journal = journal
    this.#clock = options.clock ?? systemClock
    this.#log = options.log
    this.#commits = new Commits(journal, this.#clock, this.#log, options.duplicateWindow ?? defaults.duplicateWindow)
    offerLogin(this.#container, options.users ?? {}, this.#clock, this.#log)
    // Errors nobody else took: rhea emits them here, and without a listener they would end the process.
    this.#container.on('error', (error: unknown) =>
      this.#log.warn('a client ended with an error', { error: textOf(error) }),
    )
    this.#server = options.tls
      ? createTlsServer({ key: options.tls.key, cert: options.tls.cert }, socket => this.#came(socket))
      : createTcpServer(socket => this.#came(socket))
    this.#server.on('tlsClientError', (error: unknown) =>
      this.#log.debug('a TLS handshake failed', { error: textOf(error) }),
    )
    for (const name of journal.queueNames()) this.#make(name, false)
  }

  get address(): Broker['address'] {
    const { port } = this.#server.address() as AddressInfo
    const host = this.#host.includes(':') ? `[${this.#host}]` : this.#host
    return { host: this.#host, port, url: `${this.#options.tls ? 'amqps' : 'amqp'}://${host}:${port}` }
  }

  get connections(): number {
    return this.#clients.size
  }

  get duplicates(): number {
    return this.#commits.duplicates
  }

  queues(): readonly QueueStatus[] {
    return [...this.#queues.values()]
      .map(({ name, depth, consumers, temporary }) => ({ name, depth, consumers, temporary }))
      .sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', error => reject(cannotListen(error, this.#host, port)))
      this.#server.listen({ port, host: this.#host }, () => {
        this.#server.removeAllListeners('error')
        this.#server.on('error', error => this.#log.error('the broker cannot accept a connection', { error }))
        resolve()
      })
    })
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(): Promise<void> {
    this.#server.close()
    await this.#commits.settled()
    const quiet = new Promise<void>(resolve => {
      this.#quiet = resolve
    })
    for (const client of this.#clients) client.stop()
    const patience = this.#clock.after(GOODBYE, () => {
      for (const client of this.#clients) client.destroy()
    })
    if (this.#clients.size > 0) await quiet
    patience.cancel()
    await this.#commits.settled()
    for (const queue of this.#queues.values()) queue.close()
    if (!this.#options.journal) await this.#journal[Symbol.asyncDispose]()
  }

  #came(socket: Socket): void {
    socket.setNoDelay(true)
    // rhea listens, too, but only while it thinks the connection open.
    socket.on('error', () => {})
    const most = this.#options.maxConnections ?? defaults.maxConnections
    if (this.#stopping || this.#clients.size >= most) {
      if (!this.#stopping) this.#log.warn('a client was turned away: too many connections', { most })
      socket.destroy()
      return
    }
    const { maxFrameSize, maxMessageSize, idleTimeoutMs } = this.#options
    const client = new Client(socket, {
      container: this.#container,
      limits: {
        maxFrameSize: maxFrameSize ?? defaults.maxFrameSize,
        maxMessageSize: maxMessageSize ?? defaults.maxMessageSize,
        idleTimeout: idleTimeoutMs ?? defaults.idleTimeoutMs,
      },
      clock: this.#clock,
      log: this.#log,
      queue: name => this.#queue(name),
      together: { commit: (puts, removals) => this.#together(puts, removals) },
      temporaryQueue: () => this.#make(`temporary.${randomUUID()}`, true),
      dropTemporary: queue => {
        queue.close()
        this.#queues.delete(queue.name)
      },
      gone: left => {
        this.#clients.delete(left)
        if (this.#clients.size === 0) this.#quiet?.()
      },
    })
    this.#clients.add(client)
  }

  /** What is kept over a restart in one commit; temporary queues follow it. */
  async #together(puts: readonly Enlisted[], removals: readonly Loan[]): Promise<void> {
    await this.#commits.together(
      puts.flatMap(({ queue, arrival }) => (queue.durable ? [{ queue: queue.durable, arrival }] : [])),
      removals.flatMap(({ queue, lease }) => (queue.durable ? [{ queue: queue.durable, slot: lease.slot }] : [])),
    )
    for (const { queue, arrival } of puts) if (!queue.durable) queue.put(arrival, () => {})
    for (const { queue, lease } of removals) if (!queue.durable) queue.remove(lease)
  }

  #queue(name: string): BrokerQueue | Refusal {
    const known = this.#queues.get(name)
    if (known) return known
    // The names of temporary queues are ours: one that is not there is one that is gone.
    if (name.startsWith('temporary.')) return refusals.gone(name)
    if (this.#queues.size >= MOST_QUEUES) return refusals.tooManyQueues(MOST_QUEUES)
    return this.#make(name, false)
  }

  #make(name: string, temporary: boolean): BrokerQueue {
    const { maxDeliveries, deadLetterQueue } = this.#options
    const deadLetters = deadLetterQueue ?? defaults.deadLetterQueue
    const queue = new BrokerQueue(name, temporary, {
      journal: this.#journal,
      commits: this.#commits,
      clock: this.#clock,
      log: this.#log,
      maxDeliveries: maxDeliveries ?? defaults.maxDeliveries,
      deadLetters:
        temporary || name === deadLetters
          ? undefined
          : () => this.#queues.get(deadLetters) ?? this.#make(deadLetters, false),
    })
    this.#queues.set(name, queue)
    return queue
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

function cannotListen(error: unknown, host: string, port: number): IntegrationError {
  if (systemCode(error) === 'EADDRINUSE') {
    return new IntegrationError(
      'PORT_IN_USE',
      `port ${port} on ${host} is taken, perhaps by another broker. Stop that one, or choose another port with --port`,
      { cause: error },
    )
  }
  return new IntegrationError('SETTING_INVALID', `the broker cannot listen on ${host}:${port}: ${textOf(error)}`, {
    cause: error,
  })
}
