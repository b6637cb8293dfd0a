import { IntegrationError } from '../../kernel/errors.ts'
import type { JmsBody, JmsDestination, JmsMessage, JmsValue } from '../jms/contracts.ts'
import { decodeBody, encodeBody } from './bodies.ts'
import type { Destination, DestinationName, Message, Sent, Structure } from './commands.ts'
import { writeStructure } from './commands.ts'
import { readMap, writeMap } from './primitives.ts'
import { OpenWireReader } from './reader.ts'
import { OpenWireWriter } from './writer.ts'

const DELAY = 'AMQ_SCHEDULED_DELAY'
const DUPLICATE_ID = '_AMQ_DUPL_ID'

const DESTINATIONS = {
  queue: 'Queue',
  topic: 'Topic',
  'temporary-queue': 'TemporaryQueue',
  'temporary-topic': 'TemporaryTopic',
} as const satisfies Record<JmsDestination['kind'], DestinationName>

const KINDS = {
  Queue: 'queue',
  Topic: 'topic',
  TemporaryQueue: 'temporary-queue',
  TemporaryTopic: 'temporary-topic',
} as const satisfies Record<DestinationName, JmsDestination['kind']>

/** Options behind the name are for the reader of a queue, in Java, too: `orders?consumer.exclusive=true`. */
export function destinationOf({ kind, name }: JmsDestination): Destination {
  return { name: DESTINATIONS[kind], physicalName: name.split('?')[0]! }
}

function jmsOf(destination: Destination): JmsDestination {
  return { kind: KINDS[destination.name], name: destination.physicalName ?? '' }
}

const writer = new OpenWireWriter()

export interface Sending {
  readonly destination: Destination
  readonly producerId: Structure<'ProducerId'>
  readonly sequence: number
  readonly transactionId?: Structure<'LocalTransactionId'>
  readonly compress: boolean
  /** Clock milliseconds. */
  readonly now: number
}

/** The command that sends a message. */
export function encodeMessage(message: JmsMessage, sending: Sending): Sent {
  const { destination, producerId, sequence, transactionId = null, compress, now } = sending
  const { timeToLive, timestamp = now, replyTo } = message
  return {
    ...encodeBody(message.body, compress),
    producerId,
    destination,
    transactionId,
    messageId: {
      name: 'MessageId',
      textView: null,
      producerId,
      producerSequenceId: sequence,
      brokerSequenceId: 0,
    },
    groupID: message.groupId ?? null,
    groupSequence: message.groupSequence ?? 0,
    correlationId: message.correlationId ?? null,
    persistent: message.persistent,
    expiration: timeToLive === undefined ? 0 : now + timeToLive,
    priority: message.priority,
    replyTo: replyTo ? destinationOf(replyTo) : null,
    timestamp,
    type: message.type ?? null,
    marshalledProperties: encodeProperties(message),
  }
}

function encodeProperties({ properties, duplicateId, deliveryDelay }: JmsMessage): Uint8Array | null {
  const added = new Map(properties)
  if (duplicateId !== undefined) added.set(DUPLICATE_ID, duplicateId)
  // The scheduler looks for a long.
  if (deliveryDelay !== undefined) added.set(DELAY, BigInt(Math.max(0, Math.round(deliveryDelay))))
  if (added.size === 0) return null
  writeMap(writer, added)
  return writer.finish()
}

/** The message of a dispatch. Never throws: what is wrong with it is its body. */
export function decodeMessage(message: Message, redeliveries: number): JmsMessage {
  const { messageId, correlationId, replyTo, type, timestamp, expiration, userID, groupID } = message
  const read = propertiesOf(message)
  const duplicateId = read.properties.get(DUPLICATE_ID)
  read.properties.delete(DUPLICATE_ID)
  return {
    body: read.body ?? bodyOf(message),
    properties: read.properties,
    persistent: message.persistent,
    priority: message.priority,
    deliveryCount: Math.max(message.redeliveryCounter, redeliveries),
    ...(messageId && { messageId: textOfId(messageId) }),
    ...(correlationId !== null && { correlationId }),
    ...(replyTo && { replyTo: jmsOf(replyTo) }),
    ...(type !== null && { type }),
    ...(timestamp !== 0 && { timestamp }),
    ...(expiration !== 0 && { expiration }),
    ...(userID !== null && { userId: userID }),
    ...(groupID !== null && { groupId: groupID, groupSequence: message.groupSequence }),
    ...(typeof duplicateId === 'string' && { duplicateId }),
    get raw() {
      return { bytes: rawOf(message), contentType: 'application/x-openwire' }
    },
  }
}

/** As Java writes it. */
function textOfId({ textView, producerId, producerSequenceId }: Structure<'MessageId'>): string {
  if (textView !== null) return textView.startsWith('ID:') ? textView : `ID:${textView}`
  if (!producerId) return `ID:${producerSequenceId}`
  const { connectionId, sessionId, value } = producerId
  return `${connectionId}:${sessionId}:${value}:${producerSequenceId}`
}

function propertiesOf({ marshalledProperties }: Message): { properties: Map<string, JmsValue>; body?: JmsBody } {
  if (!marshalledProperties || marshalledProperties.length === 0) return { properties: new Map() }
  try {
    return { properties: readMap(new OpenWireReader(marshalledProperties)) }
  } catch (thrown) {
    return { properties: new Map(), body: unreadable(thrown) }
  }
}

function bodyOf(message: Message): JmsBody {
  try {
    return decodeBody(message)
  } catch (thrown) {
    return unreadable(thrown)
  }
}

function unreadable(thrown: unknown): JmsBody {
  if (!(thrown instanceof IntegrationError)) throw thrown
  return { kind: 'unreadable', reason: thrown.message }
}

/** What came, in the encoding it came in. */
function rawOf(message: Message): Uint8Array {
  writeStructure(writer, message as Sent)
  return writer.finish()
}
