/** What the peer's open frame tells about it; the product decides how an address is written. */
export interface Peer {
  readonly product: string
  readonly version: string
}

export interface Terminus {
  readonly address: string
  readonly capabilities: string
  readonly durable?: number
  readonly expiry_policy?: string
}

const UNSETTLED_STATE = 2

/**
 * Where a queue is found at this broker (messaging-peers §3.4). The `queue` capability is never left out: without it
 * Artemis makes an unknown address a topic, accepts the message and throws it away.
 */
export function terminusFor(queue: string, peer: Peer): Terminus {
  if (!/^rabbitmq/i.test(peer.product)) return { address: queue, capabilities: 'queue' }
  if (major(peer.version) >= 4) {
    return { address: queue.startsWith('/') ? queue : `/queues/${encodeURIComponent(queue)}`, capabilities: 'queue' }
  }
  // RabbitMQ 3 declares the queue with the durability of the terminus: without this it is gone after a restart.
  return {
    address: queue.startsWith('/') ? queue : `/queue/${queue}`,
    capabilities: 'queue',
    durable: UNSETTLED_STATE,
    expiry_policy: 'never',
  }
}

/** `modified` ends the session of RabbitMQ 3's plug-in. */
export function knowsModified(peer: Peer): boolean {
  return !/^rabbitmq/i.test(peer.product) || major(peer.version) >= 4
}

function major(version: string): number {
  return Number.parseInt(version, 10) || 0
}
