/** Structures of OpenWire as bytes, and back, by the table of `structures.ts`. */
import { malformed, OpenWireReader } from './reader.ts'
import { MAGIC, TABLE, type AnyStructure, type Kinds, type Name, type Sent, type Throwable } from './structures.ts'
import type { OpenWireWriter } from './writer.ts'

export { MAGIC }
export type {
  AnyStructure,
  Destination,
  DestinationName,
  Given,
  Message,
  MessageName,
  Sent,
  Structure,
  Throwable,
} from './structures.ts'

const DESTINATIONS = ['Queue', 'Topic', 'TemporaryQueue', 'TemporaryTopic'] as const
const TRANSACTIONS = ['LocalTransactionId', 'XATransactionId'] as const
const MESSAGES = [
  'PlainMessage',
  'BytesMessage',
  'MapMessage',
  'ObjectMessage',
  'StreamMessage',
  'TextMessage',
] as const

/** What may stand in a nested field. */
const NESTED: Readonly<Partial<Record<keyof Kinds, readonly Name[]>>> = {
  Connection: ['ConnectionId'],
  Session: ['SessionId'],
  Consumer: ['ConsumerId'],
  Producer: ['ProducerId'],
  MessageId: ['MessageId'],
  Destination: DESTINATIONS,
  Transaction: TRANSACTIONS,
  Message: MESSAGES,
}

interface Layout {
  readonly name: Name
  readonly code: number
  readonly fields: readonly (readonly [name: string, kind: keyof Kinds])[]
}

const BY_NAME = new Map<string, Layout>(
  Object.entries(TABLE).map(([name, { code, fields }]) => [
    name,
    { name: name as Name, code, fields: Object.entries(fields) as [string, keyof Kinds][] },
  ]),
)
const BY_CODE: (Layout | undefined)[] = []
for (const layout of BY_NAME.values()) BY_CODE[layout.code] = layout

/** With its type in front, without the length of a frame. */
export function writeStructure(writer: OpenWireWriter, structure: Sent): void {
  const layout = BY_NAME.get(structure.name)!
  const values = structure as unknown as Readonly<Record<string, unknown>>
  writer.byte(layout.code)
  for (const [name, kind] of layout.fields) writeField(writer, kind, values[name])
}

function writeField(writer: OpenWireWriter, kind: keyof Kinds, value: unknown): void {
  switch (kind) {
    case 'bool':
      return writer.boolean(value === true)
    case 'byte':
      return writer.byte((value as number | undefined) ?? 0)
    case 'int':
      return writer.int((value as number | undefined) ?? 0)
    case 'long':
      return writer.long((value as number | undefined) ?? 0)
    case 'magic':
      return writer.raw(MAGIC)
    default:
      writer.boolean(value !== null && value !== undefined)
      if (value !== null && value !== undefined) writeOptional(writer, kind, value)
  }
}

function writeOptional(writer: OpenWireWriter, kind: keyof Kinds, value: unknown): void {
  if (kind === 'string') return writer.string(value as string)
  if (kind === 'bytes') {
    writer.int((value as Uint8Array).length)
    return writer.raw(value as Uint8Array)
  }
  if (kind === 'throwable') {
    const { className, message } = value as Throwable
    writer.boolean(true)
    writer.string(className)
    writer.boolean(true)
    return writer.string(message)
  }
  writeStructure(writer, value as Sent)
}

/** A structure, or undefined for one that is not in the table: as a frame of its own it can be passed over. */
export function readStructure(bytes: Uint8Array): AnyStructure | undefined {
  const reader = new OpenWireReader(bytes)
  const layout = BY_CODE[reader.code()]
  return layout && read(reader, layout, 0)
}

const DEEPEST = 8

function read(reader: OpenWireReader, { name, fields }: Layout, depth: number): AnyStructure {
  if (depth > DEEPEST) throw malformed('structures are nested too deeply')
  const structure: Record<string, unknown> = { name }
  for (const [field, kind] of fields) structure[field] = readField(reader, kind, depth)
  return structure as AnyStructure
}

function readField(reader: OpenWireReader, kind: keyof Kinds, depth: number): unknown {
  switch (kind) {
    case 'bool':
      return reader.boolean()
    case 'byte':
      return reader.byte()
    case 'int':
      return reader.int()
    case 'long':
      return reader.long()
    case 'magic':
      return reader.bytes(MAGIC.length)
    default:
      return reader.boolean() ? readOptional(reader, kind, depth) : null
  }
}

function readOptional(reader: OpenWireReader, kind: keyof Kinds, depth: number): unknown {
  switch (kind) {
    case 'string':
      return reader.string()
    case 'bytes':
      return reader.bytes(reader.int())
    case 'throwable':
      return { className: optionalString(reader), message: optionalString(reader) }
    case 'path':
      for (let left = reader.short(); left > 0; left--) if (reader.boolean()) nested(reader, 'any', depth)
      return null
    default:
      return nested(reader, kind, depth)
  }
}

function optionalString(reader: OpenWireReader): string {
  return reader.boolean() ? reader.string() : ''
}

function nested(reader: OpenWireReader, kind: keyof Kinds, depth: number): AnyStructure {
  const code = reader.code()
  const layout = BY_CODE[code]
  if (!layout) throw malformed(`a structure of type ${code}, whose length nobody tells`)
  const expected = NESTED[kind]
  if (expected && !expected.includes(layout.name)) throw malformed(`${layout.name} in the place of ${kind}`)
  return read(reader, layout, depth + 1)
}
