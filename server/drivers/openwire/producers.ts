import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import type { JmsMessage } from '../jms/contracts.ts'
import type { Channel } from './channel.ts'
import type { Destination } from './commands.ts'
import type { Identity, Slot } from './identity.ts'
import { encodeMessage } from './message.ts'
import type { SentNote } from './sent-notes.ts'

const SESSION = 1

export type Outcome =
  | { readonly kind: 'confirmed' }
  /** By the broker's answer, or because it cannot be sent at all. */
  | { readonly kind: 'refused'; readonly why: IntegrationError }
  /** With the connection; `sent`: the broker may have it. */
  | { readonly kind: 'lost'; readonly why: IntegrationError; readonly sent: boolean }

/** A message on its way. */
export interface Shipment {
  readonly message: JmsMessage
  readonly destination: Destination
  /** By which it is known again when it is sent once more. */
  readonly key: string | undefined
  /** It is sent once more even after a crash of ours. */
  readonly kept: boolean
  /** Called once, unless it was withdrawn. */
  readonly done: (outcome: Outcome) => void
}

/**
 * The producers of one connection, which is theirs alone: a broker that is full stops reading from whoever sends, and
 * acknowledgements behind such a send would wait, too.
 */
export class Producers {
  readonly #identity: Identity
  readonly #open: (connectionId: string) => Promise<Channel>
  readonly #now: () => number
  readonly #compress: boolean
  #channel: Channel | null = null
  /** For messages that an earlier process has sent, as it was called then. */
  readonly #past = new Set<Channel>()
  #opening = false
  /** Known to the broker on this channel. */
  #introduced = new Set<number>()
  #waiting: Shipment[] = []
  #closed: IntegrationError | null = null

  constructor(
    identity: Identity,
    open: (connectionId: string) => Promise<Channel>,
    now: () => number,
    compress: boolean,
  ) {
    this.#identity = identity
    this.#open = open
    this.#now = now
    this.#compress = compress
  }

  ship(shipment: Shipment): void {
    if (this.#closed) return shipment.done({ kind: 'lost', why: this.#closed, sent: false })
    this.#waiting.push(shipment)
    this.#pump()
  }

  /** Nobody waits for this one any more: it is not sent. False if it was. */
  withdraw(shipment: Shipment): boolean {
    const at = this.#waiting.indexOf(shipment)
    if (at >= 0) this.#waiting.splice(at, 1)
    return at >= 0
  }

  isWaiting(shipment: Shipment): boolean {
    return this.#waiting.includes(shipment)
  }

  /** A broker that does not answer one does not answer the others either. */
  abandon(why: IntegrationError): void {
    this.#channel?.lose(why)
    for (const channel of this.#past) channel.lose(why)
  }

  close(why: IntegrationError): void {
    if (this.#closed) return
    this.#closed = why
    this.#channel?.close(why)
    for (const channel of this.#past) channel.close(why)
    this.#refuse(why)
  }

  #pump(): void {
    if (this.#channel?.gone) this.#channel = null
    if (!this.#channel && this.#waiting.length > 0) return void this.#connect()
    while (this.#waiting.length > 0 && this.#channel && !this.#channel.gone) {
      const [shipment] = this.#waiting
      const past = this.#identity.past(shipment!.key)
      const slot = past ? undefined : this.#identity.take(shipment!.key)
      if (!past && !slot) return
      this.#waiting.shift()
      if (past) void this.#sendAgain(past, shipment!)
      else void this.#sendBy(slot!, this.#channel, shipment!)
    }
  }

  async #connect(): Promise<void> {
    if (this.#opening || this.#closed) return
    this.#opening = true
    try {
      const channel = await this.#open(this.#identity.connectionId)
      if (this.#closed) return channel.close(this.#closed)
      if (channel.gone) return this.#refuse(channel.gone)
      this.#channel = channel
      this.#introduced.clear()
      beginSession(channel)
      channel.onGone(() => this.#pump())
    } catch (thrown) {
      this.#refuse(asIntegrationError(thrown))
    } finally {
      this.#opening = false
    }
    this.#pump()
  }

  async #sendBy(slot: Slot, channel: Channel, shipment: Shipment): Promise<void> {
    const { key } = shipment
    if (shipment.kept && key !== undefined) {
      await this.#identity.note(slot, key)
      if (channel.gone) {
        // The number is noted for this message: no other one may pass it by.
        this.#identity.give(slot, false, key)
        return shipment.done({ kind: 'lost', why: channel.gone, sent: false })
      }
    }
    this.#write(channel, slot, shipment, async outcome => {
      // It may be sent again by another process.
      if (outcome.kind === 'lost' && key !== undefined) void this.#identity.note(slot, key)
      if (outcome.kind === 'refused' && !(await this.#identity.forget(key))) this.#identity.retire(slot)
      else this.#identity.give(slot, outcome.kind !== 'lost', key)
      shipment.done(outcome)
      this.#pump()
    })
  }

  /** As the process was called that sent it first: the broker drops it if it has it. */
  async #sendAgain(past: SentNote, shipment: Shipment): Promise<void> {
    let channel: Channel
    try {
      channel = await this.#open(past.connectionId)
    } catch (thrown) {
      return shipment.done({ kind: 'lost', why: asIntegrationError(thrown), sent: false })
    }
    if (this.#closed) {
      channel.close(this.#closed)
      return shipment.done({ kind: 'lost', why: this.#closed, sent: false })
    }
    this.#past.add(channel)
    channel.onGone(() => this.#past.delete(channel))
    beginSession(channel)
    this.#write(channel, past, shipment, async outcome => {
      if (outcome.kind === 'refused') await this.#identity.forget(shipment.key)
      channel.close(new IntegrationError('STORE_UNAVAILABLE', 'the message sent again has its answer'))
      shipment.done(outcome)
    })
  }

  #write(
    channel: Channel,
    { producer, sequence }: { readonly producer: number; readonly sequence: number },
    { message, destination }: Shipment,
    ended: (outcome: Outcome) => Promise<void>,
  ): void {
    const producerId = {
      name: 'ProducerId',
      connectionId: channel.connectionId,
      sessionId: SESSION,
      value: producer,
    } as const
    try {
      // A producer with a destination would send everything there (messaging-peers §4.3).
      const introduced = channel === this.#channel && this.#introduced.has(producer)
      if (!introduced) channel.tell({ name: 'ProducerInfo', producerId })
      if (channel === this.#channel) this.#introduced.add(producer)
      const sending = { destination, producerId, sequence, compress: this.#compress, now: this.#now() }
      channel.request(encodeMessage(message, sending), why => {
        const lost = channel.gone
        if (lost) void ended({ kind: 'lost', why: lost, sent: true })
        else void ended(why ? { kind: 'refused', why } : { kind: 'confirmed' })
      })
    } catch (thrown) {
      // It was not written: too long, or not to be encoded.
      void ended({ kind: 'refused', why: asIntegrationError(thrown) })
    }
  }

  #refuse(why: IntegrationError): void {
    for (const shipment of this.#waiting.splice(0)) shipment.done({ kind: 'lost', why, sent: false })
  }
}

function beginSession(channel: Channel): void {
  const sessionId = { name: 'SessionId', connectionId: channel.connectionId, value: SESSION } as const
  channel.tell({ name: 'SessionInfo', sessionId })
}
