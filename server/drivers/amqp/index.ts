/** Brokers that speak AMQP 1.0. */
export { dialAmqp } from './dial.ts'
export { DEPTH_PROPERTY } from './receiver.ts'
