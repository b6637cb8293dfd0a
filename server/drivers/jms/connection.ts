import type { Clock, Timer } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/contracts.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import type { Dial, Dialer, Live } from './contracts.ts'
import { addressOf, keyOf } from './target.ts'
import type { BrokerHost, BrokerTarget } from './target.ts'

export interface ConnectionStatus {
  readonly state: 'connecting' | 'ready' | 'failed'
  readonly reason?: string
  readonly since: number
}

export interface JmsSurroundings {
  readonly clock: Clock
  readonly log: Log
  /** Between 0 and 1; spreads reconnects so that many servers do not come back in step. */
  readonly random: () => number
  readonly dialer: Dialer
}

/** One host that takes no connection must not use up the time of the others. */
const DIAL_DEADLINE = 5000

/** A message that finds the broker away tries it again, but a flood of messages does not become a flood of attempts. */
const ATTEMPT_SPACING = 200

/** A wrong password stays wrong for a while, and many brokers lock out whoever insists. */
const LOGIN_SPACING = 5000

/**
 * The one connection to a broker for one user. It opens when first needed and from then on comes back by itself,
 * walking the host list with growing pauses.
 */
export class JmsConnection {
  readonly #target: BrokerTarget
  readonly #around: JmsSurroundings
  readonly #dial: Dial
  #live: Live | null = null
  #attempt: Promise<Live> | null = null
  #status: ConnectionStatus
  #lastError: IntegrationError | null = null
  #host: number
  #learned: readonly BrokerHost[] = []
  #failures = 0
  #attemptEnded = Number.NEGATIVE_INFINITY
  #timer: Timer | null = null
  readonly #closing = new AbortController()
  readonly #listeners = new Set<(status: ConnectionStatus) => void>()

  constructor(target: BrokerTarget, around: JmsSurroundings) {
    this.#target = target
    this.#around = around
    this.#dial = around.dialer()
    this.#host = target.reconnecting.randomize ? Math.floor(around.random() * target.hosts.length) : 0
    this.#status = { state: 'connecting', reason: 'it connects when it is first used', since: around.clock.now() }
  }

  get status(): ConnectionStatus {
    return this.#status
  }

  /** Where it is, or would be, connected; for people. */
  get address(): string {
    return this.#live ? addressOf(this.#live.host) : this.#target.hosts.map(addressOf).join(', ')
  }

  onStatus(listener: (status: ConnectionStatus) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The open connection, if there is one at this moment. */
  get live(): Live | null {
    return this.#live
  }

  /**
   * The open connection, opening it if need be. While the broker is away it is tried again at once, so that nobody
   * waits for a pause to end; the answer is quick when nothing listens and takes `deadlineMs` at most.
   */
  open(deadlineMs: number): Promise<Live> {
    if (this.#live) return Promise.resolve(this.#live)
    if (this.#closed) return Promise.reject(new IntegrationError('STORE_UNAVAILABLE', 'the connection is closed'))
    const { clock } = this.#around
    if (!this.#attempt) {
      const spacing = this.#lastError?.code === 'BROKER_REFUSED' ? LOGIN_SPACING : ATTEMPT_SPACING
      if (this.#lastError && clock.monotonic() - this.#attemptEnded < spacing) return Promise.reject(this.#lastError)
      this.#try()
    }
    const attempt = this.#attempt!
    return new Promise((resolve, reject) => {
      const timer = clock.after(deadlineMs, () =>
        reject(
          new IntegrationError(
            'STORE_UNAVAILABLE',
            `the broker at ${this.address} did not answer within ${deadlineMs} ms`,
          ),
        ),
      )
      attempt.then(resolve, reject).finally(() => timer.cancel())
    })
  }

  /** Starts connecting without waiting for the outcome. */
  wake(): void {
    if (!this.#closed && !this.#live && !this.#attempt && !this.#timer) this.#try()
  }

  close(): void {
    if (this.#closed) return
    this.#closing.abort()
    this.#timer?.cancel()
    this.#timer = null
    this.#live?.close()
    this.#live = null
    this.#listeners.clear()
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted
  }

  #try(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#status.state !== 'failed') this.#tell('connecting')
    const attempt = this.#walk()
    this.#attempt = attempt
    attempt.then(
      live => this.#opened(live),
      (thrown: unknown) => this.#failed(asIntegrationError(thrown)),
    )
  }

  /** Every host once, beginning with the one that worked last. */
  async #walk(): Promise<Live> {
    const hosts = this.#hosts
    let last: IntegrationError | undefined
    for (let tried = 0; tried < hosts.length && !this.#closed; tried++) {
      try {
        const host = hosts[this.#host % hosts.length]!
        return await this.#dial(host, this.#target, this.#around.clock, DIAL_DEADLINE, this.#closing.signal)
      } catch (thrown) {
        last = asIntegrationError(thrown)
        this.#host = (this.#host + 1) % hosts.length
      }
    }
    throw last ?? new IntegrationError('STORE_UNAVAILABLE', 'the connection is closed')
  }

  /** The hosts of the address, and those that the broker has named as its backups. */
  get #hosts(): readonly BrokerHost[] {
    return [...this.#target.hosts, ...this.#learned]
  }

  #learn(backups: readonly BrokerHost[]): void {
    const named = new Set(this.#target.hosts.map(addressOf))
    const learned = backups.filter(host => !named.has(addressOf(host)))
    if (learned.length === 0) return
    const places = learned.map(addressOf).join(', ')
    if (places !== this.#learned.map(addressOf).join(', '))
      this.#around.log.info('the broker names a backup, which is used should it die', { backup: places })
    this.#learned = learned
  }

  #opened(live: Live): void {
    this.#attempt = null
    if (this.#closed) return live.close()
    this.#live = live
    this.#learn(live.backups ?? [])
    this.#failures = 0
    this.#lastError = null
    const { host, peer, protocol } = live
    this.#around.log.info('connected to the broker', { broker: addressOf(host), product: peer.product, protocol })
    this.#tell('ready')
    live.onGone(why => {
      if (this.#live !== live) return
      this.#live = null
      if (!this.#closed) this.#failed(why)
    })
  }

  #failed(why: IntegrationError): void {
    this.#attempt = null
    this.#attemptEnded = this.#around.clock.monotonic()
    if (this.#closed) return
    // Losing a connection that worked is no reason to hold the next attempt back.
    const wasReady = this.#status.state === 'ready'
    if (wasReady) this.#attemptEnded = Number.NEGATIVE_INFINITY
    if (this.#status.state !== 'failed')
      this.#around.log.warn('the broker cannot be used; trying again until it can', { reason: why.message })
    this.#lastError = why
    this.#tell('failed', why.message)
    if (!this.#timer) this.#timer = this.#around.clock.after(this.#pause(why), () => this.#try())
  }

  #pause(why: IntegrationError): number {
    const { initialDelay, maxDelay, factor } = this.#target.reconnecting
    const grown = Math.min(maxDelay, initialDelay * factor ** this.#failures++)
    const pause = why.code === 'BROKER_REFUSED' ? Math.max(grown, LOGIN_SPACING) : grown
    return pause * (0.75 + this.#around.random() / 2)
  }

  #tell(state: ConnectionStatus['state'], reason?: string): void {
    const since = state === this.#status.state ? this.#status.since : this.#around.clock.now()
    this.#status = { state, since, ...(reason !== undefined && { reason }) }
    for (const listener of this.#listeners) listener(this.#status)
  }
}

/** The connections of one server: everybody who names the same broker and user shares one. */
export class JmsConnections {
  readonly #around: JmsSurroundings
  readonly #shared = new Map<string, { readonly connection: JmsConnection; users: number }>()

  constructor(around: JmsSurroundings) {
    this.#around = around
  }

  /** Give it back with {@link leave}. */
  join(target: BrokerTarget): JmsConnection {
    const key = keyOf(target)
    let entry = this.#shared.get(key)
    if (!entry) {
      entry = { connection: new JmsConnection(target, this.#around), users: 0 }
      this.#shared.set(key, entry)
    }
    entry.users++
    return entry.connection
  }

  /** The last one to leave closes the connection. */
  leave(target: BrokerTarget): void {
    const key = keyOf(target)
    const entry = this.#shared.get(key)
    if (!entry || --entry.users > 0) return
    this.#shared.delete(key)
    entry.connection.close()
  }
}
