import type { JmsTransport } from '../runtime/jms/contracts.ts'
import type { RabbitTransport } from '../runtime/rabbitmq/contracts.ts'

/** For rigs whose artifacts read and write no queues by themselves. */
export const noQueues: JmsTransport & RabbitTransport = {
  send: () => Promise.reject(new TypeError('there are no queues in this rig')),
  listener: () => {
    throw new TypeError('there are no queues in this rig')
  },
}
