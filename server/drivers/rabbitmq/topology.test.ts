import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { ChannelModel } from 'amqplib'
import { durableQueue, ensure } from './topology.ts'

const BROKER = 'amqp://h:5672'

/** A broker on which every channel answers the first question like this. */
function answering(answer: (channel: EventEmitter) => unknown): ChannelModel {
  const createChannel = async (): Promise<unknown> => {
    const channel = new EventEmitter()
    const ask = async (): Promise<unknown> => answer(channel)
    return Object.assign(channel, { checkQueue: ask, assertQueue: ask, close: async () => undefined })
  }
  return { createChannel } as unknown as ChannelModel
}

const looking = (model: ChannelModel): Promise<void> =>
  ensure(model, { queue: durableQueue('orders'), routingKey: 'orders' }, BROKER)

test('a connection that is lost while a queue is looked for is no refusal: the broker may be used again', async () => {
  const lost = { code: 'STORE_UNAVAILABLE', retryable: true, message: /h:5672 was lost while .* queue orders: / }
  await assert.rejects(
    looking(
      answering(() => {
        throw new Error('Channel ended, no reply will be forthcoming')
      }),
    ),
    lost,
  )
  await assert.rejects(
    looking(
      answering(channel => {
        channel.emit('error', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
        throw new Error('Channel ended, no reply will be forthcoming')
      }),
    ),
    lost,
  )
  const ended = { createChannel: () => Promise.reject(new Error('Connection closed')) } as unknown as ChannelModel
  await assert.rejects(looking(ended), lost)
})

test('what the broker answers with a number is its refusal', async () => {
  const refusing = answering(channel => {
    const error = Object.assign(new Error('Channel closed by server: 403 (ACCESS_REFUSED)'), { code: 403 })
    channel.emit('error', error)
    throw error
  })
  await assert.rejects(looking(refusing), { code: 'BROKER_REFUSED', message: /refused queue orders: .*403/ })
})
