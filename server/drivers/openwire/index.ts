/** Brokers that speak OpenWire: ActiveMQ Classic, and Artemis if asked to. */
export { isOpenWire, mayBeOpenWire } from './greeting.ts'
export { dialOpenWire } from './dial.ts'
export { Identity } from './identity.ts'
export { NO_NOTES } from './sent-notes.ts'
export type { SentNote, SentNotes } from './sent-notes.ts'
export { connected } from './open-channel.ts'
export type { Opened, Way } from './open-channel.ts'
