import type { Timer } from '../../kernel/clock.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import type {
  JmsMessage,
  Live,
  Outgoing,
  ReceivingParts,
  SendingParts,
  Session,
  SessionParts,
} from '../jms/contracts.ts'
import { Lost } from '../jms/lost.ts'
import { BrokerException } from './channel.ts'
import type { Channel } from './channel.ts'
import type { Structure } from './commands.ts'
import { OpenWireIncoming } from './incoming.ts'
import { destinationOf, encodeMessage } from './message.ts'

const BEGIN = 0
const COMMIT = 2
const ROLLBACK = 4

/** Local transactions, one after the other, on a connection of their own. */
export class OpenWireSession implements Session {
  readonly live: Live
  readonly #channel: Channel
  readonly #session: number
  readonly #compress: boolean
  readonly #parts: SessionParts
  readonly #receivers = new Set<OpenWireIncoming>()
  #transaction: Structure<'LocalTransactionId'> | null = null

  constructor(live: Live, channel: Channel, session: number, compress: boolean, parts: SessionParts) {
    this.live = live
    this.#channel = channel
    this.#session = session
    this.#compress = compress
    this.#parts = parts
  }

  get gone(): IntegrationError | null {
    return this.#channel.gone
  }

  openSender(parts: SendingParts): Outgoing {
    return new TransactedOutgoing(this, this.#channel, this.#session, this.#compress, parts)
  }

  openReceiver(parts: ReceivingParts): OpenWireIncoming {
    const { from } = parts
    if (from === 'temporary')
      throw new IntegrationError('STORE_UNAVAILABLE', 'a reply that a transaction waits for could never come')
    const receiver = new OpenWireIncoming(this.#channel, this.#session, parts, from, this)
    this.#receivers.add(receiver)
    return receiver
  }

  transaction(): Structure<'LocalTransactionId'> {
    if (this.#transaction) return this.#transaction
    const connectionId = { name: 'ConnectionId', value: this.#channel.connectionId } as const
    this.#transaction = { name: 'LocalTransactionId', value: this.#channel.newId(), connectionId }
    this.#channel.tell({ name: 'TransactionInfo', connectionId, transactionId: this.#transaction, type: BEGIN })
    return this.#transaction
  }

  async commit(): Promise<void> {
    let committed = false
    try {
      await this.#finish(COMMIT)
      committed = true
    } finally {
      await this.#ended(committed)
    }
  }

  async rollback(): Promise<void> {
    try {
      await this.#finish(ROLLBACK)
    } finally {
      await this.#ended(false)
    }
  }

  async close(): Promise<void> {
    if (this.#channel.gone) return
    try {
      await this.rollback()
    } finally {
      this.#channel.close(new IntegrationError('STORE_UNAVAILABLE', 'the session was closed by us'))
    }
  }

  /** Everything before it on this connection has been done when it is answered. */
  async #finish(type: typeof COMMIT | typeof ROLLBACK): Promise<void> {
    const transactionId = this.#transaction
    this.#transaction = null
    if (!transactionId) return
    const { clock, deadlineMs } = this.#parts
    const channel = this.#channel
    const timer = clock.after(deadlineMs, () => channel.lose(this.#failure('it did not answer in time')))
    try {
      await channel.ask({ name: 'TransactionInfo', connectionId: transactionId.connectionId, transactionId, type })
    } catch (thrown) {
      const why = asIntegrationError(thrown)
      // An answer says that nothing was done; without one nobody knows. A broker rolls back what lost its connection.
      if (!channel.gone) throw this.#failure(why.message)
      if (type === COMMIT) throw this.#failure(`the connection is gone: ${why.message}`, true)
    } finally {
      timer.cancel()
    }
  }

  async #ended(committed: boolean): Promise<void> {
    await Promise.all([...this.#receivers].map(receiver => receiver.transactionEnded(committed)))
    for (const receiver of this.#receivers) if (receiver.over) this.#receivers.delete(receiver)
  }

  #failure(why: string, ambiguous = false): IntegrationError {
    const text = `the broker at ${this.#channel.place} did not end the transaction: ${why}`
    return new IntegrationError('STORE_UNAVAILABLE', text, { ambiguous })
  }
}

/** A way into a destination whose messages are there when the transaction is committed. */
class TransactedOutgoing implements Outgoing {
  readonly #session: OpenWireSession
  readonly #channel: Channel
  readonly #compress: boolean
  readonly #parts: SendingParts
  readonly #producerId: Structure<'ProducerId'>
  #sequence = 0
  #introduced = false
  #closed: IntegrationError | null = null

  constructor(session: OpenWireSession, channel: Channel, sessionId: number, compress: boolean, parts: SendingParts) {
    this.#session = session
    this.#channel = channel
    this.#compress = compress
    this.#parts = parts
    const { connectionId } = channel
    this.#producerId = { name: 'ProducerId', connectionId, value: channel.newId(), sessionId }
  }

  get live(): Live {
    return this.#session.live
  }

  get over(): boolean {
    return (this.#closed ?? this.#channel.gone) !== null
  }

  send(message: JmsMessage, confirmMs: number): Promise<void> {
    const channel = this.#channel
    const { clock, destination, fullness } = this.#parts
    const over = this.#closed ?? channel.gone
    if (over) return Promise.reject(over)
    return new Promise((resolve, reject) => {
      let timer: Timer | null = null
      const transactionId = this.#session.transaction()
      const producerId = this.#producerId
      if (!this.#introduced) channel.tell({ name: 'ProducerInfo', producerId })
      this.#introduced = true
      const sending = {
        destination: destinationOf(destination),
        producerId,
        sequence: ++this.#sequence,
        transactionId,
        compress: this.#compress,
        now: clock.now(),
      }
      channel.request(encodeMessage(message, sending), why => {
        timer?.cancel()
        if (!why) {
          fullness(false)
          return resolve()
        }
        if (why instanceof BrokerException && why.is('ResourceAllocation')) fullness(true, why.message)
        // Without its commit it is not there, whatever became of it.
        reject(channel.gone ? new Lost(why, false) : why)
      })
      timer = clock.after(confirmMs, () =>
        channel.lose(
          new IntegrationError(
            'STORE_UNAVAILABLE',
            `the broker at ${channel.place} did not confirm the message in time`,
          ),
        ),
      )
    })
  }

  close(): void {
    if (this.over) return
    this.#closed = new IntegrationError('STORE_UNAVAILABLE', 'the sender was closed by us')
    if (this.#introduced)
      this.#channel.tell({ name: 'RemoveInfo', objectId: this.#producerId, lastDeliveredSequenceId: -1 })
  }
}
