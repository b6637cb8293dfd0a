/** Queues at message brokers, whatever protocol leads there. */
export { JmsConnections } from './connection.ts'
export type { JmsConnection, JmsSurroundings } from './connection.ts'
export type { Tries, TryLedger } from './consumer.ts'
export type {
  Dial,
  Dialer,
  Fullness,
  Incoming,
  JmsBody,
  JmsDestination,
  JmsMessage,
  JmsValue,
  Live,
  Outgoing,
  Peer,
  Received,
  ReceivingParts,
  SendingParts,
  Session,
  SessionParts,
} from './contracts.ts'
export { resolveJms } from './jndi.ts'
export type { JmsConfiguration, ResolvedJms } from './jndi.ts'
export { KeptSenders } from './kept-senders.ts'
export { Lost } from './lost.ts'
export { fromJms } from './reading.ts'
export { toJms } from './mapping.ts'
export { openQueue } from './queue.ts'
export type { JmsQueue, JmsQueueOptions } from './queue.ts'
export { JmsSender } from './sender.ts'
export { accepted, released } from './settlement.ts'
export type { Settlement } from './settlement.ts'
export { hostsOf } from './target.ts'
export type { BrokerHost, BrokerTarget, Protocol } from './target.ts'
export type { Remark, UrlOptions } from './url.ts'
export { beginWork, JmsWork, managerOf } from './work.ts'
