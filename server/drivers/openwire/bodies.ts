import { constants, deflateSync, inflateSync } from 'node:zlib'
import { textOf } from '../../kernel/errors.ts'
import type { JmsBody, JmsValue } from '../jms/contracts.ts'
import type { MessageName } from './commands.ts'
import { readMap, readPrimitive, writeMap, writePrimitive } from './primitives.ts'
import { malformed, OpenWireReader } from './reader.ts'
import { OpenWireWriter } from './writer.ts'

/** Longest body that is made of a compressed one: a few bytes can stand for gigabytes. */
const LONGEST_BODY = 256 * 1024 * 1024
const NOTHING = Buffer.alloc(0)

const KINDS = {
  text: 'TextMessage',
  bytes: 'BytesMessage',
  object: 'ObjectMessage',
  map: 'MapMessage',
  stream: 'StreamMessage',
  empty: 'PlainMessage',
} as const satisfies Record<string, MessageName>

export interface Body {
  readonly name: MessageName
  readonly content: Uint8Array | null
  readonly compressed: boolean
}

const writer = new OpenWireWriter()

export function encodeBody(body: JmsBody, compress: boolean): Body {
  if (body.kind === 'unreadable') throw new TypeError('what cannot be read cannot be sent')
  const name = KINDS[body.kind]
  const content = contentOf(body)
  if (content === null || !compress) return { name, content, compressed: false }
  const packed = deflateSync(content)
  // A bytes message says how long it really is, in front.
  return {
    name,
    content: body.kind === 'bytes' ? Buffer.concat([int(content.length), packed]) : packed,
    compressed: true,
  }
}

function contentOf(body: Exclude<JmsBody, { kind: 'unreadable' }>): Uint8Array | null {
  switch (body.kind) {
    case 'bytes':
    case 'object':
      return body.bytes
    case 'empty':
      return null
    case 'text':
      writer.longString(body.bytes)
      return writer.finish()
    case 'map':
      writeMap(writer, body.entries)
      return writer.finish()
    case 'stream':
      for (const item of body.items) writePrimitive(writer, item)
      return writer.finish()
  }
}

/** Throws for what cannot be decoded. */
export function decodeBody({ name, content, compressed }: Body): JmsBody {
  const plain = content && compressed && content.length > 0 ? inflated(name, content) : (content ?? NOTHING)
  switch (name) {
    case 'TextMessage':
      return { kind: 'text', bytes: content ? new OpenWireReader(plain).longString() : NOTHING }
    case 'BytesMessage':
      return { kind: 'bytes', bytes: plain }
    case 'ObjectMessage':
      return { kind: 'object', bytes: plain }
    case 'MapMessage':
      return { kind: 'map', entries: content ? readMap(new OpenWireReader(plain)) : new Map() }
    case 'StreamMessage':
      return { kind: 'stream', items: itemsOf(plain) }
    case 'PlainMessage':
      return { kind: 'empty' }
  }
}

function itemsOf(bytes: Uint8Array): JmsValue[] {
  const items: JmsValue[] = []
  const reader = new OpenWireReader(bytes)
  while (!reader.atEnd) {
    const item = readPrimitive(reader)
    if (item === undefined) throw malformed('a list or a map in a stream message')
    items.push(item)
  }
  return items
}

function inflated(name: MessageName, content: Uint8Array): Uint8Array {
  if (name !== 'BytesMessage') return inflate(content)
  const length = new OpenWireReader(content).int()
  if (length < 0 || length > LONGEST_BODY) throw malformed(`a body of ${length} bytes`)
  // Java's client fills its buffer to the end: what is behind the real length is nothing.
  return inflate(content.subarray(4)).subarray(0, length)
}

function inflate(bytes: Uint8Array): Uint8Array {
  try {
    // Some writers do not finish the stream, but flush it: everything is there all the same.
    return inflateSync(bytes, { maxOutputLength: LONGEST_BODY, finishFlush: constants.Z_SYNC_FLUSH })
  } catch (thrown) {
    throw malformed(`a compressed body that cannot be unpacked (${textOf(thrown)})`)
  }
}

function int(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}
