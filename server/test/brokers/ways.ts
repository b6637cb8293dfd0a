/** Every way to a real broker: the server, and the driver that leads there. */
import { addressed, atRabbit, JMS_CLASS, RABBITMQ_CLASS } from './real-store.ts'
import type { BrokerName, RealServer } from './servers/index.ts'

export type Driver = 'amqp' | 'openwire' | 'rabbitmq'
export type Way = readonly [BrokerName, Driver]

/** What a store has to say to be a queue at a server. */
export interface StoreAt {
  readonly className: string
  readonly parameters: Readonly<Record<string, string>>
}

/** A queue at this server, or at what stands before it on this port. */
export function storeBy(driver: Driver, server: RealServer, queue: string, port = server.port(driver)): StoreAt {
  if (driver === 'rabbitmq') return { className: RABBITMQ_CLASS, parameters: atRabbit(server, port, queue) }
  const url = `${driver === 'amqp' ? 'amqp' : 'tcp'}://127.0.0.1:${port}`
  return { className: JMS_CLASS, parameters: { ...addressed(server, url, queue), 'store.jms.protocol': driver } }
}
