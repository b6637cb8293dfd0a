import { IntegrationError } from '../../kernel/errors.ts'
import type {
  JmsDestination,
  Live,
  Outgoing,
  Peer,
  ReceivingParts,
  SendingParts,
  Session,
  SessionParts,
} from '../jms/contracts.ts'
import { addressOf } from '../jms/target.ts'
import type { BrokerHost } from '../jms/target.ts'
import type { Channel } from './channel.ts'
import type { Identity } from './identity.ts'
import { OpenWireIncoming } from './incoming.ts'
import { destinationOf } from './message.ts'
import { newConnectionId, openChannel } from './open-channel.ts'
import type { Way } from './open-channel.ts'
import { OpenWireOutgoing } from './outgoing.ts'
import { Producers } from './producers.ts'
import { OpenWireSession } from './session.ts'

const ADD = 0

/** The session all receivers of a connection share that take part in no transaction. */
const SESSION = 1

/**
 * An open connection. To the broker it is several: one for all receivers, one for all producers, one for each session
 * with transactions. Classic works off the commands of a connection one after the other, and a send that it lets wait
 * holds up what is behind it.
 */
export class OpenWireLive implements Live {
  readonly host: BrokerHost
  readonly peer: Peer
  readonly protocol = 'OpenWire'
  readonly browsable = true
  readonly #way: Way
  readonly #channel: Channel
  readonly #producers: Producers
  readonly #sessions = new Set<Channel>()

  constructor(way: Way, channel: Channel, identity: Identity) {
    this.#way = way
    this.#channel = channel
    this.host = way.host
    this.peer = channel.agreement.peer
    const { clock, target } = way
    this.#producers = new Producers(
      identity,
      connectionId => openChannel(way, connectionId),
      () => clock.now(),
      target.compress === true,
    )
    channel.tell({ name: 'SessionInfo', sessionId: sessionOf(channel, SESSION) })
    channel.onGone(why => {
      this.#producers.close(why)
      for (const session of this.#sessions) session.lose(why)
    })
  }

  get gone(): IntegrationError | null {
    return this.#channel.gone
  }

  onGone(listener: (why: IntegrationError) => void): () => void {
    return this.#channel.onGone(listener)
  }

  abandon(why: IntegrationError): void {
    this.#channel.lose(why)
  }

  close(): void {
    const place = addressOf(this.host)
    const why = new IntegrationError('STORE_UNAVAILABLE', `the connection to ${place} was closed by us`)
    for (const session of this.#sessions) session.close(why)
    this.#producers.close(why)
    this.#channel.close(why)
  }

  openSender(parts: SendingParts): Outgoing {
    return new OpenWireOutgoing(this, this.#producers, parts)
  }

  openReceiver(parts: ReceivingParts): OpenWireIncoming {
    const from = parts.from === 'temporary' ? this.#temporaryQueue() : parts.from
    return new OpenWireIncoming(this.#channel, SESSION, parts, from)
  }

  async openSession(parts: SessionParts): Promise<Session> {
    const { clientId } = this.#way.target
    const way = { ...this.#way, deadlineMs: parts.deadlineMs }
    const channel = await openChannel(way, newConnectionId(), clientId === undefined ? {} : { clientId })
    if (this.gone) {
      channel.close(this.gone)
      throw this.gone
    }
    this.#sessions.add(channel)
    channel.onGone(() => this.#sessions.delete(channel))
    channel.tell({ name: 'SessionInfo', sessionId: sessionOf(channel, SESSION) })
    return new OpenWireSession(this, channel, SESSION, this.#way.target.compress === true, parts)
  }

  async #temporaryQueue(): Promise<JmsDestination> {
    const channel = this.#channel
    const { connectionId } = channel
    // Java's clients know by the name whose it is.
    const name: JmsDestination = { kind: 'temporary-queue', name: `${connectionId}:${channel.newId()}` }
    await channel.ask({
      name: 'DestinationInfo',
      connectionId: { name: 'ConnectionId', value: connectionId },
      destination: destinationOf(name),
      operationType: ADD,
    })
    return name
  }
}

function sessionOf({ connectionId }: Channel, value: number) {
  return { name: 'SessionId', connectionId, value } as const
}
