/** RabbitMQ over AMQP 0-9-1, below the same contracts as every other broker (`drivers/jms`). */
export { rabbitDialer } from './dial.ts'
export type { RouteOf } from './live.ts'
export { deathsIn } from './message.ts'
export { RabbitReceived } from './receiver.ts'
export { durableQueue } from './topology.ts'
export type { Arguments, ExchangePlan, QueuePlan, Route } from './topology.ts'
