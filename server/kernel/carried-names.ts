/**
 * Properties of a JMS message that its sender did not write: what a store keeps of a message beside its body, and what
 * Artemis and the AMQP of Classic leave in it. They are nobody's headers, and no back end is to see them.
 */
const CARRIED = /^(?:OrigMessageID$|SYN_|__?AMQ_|__HDR_|JMS_AMQP_)/

export function isCarried(property: string): boolean {
  return CARRIED.test(property)
}
