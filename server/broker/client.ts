import type { Socket } from 'node:net'
import type { Connection, Container, EventContext, Receiver, Sender, Session } from 'rhea'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/contracts.ts'
import { textOf } from '../kernel/errors.ts'
import { DEPTH_PROPERTY } from '../drivers/amqp/index.ts'
import {
  afterOutcomes,
  corkBursts,
  limitFrames,
  loginFailed,
  noticeCoordinators,
  onFlow,
  stopTimers,
  tameSession,
} from '../drivers/amqp/rhea.ts'
import { SettleQueue } from '../drivers/amqp/settle-queue.ts'
import { queueNameOf } from './address.ts'
import type { RequestedTerminus } from './address.ts'
import { Browser } from './browser.ts'
import { CoordinatorLink, noticeTransactions } from './coordinator.ts'
import { Inlet } from './inlet.ts'
import { Outlet } from './outlet.ts'
import type { BrokerQueue } from './queue.ts'
import type { Arrival } from './record.ts'
import { refusals } from './refusal.ts'
import type { Refusal } from './refusal.ts'
import { Transactions } from './transactions.ts'
import type { Together } from './transactions.ts'

export interface ClientLimits {
  readonly maxFrameSize: number
  readonly maxMessageSize: number
  readonly idleTimeout: number
}

export interface ClientParts {
  readonly container: Container
  readonly limits: ClientLimits
  readonly clock: Clock
  readonly log: Log
  /** Finds or makes the durable queue, or finds the temporary one, of that name. */
  readonly queue: (name: string) => BrokerQueue | Refusal
  readonly temporaryQueue: () => BrokerQueue
  /** Keeps what a transaction has done, or nothing of it. */
  readonly together: Together
  readonly dropTemporary: (queue: BrokerQueue) => void
  readonly gone: (client: Client) => void
}

/** What runs on one link. */
interface Work {
  flowed?(): void
  end(abruptly: boolean): void
}

interface SessionWork {
  readonly settlements: SettleQueue
  readonly coordinators: Set<string>
  readonly links: Map<Sender | Receiver, Work>
}

/** Long enough for a slow login, short enough that silent connections do not pile up. */
const OPEN_DEADLINE = 10_000
const MOST_SESSIONS = 256
const MOST_LINKS = 1024

/** One client's connection. Whatever it sends, the worst that can happen is that it loses this connection. */
export class Client {
  readonly #parts: ClientParts
  readonly #socket: Socket
  readonly #connection: Connection
  readonly #sessions = new Map<Session, SessionWork>()
  readonly #temporary = new Set<BrokerQueue>()
  readonly #transactions: Transactions
  #links = 0
  #orderly = false

  constructor(socket: Socket, parts: ClientParts) {
    const { container, limits, clock } = parts
    this.#parts = parts
    this.#transactions = new Transactions(parts.together)
    this.#socket = corkBursts(socket)
    const connection = container.create_connection({
      host: socket.remoteAddress ?? '',
      port: socket.remotePort ?? 0,
      reconnect: false,
      container_id: 'holdfast',
      max_frame_size: limits.maxFrameSize,
      idle_time_out: limits.idleTimeout,
      channel_max: MOST_SESSIONS - 1,
      properties: { product: 'Holdfast', version: '1' },
      sender_options: { autosettle: true, treat_modified_as_released: false } as object,
      receiver_options: { autoaccept: false, credit_window: 0, max_message_size: limits.maxMessageSize },
    })
    this.#connection = connection
    limitFrames(connection, limits.maxFrameSize)
    const opening = clock.after(OPEN_DEADLINE, () => socket.destroy())
    socket.once('close', () => {
      opening.cancel()
      this.#closed()
    })
    connection.on('connection_open', () => {
      opening.cancel()
      socket.off('data', loginRead)
    })
    connection.on('session_open', ({ session }: EventContext) => this.#sessionOpened(session!))
    connection.on('session_close', ({ session }: EventContext) => afterOutcomes(() => this.#sessionEnded(session!)))
    connection.on('sender_open', ({ sender }: EventContext) => this.#consumerCame(sender!))
    connection.on('receiver_open', ({ receiver }: EventContext) => this.#producerCame(receiver!))
    connection.on('sender_close', ({ sender }: EventContext) => afterOutcomes(() => this.#linkEnded(sender!)))
    connection.on('receiver_close', ({ receiver }: EventContext) => afterOutcomes(() => this.#linkEnded(receiver!)))
    connection.on('connection_close', () => {
      this.#orderly = true
    })
    for (const event of ['protocol_error', 'error']) connection.on(event, (error: unknown) => this.#broke(error))
    // The close events that follow these do the work; without a listener rhea would end the process.
    for (const event of ['connection_error', 'session_error', 'sender_error', 'receiver_error', 'disconnected'])
      connection.on(event, () => {})
    connection['accept'](socket)
    // Behind rhea's own listener. It leaves a connection open for as many guesses as somebody likes to make.
    const loginRead = (): void => {
      if (loginFailed(connection)) socket.end()
    }
    socket.on('data', loginRead)
  }

  /** Tells the client to go elsewhere; its unsettled messages are given back uncounted. */
  stop(): void {
    this.#orderly = true
    for (const session of this.#sessions.keys()) this.#sessionEnded(session)
    this.#connection.close({ ...refusals.stopping })
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #broke(error: unknown): void {
    this.#parts.log.debug('a client broke the protocol and was disconnected', {
      client: this.#socket.remoteAddress,
      error: textOf(error),
    })
    this.#socket.destroy()
  }

  #closed(): void {
    stopTimers(this.#connection)
    for (const { links } of this.#sessions.values()) for (const work of links.values()) work.end(!this.#orderly)
    this.#sessions.clear()
    for (const queue of this.#temporary) this.#parts.dropTemporary(queue)
    this.#temporary.clear()
    this.#parts.gone(this)
  }

  #sessionOpened(session: Session): void {
    if (this.#sessions.size >= MOST_SESSIONS) {
      session.close({ ...refusals.tooManySessions(MOST_SESSIONS) })
      return
    }
    const work: SessionWork = { settlements: new SettleQueue(), coordinators: new Set(), links: new Map() }
    this.#sessions.set(session, work)
    tameSession(session, this.#parts.limits.maxMessageSize)
    noticeCoordinators(session, name => work.coordinators.add(name))
    noticeTransactions(session, (delivery, id, outcome, settled) => {
      const outlet = work.links.get(delivery.link as Sender)
      if (outlet instanceof Outlet) outlet.enlist(delivery, this.#transactions.find(id), outcome, settled)
    })
    onFlow(session, () =>
      afterOutcomes(() => {
        for (const link of work.links.values()) link.flowed?.()
      }),
    )
  }

  #sessionEnded(session: Session): void {
    const work = this.#sessions.get(session)
    if (!work) return
    this.#sessions.delete(session)
    this.#links -= work.links.size
    for (const link of work.links.values()) link.end(false)
  }

  #linkEnded(link: Sender | Receiver): void {
    const links = this.#sessions.get(link.session)?.links
    const work = links?.get(link)
    if (!work) return
    links!.delete(link)
    this.#links--
    work.end(false)
  }

  /** Refuses the link unless there is a session and room for it. */
  #roomFor(link: Sender | Receiver): SessionWork | undefined {
    const work = this.#sessions.get(link.session)
    if (!work || this.#links >= MOST_LINKS) {
      link.close({ ...refusals.tooManyLinks(MOST_LINKS) })
      return undefined
    }
    this.#links++
    return work
  }

  #producerCame(link: Receiver): void {
    const target = (link.target ?? {}) as RequestedTerminus
    if (this.#sessions.get(link.session)?.coordinators.delete(link.name)) return this.#coordinatorCame(link)
    const anonymous = !target.address && !target.dynamic
    const queue = anonymous ? null : this.#queueOf(target)
    if (queue && 'condition' in queue) return link.close({ ...queue })
    const accepted = this.#roomFor(link)
    if (!accepted) return
    link.set_source((link.source ?? {}) as Parameters<Receiver['set_source']>[0])
    link.set_target({ ...link.target, address: queue?.name ?? '', dynamic: target.dynamic ?? false } as Parameters<
      Receiver['set_target']
    >[0])
    const { clock, limits } = this.#parts
    const queueFor = queue ? () => queue : (arrival: Arrival) => this.#queueOf({ address: arrival.to ?? null })
    const inlet = new Inlet({
      link,
      queueFor,
      settlements: accepted.settlements,
      transaction: id => this.#transactions.find(id),
      clock,
      maxMessageSize: limits.maxMessageSize,
    })
    accepted.links.set(link, inlet)
  }

  #consumerCame(link: Sender): void {
    const source = (link.source ?? {}) as RequestedTerminus
    const queue = this.#queueOf(source)
    if ('condition' in queue) return link.close({ ...queue })
    const work = this.#roomFor(link)
    if (!work) return
    const local = link as unknown as { local: { attach: { properties?: object; snd_settle_mode?: number } } }
    local.local.attach.properties = { [DEPTH_PROPERTY]: queue.depth }
    if (link.snd_settle_mode === 1) local.local.attach.snd_settle_mode = 1
    link.set_source({ ...link.source, address: queue.name, dynamic: source.dynamic ?? false } as Parameters<
      Sender['set_source']
    >[0])
    link.set_target((link.target ?? {}) as Parameters<Sender['set_target']>[0])
    const log = this.#parts.log
    work.links.set(
      link,
      source.distribution_mode === 'copy' ? new Browser(link, queue, log) : new Outlet(link, queue, log),
    )
  }

  #coordinatorCame(link: Receiver): void {
    const work = this.#roomFor(link)
    if (!work) return
    link.set_source((link.source ?? {}) as Parameters<Receiver['set_source']>[0])
    work.links.set(link, new CoordinatorLink(link, this.#transactions, work.settlements))
  }

  #queueOf(terminus: RequestedTerminus): BrokerQueue | Refusal {
    if (terminus.dynamic) {
      const queue = this.#parts.temporaryQueue()
      this.#temporary.add(queue)
      return queue
    }
    const name = queueNameOf(terminus)
    return typeof name === 'string' ? this.#parts.queue(name) : name
  }
}
