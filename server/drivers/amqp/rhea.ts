import type { Socket } from 'node:net'
import rhea from 'rhea'
import type { Connection, Delivery, Receiver, Sender, Session } from 'rhea'

/**
 * What rhea 3.0.5 lacks for talking to strangers, in one place. It is a good codec and state machine, but believes
 * its peer: frame sizes, element counts, delivery ranges and message sizes are taken at their word.
 */

/** The parts of rhea that its typings leave out. */
interface RheaSession {
  on_transfer(frame: TransferFrame): void
  on_disposition(frame: { performative: { first: number; last?: number | null } }): void
  on_attach(frame: { performative: { name: string; target?: { descriptor?: { value?: unknown } } | null } }): void
  _get_link(frame: TransferFrame): RheaReceiver
  on_flow(frame: unknown): void
  readonly outgoing: { available(): number; readonly next_delivery_id: number; readonly next_pending_delivery: number }
}

interface TransferFrame {
  performative: { message_format?: number | null }
  payload?: Buffer
}

interface RheaReceiver {
  credit: number
  _incomplete?: { frames: Buffer[]; bytesSoFar?: number; tooLong?: boolean }
}

interface RheaLink {
  readonly state: { readonly open_requests: number }
}

interface RheaReader {
  remaining(): number
}

/** A received delivery; `tooLong` when the message was dropped because it passed the limit. */
export type Incoming = Delivery & { readonly tooLong?: boolean }

/**
 * Any number but 0 makes rhea hand over a message as bytes instead of decoding it; ours stands for "AMQP, undecoded".
 * https://github.com/amqp/rhea: `lib/session.js`, `Incoming.prototype.on_transfer`.
 */
const UNDECODED = 1

/** More deliveries than a session can hold unsettled, so no honest disposition spans them. */
const WIDEST_DISPOSITION = 65_536

const COORDINATOR = 0x30

/** Protocol id of the SASL layer. */
const SASL = 3

refuseHollowArrays()

/** An array of a type without width takes no bytes, so its count alone decides how much memory rhea allots. */
function refuseHollowArrays(): void {
  const { prototype } = (rhea.types as unknown as { Reader: { prototype: Record<string, unknown> } }).Reader
  const readItems = prototype['read_array_items'] as (this: RheaReader, count: number, type: unknown) => unknown[]
  prototype['read_array_items'] = function (this: RheaReader, count: number, type: unknown): unknown[] {
    if (count > this.remaining()) throw new Error('an array claims more elements than it has bytes')
    return readItems.call(this, count, type)
  }
}

/** Refuses frames larger than we said we take. Call before the connection gets its socket. */
export function limitFrames(connection: Connection, largest: number): void {
  const input = connection['input'] as (this: Connection, bytes: Buffer) => void
  connection['input'] = function (this: Connection, bytes: Buffer): void {
    input.call(this, bytes)
    const waitingFor = connection['frame_size'] as number | undefined
    if (waitingFor === undefined || waitingFor <= largest) return
    connection['frame_size'] = undefined
    connection['chunks'] = null
    ;(connection['socket'] as Socket).destroy(new Error(`a frame of ${waitingFor} bytes is larger than ${largest}`))
  }
}

/**
 * Nothing that goes wrong in rhea ends the process. It writes, and tells of outcomes, in a turn of its own where nobody
 * catches; and a peer that has gone silent is given up without anybody listening to what its socket still says.
 */
export function guard(connection: Connection, broke: (error: unknown) => void): void {
  const inner = connection as unknown as { _process(): void; abort_socket(socket: Socket): void }
  const { _process: work, abort_socket: abort } = inner
  inner._process = () => {
    try {
      work.call(inner)
    } catch (thrown) {
      broke(thrown)
    }
  }
  inner.abort_socket = socket => {
    abort.call(inner, socket)
    socket.on('error', () => {})
  }
}

/** No channel: what proton-j writes for a session that it has just ended. */
const NO_CHANNEL = 0xffff

/**
 * Passes over a flow for nobody. Artemis (2.56, with a message of more than 100 kB under way) writes one after a session
 * has ended; rhea would break the connection, with everything else on it.
 */
export function passOverStrayFlows(connection: Connection): void {
  const flow = connection['on_flow'] as (this: Connection, frame: { channel: number }) => void
  connection['on_flow'] = function (this: Connection, frame: { channel: number }): void {
    if (frame.channel !== NO_CHANNEL) flow.call(this, frame)
  }
}

/** Messages come as bytes, are bounded, and a peer that breaks the rules of a session ends its connection. */
export function tameSession(session: Session, longestMessage: number): void {
  const inner = session as unknown as RheaSession
  const { on_transfer: transfer, on_disposition: disposition } = inner
  inner.on_transfer = function (frame) {
    const receiver = inner._get_link(frame)
    if (!receiver._incomplete) {
      if (receiver.credit <= 0) throw new Error('a message came without credit')
      frame.performative.message_format = UNDECODED
    }
    frame.payload ??= Buffer.alloc(0)
    const incomplete = receiver._incomplete
    if (incomplete) {
      incomplete.bytesSoFar = (incomplete.bytesSoFar ?? incomplete.frames[0]?.length ?? 0) + frame.payload.length
      if (incomplete.bytesSoFar > longestMessage) {
        incomplete.tooLong = true
        incomplete.frames.length = 0
        frame.payload = Buffer.alloc(0)
      }
    }
    transfer.call(inner, frame)
  }
  inner.on_disposition = function (frame) {
    const { first, last } = frame.performative
    if ((last ?? first) - first > WIDEST_DISPOSITION)
      throw new Error('a disposition spans more deliveries than there are')
    disposition.call(inner, frame)
  }
}

/** Tells `refuse` the names of links that ask for a transaction coordinator, which rhea would print and then attach. */
export function noticeCoordinators(session: Session, refuse: (linkName: string) => void): void {
  const inner = session as unknown as RheaSession
  const attach = inner.on_attach
  inner.on_attach = function (frame) {
    const { performative } = frame
    if (performative.target?.descriptor?.value === COORDINATOR) {
      performative.target = null
      refuse(performative.name)
    }
    attach.call(inner, frame)
  }
}

/**
 * Sends no more than the peer asked for. rhea counts credit down when it writes, at the end of the turn, so within a
 * turn `sendable()` says yes for ever; what was sent too much then waits in front of every other link of the session.
 */
export class CreditedSender {
  readonly #link: Sender
  readonly #turn: Turn
  readonly #onWritten: () => void
  #unwritten = 0

  /** `onWritten` is called when everything sent in a turn is out, so that `room` is exact again. */
  constructor(link: Sender, onWritten: () => void) {
    this.#link = link
    this.#turn = turnOf(link.session)
    this.#onWritten = onWritten
    // Behind rhea's nextTick that writes the attach: until then there is no room.
    process.nextTick(onWritten)
  }

  /** Messages that may be sent now. rhea throws at the 2049th in flight, hence `available`. */
  get room(): number {
    const { outgoing } = this.#link.session as unknown as RheaSession
    const backlog = outgoing.next_delivery_id - outgoing.next_pending_delivery
    // Something from an earlier turn still waits for the peer's window: nothing would go out before it.
    if (backlog > this.#turn.unwritten || !this.#link.is_open()) return 0
    // rhea writes transfers before attaches of the same turn, and the peer would not know the link.
    if ((this.#link as unknown as RheaLink).state.open_requests > 0) return 0
    return Math.min(creditOf(this.#link) - this.#unwritten, outgoing.available())
  }

  send(bytes: Buffer): Delivery {
    this.#unwritten++
    this.#turn.unwritten++
    const delivery = this.#link.send(bytes, undefined, 0)
    // Runs behind rhea's own nextTick, which `send` has just asked for at the latest.
    process.nextTick(this.#written)
    return delivery
  }

  readonly #written = (): void => {
    this.#turn.unwritten--
    if (--this.#unwritten === 0) this.#onWritten()
  }
}

interface Turn {
  unwritten: number
}

const turns = new WeakMap<Session, Turn>()

function turnOf(session: Session): Turn {
  let turn = turns.get(session)
  if (!turn) turns.set(session, (turn = { unwritten: 0 }))
  return turn
}

const flowListeners = new WeakMap<Session, Set<() => void>>()

/**
 * Calls back when the peer may have opened its window, until what it returns is called; rhea tells links only of flows
 * that name them.
 */
export function onFlow(session: Session, listener: () => void): () => void {
  const known = flowListeners.get(session)
  const listeners = known ?? new Set()
  listeners.add(listener)
  if (!known) {
    flowListeners.set(session, listeners)
    const inner = session as unknown as RheaSession
    const flow = inner.on_flow
    inner.on_flow = function (frame) {
      flow.call(inner, frame)
      for (const each of listeners) process.nextTick(each)
    }
  }
  return () => listeners.delete(listener)
}

/**
 * For what follows the end of a link: rhea tells of a detach while it reads, but of the outcomes that came before it
 * only at the end of the turn. Acting at once would give back messages that were accepted.
 */
export function afterOutcomes(then: () => void): void {
  process.nextTick(then)
}

/** Makes rhea write what it has not noticed by itself, such as a drain answered later. */
export function writeNow(connection: Connection): void {
  ;(connection as unknown as { _register(): void })._register()
}

/**
 * Detaches, and does what is to follow, not before the peer has opened the link: rhea forgets a session that it closed
 * so early, and the peer's `begin` then breaks the connection.
 */
export function closeOpened(link: Sender | Receiver, then: () => void): void {
  const close = (): void => {
    link.close()
    then()
  }
  if (link.is_remote_open()) close()
  else link.once(link.is_sender() ? 'sender_open' : 'receiver_open', close)
}

/** Credit that is still to be used. */
export function creditOf(link: Sender | Receiver): number {
  return (link as unknown as { credit: number }).credit
}

/** Lets nothing of a connection keep running once its socket is gone: rhea may arm a heartbeat after it. */
export function stopTimers(connection: Connection): void {
  for (const name of ['heartbeat_in', 'heartbeat_out', 'abort_idle']) {
    clearTimeout(connection[name] as NodeJS.Timeout | undefined)
    connection[name] = undefined
  }
}

/** One system call for all frames of a turn instead of one each: rhea writes frame by frame (dependencies §6). */
export function corkBursts<S extends Socket>(socket: S): S {
  const write = socket.write.bind(socket) as (...all: unknown[]) => boolean
  let corked = false
  const uncork = (): void => {
    corked = false
    socket.uncork()
  }
  socket.write = ((...all: unknown[]): boolean => {
    if (!corked) {
      corked = true
      socket.cork()
      process.nextTick(uncork)
    }
    return write(...all)
  }) as S['write']
  return socket
}

/** Whether a client of ours was refused: rhea tells it so and nobody else. */
export function loginFailed(connection: Connection): boolean {
  interface SaslServer {
    readonly outcome?: number
  }
  const layer = connection['sasl_transport'] as (SaslServer & { transports?: Record<number, SaslServer> }) | undefined
  return Boolean((layer?.transports?.[SASL] ?? layer)?.outcome)
}

/** PLAIN in UTF-8: rhea counts characters where the protocol counts bytes, and cuts such a password short. */
export function plainLogin(username: string, password: string): unknown {
  const mechanisms = rhea.sasl.client_mechanisms() as Record<string, unknown>
  const response = Buffer.from(`\0${username}\0${password}`)
  mechanisms['PLAIN'] = () => ({
    start: (answer: (error: undefined, bytes: Buffer) => void) => answer(undefined, response),
  })
  return mechanisms
}
