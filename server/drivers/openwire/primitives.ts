/** The values that say themselves what they are: in maps of properties, map and stream messages. */
import type { JmsValue } from '../jms/contracts.ts'
import { malformed } from './reader.ts'
import type { OpenWireReader } from './reader.ts'
import type { OpenWireWriter } from './writer.ts'

const NULL = 0
const BOOLEAN = 1
const BYTE = 2
const CHAR = 3
const SHORT = 4
const INT = 5
const LONG = 6
const DOUBLE = 7
const FLOAT = 8
const STRING = 9
const BYTES = 10
const MAP = 11
const LIST = 12
const LONG_STRING = 13

/** From here on Java writes long strings, too; the short kind ends at 65,535 bytes. */
const LONG_FROM = 8191

export function writePrimitive(writer: OpenWireWriter, value: JmsValue): void {
  if (value === null) writer.byte(NULL)
  else if (typeof value === 'string') writeString(writer, value)
  else if (typeof value === 'boolean') {
    writer.byte(BOOLEAN)
    writer.boolean(value)
  } else if (typeof value === 'bigint') {
    writer.byte(LONG)
    writer.long(value)
  } else if (typeof value === 'number') writeNumber(writer, value)
  else {
    writer.byte(BYTES)
    writer.int(value.length)
    writer.raw(value)
  }
}

function writeString(writer: OpenWireWriter, value: string): void {
  if (value.length < LONG_FROM) {
    writer.byte(STRING)
    writer.string(value)
  } else {
    writer.byte(LONG_STRING)
    writer.longString(Buffer.from(value))
  }
}

function writeNumber(writer: OpenWireWriter, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    writer.byte(DOUBLE)
    writer.double(value)
  } else if (value === (value | 0)) {
    writer.byte(INT)
    writer.int(value)
  } else {
    writer.byte(LONG)
    writer.long(value)
  }
}

/** Undefined for a map or a list inside of a value, which ActiveMQ allows and JMS does not have: it is passed over. */
export function readPrimitive(reader: OpenWireReader, depth = 0): JmsValue | undefined {
  const type = reader.code()
  switch (type) {
    case NULL:
      return null
    case BOOLEAN:
      return reader.boolean()
    case BYTE:
      return reader.byte()
    case CHAR:
      return String.fromCharCode(reader.char())
    case SHORT:
      return reader.short()
    case INT:
      return reader.int()
    case LONG:
      return reader.exactLong()
    case DOUBLE:
      return reader.double()
    case FLOAT:
      return reader.float()
    case STRING:
      return reader.string()
    case BYTES:
      return reader.bytes(reader.int())
    case LONG_STRING:
      return Buffer.from(reader.longString()).toString('utf8')
    case MAP:
    case LIST:
      return passOver(reader, type === MAP, depth + 1)
    default:
      throw malformed(`a value of type ${type}`)
  }
}

export function writeMap(writer: OpenWireWriter, map: ReadonlyMap<string, JmsValue>): void {
  writer.int(map.size)
  for (const [name, value] of map) {
    writer.string(name)
    writePrimitive(writer, value)
  }
}

export function readMap(reader: OpenWireReader): Map<string, JmsValue> {
  const map = new Map<string, JmsValue>()
  const count = countOf(reader)
  for (let index = 0; index < count; index++) {
    const name = reader.string()
    const value = readPrimitive(reader)
    if (value !== undefined) map.set(name, value)
  }
  return map
}

/** Every entry has at least one byte: a count alone must not decide how long we are busy. */
function countOf(reader: OpenWireReader): number {
  const count = reader.int()
  if (count > reader.left) throw malformed(`${count} values in ${reader.left} bytes`)
  return count
}

const DEEPEST = 16

function passOver(reader: OpenWireReader, named: boolean, depth: number): undefined {
  if (depth > DEEPEST) throw malformed('values are nested too deeply')
  const count = countOf(reader)
  for (let index = 0; index < count; index++) {
    if (named) reader.string()
    readPrimitive(reader, depth)
  }
}
