import type { JmsDestination, Peer } from '../jms/contracts.ts'

export interface Terminus {
  readonly address: string
  readonly capabilities: string
  readonly durable?: number
  readonly expiry_policy?: string
}

/** A terminus that outlives its link. */
export const UNSETTLED_STATE = 2

/**
 * Where a destination is found at this broker (messaging-peers §3.4). The capability is never left out: without `queue`
 * Artemis makes an unknown address a topic, accepts the message and throws it away.
 */
export function terminusFor({ kind, name }: JmsDestination, peer: Peer): Terminus {
  // ActiveMQ Classic goes by the name alone, and takes one that says nothing for a queue.
  if (peer.product === 'ActiveMQ' && kind === 'topic') return { address: `topic://${name}`, capabilities: kind }
  if (!isRabbit(peer)) return { address: name, capabilities: kind }
  const isTopic = kind.endsWith('topic')
  if (name.startsWith('/') && kind !== 'queue') return { address: name, capabilities: kind }
  if (major(peer.version) >= 4) {
    const address = `${isTopic ? '/exchanges/amq.topic' : '/queues'}/${encodeURIComponent(name)}`
    return { address: name.startsWith('/') ? name : address, capabilities: kind }
  }
  if (isTopic) return { address: `/topic/${name}`, capabilities: kind }
  // RabbitMQ 3 declares the queue with the durability of the terminus: without this it is gone after a restart.
  return {
    address: name.startsWith('/') ? name : `/queue/${name}`,
    capabilities: kind,
    durable: UNSETTLED_STATE,
    expiry_policy: 'never',
  }
}

/** What products do differently where the protocol leaves no choice (messaging-peers §6.1). */
export interface Manners {
  /** `modified` ends the session of RabbitMQ 3's plug-in. */
  readonly knowsModified: boolean
  /** A drain kills the session of RabbitMQ 3's plug-in: its queue does not know the answer that its channel sends. */
  readonly answersDrain: boolean
  /** ActiveMQ Classic delivers what was given back to the same link again, and to nobody else while that is attached. */
  readonly keepsReleased: boolean
  /**
   * ActiveMQ Classic turns a link that was asked to drain into one that pulls, and may take the next credit for the one it
   * had before: then it never sends anything again (6.3.1, `AmqpSender.flow`: nothing is done while the number is the same).
   */
  readonly stallsAfterDrain: boolean
  /** RabbitMQ hands over what is only to be copied as if it were taken. */
  readonly copies: boolean
}

export function mannersOf(peer: Peer): Manners {
  const isOldRabbit = isRabbit(peer) && major(peer.version) < 4
  return {
    knowsModified: !isOldRabbit,
    answersDrain: !isOldRabbit,
    keepsReleased: peer.product === 'ActiveMQ',
    stallsAfterDrain: peer.product === 'ActiveMQ',
    copies: !isRabbit(peer),
  }
}

function isRabbit({ product }: Peer): boolean {
  return /^rabbitmq/i.test(product)
}

function major(version: string): number {
  return Number.parseInt(version, 10) || 0
}
