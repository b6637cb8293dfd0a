/** A message as the broker's journal keeps it: a short head of our own, then the AMQP bytes as they came. */
import { randomUUID } from 'node:crypto'
import { AmqpReader, unreadable } from '../drivers/amqp/reader.ts'
import { findInMap, readHeader, readList, sectionCode, sectionsOf, writeHeader } from '../drivers/amqp/sections.ts'
import type { Sections } from '../drivers/amqp/sections.ts'
import { AmqpWriter } from '../drivers/amqp/writer.ts'

const VERSION = 1
/** Version, time of expiry, length of the sections in front of the bare message. */
const HEAD = 1 + 8 + 4

const DUPLICATE_ID = Buffer.from('_AMQ_DUPL_ID')

/** A message on its way into a queue. */
export interface Arrival {
  readonly id: string
  /** What a resend is recognised by; absent where the sender gave nothing that is unique by its protocol. */
  readonly duplicateId?: string
  /** The queue named in the message itself, for links without one. */
  readonly to?: string
  readonly chunks: readonly Uint8Array[]
}

/** A message read back from the journal. */
export interface Held {
  /** Clock milliseconds, or 0 for never. */
  readonly expiresAt: number
  /** With header, without anything that belonged to one hop. */
  readonly message: Buffer
  /** Where the part begins that a broker may not change. */
  readonly bare: number
}

const writer = new AmqpWriter()

/** Throws `MESSAGE_UNREADABLE` for bytes that are no AMQP message. */
export function arrivalOf(message: Buffer, now: number): Arrival {
  const sections = sectionsOf(message)
  const header = readHeader(message, sections.header)
  const bare = message.subarray(sections.bare)
  const fields = sections.properties ? readList(message, sections.properties) : []
  const [messageId, , to] = fields
  const expires = expiryOf(header.ttl, fields[8], now)
  writeHeader(writer, { ...header, deliveryCount: 0 })
  const front = writer.finish()
  const duplicateId = duplicateIdOf(message, sections, messageId)
  return {
    id: duplicateId ?? (typeof messageId === 'string' && messageId !== '' ? messageId : randomUUID()),
    ...(duplicateId !== undefined && { duplicateId }),
    ...(typeof to === 'string' && { to }),
    chunks: [headOf(expires, front.length), front, bare],
  }
}

/**
 * `_AMQ_DUPL_ID` as Artemis has it, or a JMS message id, which its specification makes unique. Other message ids are
 * often small numbers that begin again with each start of a program: taking them for duplicates would lose messages.
 */
function duplicateIdOf(message: Buffer, sections: Sections, messageId: unknown): string | undefined {
  const given = findInMap(message, sections.applicationProperties, DUPLICATE_ID)
  if (typeof given === 'string' && given !== '') return given
  if (Buffer.isBuffer(given)) return given.toString('hex')
  return typeof messageId === 'string' && messageId.startsWith('ID:') ? messageId : undefined
}

function expiryOf(ttl: number | undefined, absolute: unknown, now: number): number {
  if (ttl !== undefined && ttl > 0) return now + ttl
  return typeof absolute === 'number' && absolute > 0 ? absolute : 0
}

function headOf(expiresAt: number, bare: number): Buffer {
  const head = Buffer.allocUnsafe(HEAD)
  head[0] = VERSION
  head.writeDoubleBE(expiresAt, 1)
  head.writeUInt32BE(bare, 9)
  return head
}

export function heldOf(record: Uint8Array): Held {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.byteLength)
  if (bytes.length < HEAD || bytes[0] !== VERSION) throw unreadable('the broker that stored it was a newer one')
  return { expiresAt: bytes.readDoubleBE(1), bare: bytes.readUInt32BE(9), message: bytes.subarray(HEAD) }
}

/** The bytes to send for the delivery after `failed` failed ones. */
export function deliverable({ message, bare }: Held, failed: number): Buffer {
  if (failed === 0) return message
  const { header } = sectionsOf(message.subarray(0, bare))
  writeHeader(writer, { ...readHeader(message, header), deliveryCount: failed })
  return writer.finish(message.subarray(bare))
}

/** The record for the dead-letter queue: the same message, annotated with where it was and why it is not any more. */
export function deadLetter({ message, bare }: Held, queue: string, reason: string): readonly Uint8Array[] {
  const { header, messageAnnotations } = sectionsOf(message)
  const { durable, priority } = readHeader(message, header)
  writeHeader(writer, { durable, priority, deliveryCount: 0 })
  const front = writer.finish()
  writer.section(sectionCode.MESSAGE_ANNOTATIONS)
  const map = writer.map()
  let count = 4
  let rest = bare
  if (messageAnnotations) {
    const reader = new AmqpReader(message, messageAnnotations.start, messageAnnotations.end)
    count += reader.enter() ?? 0
    writer.raw(message.subarray(reader.at, messageAnnotations.end))
    rest = messageAnnotations.end
  }
  writer.symbol('x-opt-ORIG-QUEUE')
  writer.string(queue)
  writer.symbol('x-opt-dead-letter-reason')
  writer.string(reason)
  writer.close(map, count)
  return [headOf(0, front.length), front, writer.finish(), message.subarray(rest)]
}

/** How often a message was delivered in vain, as the note that the journal keeps with it. */
export function failuresOf(note: Uint8Array | null): number {
  return note && note.length === 4 ? Buffer.from(note.buffer, note.byteOffset, 4).readUInt32BE() : 0
}

export function noteOf(failures: number): Uint8Array {
  const note = Buffer.allocUnsafe(4)
  note.writeUInt32BE(failures)
  return note
}
