import { IntegrationError, textOf } from '../kernel/errors.ts'

/** An AMQP error as the peer gets it. */
export interface Refusal {
  readonly condition: string
  readonly description: string
}

export const refusals = {
  topic: (address: string): Refusal => ({
    condition: 'amqp:not-implemented',
    description: `${address} is asked for as a topic; this broker has queues only. Use a queue, or ActiveMQ Artemis`,
  }),
  selector: (address: string): Refusal => ({
    condition: 'amqp:not-implemented',
    description: `a filter or selector on ${address} is not offered by this broker. Consume without one, or use ActiveMQ Artemis`,
  }),
  transactionUnknown: {
    condition: 'amqp:transaction:unknown-id',
    description: 'there is no such transaction: it was discharged, or rolled back when its control link was lost',
  },
  transactionTooLarge: (most: number): Refusal => ({
    condition: 'amqp:resource-limit-exceeded',
    description: `the messages of the transaction are larger than ${most} bytes together`,
  }),
  tooManyTransactions: (most: number): Refusal => ({
    condition: 'amqp:resource-limit-exceeded',
    description: `this connection has ${most} transactions open already`,
  }),
  deliveryGone: {
    condition: 'amqp:transaction:rollback',
    description: 'a message of the transaction was settled before',
  },
  noAddress: {
    condition: 'amqp:invalid-field',
    description: 'the link names no queue. Give the source an address, or ask for a dynamic one',
  },
  badName: (address: string): Refusal => ({
    condition: 'amqp:invalid-field',
    description: `${JSON.stringify(address.slice(0, 80))} cannot be a queue name: 1 to 255 characters, none of them a control character`,
  }),
  gone: (address: string): Refusal => ({
    condition: 'amqp:not-found',
    description: `the temporary queue ${address} is gone with the connection that made it`,
  }),
  tooManyLinks: (most: number): Refusal => ({
    condition: 'amqp:resource-limit-exceeded',
    description: `this connection has ${most} links already`,
  }),
  tooManySessions: (most: number): Refusal => ({
    condition: 'amqp:resource-limit-exceeded',
    description: `this connection has ${most} sessions already`,
  }),
  tooManyQueues: (most: number): Refusal => ({
    condition: 'amqp:resource-limit-exceeded',
    description: `the broker has ${most} queues already`,
  }),
  tooLong: (most: number): Refusal => ({
    condition: 'amqp:link:message-size-exceeded',
    description: `the message is longer than ${most} bytes`,
  }),
  format: {
    condition: 'amqp:decode-error',
    description: 'the message is not an AMQP 1.0 message',
  },
  stopping: { condition: 'amqp:connection:forced', description: 'the broker is stopping' },
} as const

/** Why a message was not stored. A full disk is told as Artemis tells it, so that clients know it may be tried later. */
export function storeRefusal(thrown: unknown): Refusal {
  const code = thrown instanceof IntegrationError ? thrown.code : undefined
  if (code === 'MESSAGE_UNREADABLE') return { ...refusals.format, description: textOf(thrown) }
  const condition =
    code === 'DISK_FULL' || code === 'STORE_FULL' ? 'amqp:resource-limit-exceeded' : 'amqp:internal-error'
  return { condition, description: textOf(thrown) }
}
