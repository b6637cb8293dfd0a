import { IntegrationError } from '../../kernel/errors.ts'
import type { JmsValue, Peer } from '../jms/contracts.ts'
import { MAGIC } from './commands.ts'
import type { Given, Structure } from './commands.ts'
import { readMap, writeMap } from './primitives.ts'
import { OpenWireReader } from './reader.ts'
import { OpenWireWriter } from './writer.ts'

const NEWEST = 12
/** Of 2013. What we write and read is the same in 10, 11 and 12. */
const OLDEST = 10

/** As Java's client has it, unless the address says otherwise. */
const LONGEST_FRAME = 100 * 1024 * 1024

export interface Wishes {
  readonly maxFrameSize?: number
  /** Milliseconds of silence after which the other side is taken for dead; 0: never. */
  readonly idleTimeout: number
}

/** What both sides have agreed on. */
export interface Agreement {
  readonly version: number
  readonly maxFrameSize: number
  readonly idleTimeout: number
  readonly peer: Peer
}

/**
 * What we offer: without tight encoding, cache and stack traces there is one simple encoding for everything. The peer
 * takes of every value the smaller one, and so do we.
 */
export function offer({ maxFrameSize = LONGEST_FRAME, idleTimeout }: Wishes): Given<'WireFormatInfo'> {
  const writer = new OpenWireWriter()
  writeMap(
    writer,
    new Map<string, JmsValue>([
      ['TightEncodingEnabled', false],
      ['CacheEnabled', false],
      ['CacheSize', 0],
      ['StackTraceEnabled', false],
      ['SizePrefixDisabled', false],
      ['TcpNoDelayEnabled', true],
      ['MaxInactivityDuration', BigInt(idleTimeout)],
      ['MaxInactivityDurationInitalDelay', BigInt(idleTimeout)],
      ['MaxFrameSize', BigInt(maxFrameSize)],
      ['ProviderName', 'Holdfast'],
    ]),
  )
  return { name: 'WireFormatInfo', version: NEWEST, marshalledProperties: writer.finish() }
}

export function agree(wishes: Wishes, theirs: Structure<'WireFormatInfo'>): Agreement {
  if (!MAGIC.equals(theirs.magic)) throw refused('its greeting is not one of ActiveMQ')
  const version = Math.min(NEWEST, theirs.version)
  if (version < OLDEST) {
    throw refused(`it speaks version ${theirs.version} of OpenWire; ${OLDEST} is needed, which ActiveMQ has since 5.9`)
  }
  const properties = theirs.marshalledProperties ? readMap(new OpenWireReader(theirs.marshalledProperties)) : new Map()
  if (properties.get('SizePrefixDisabled') === true) throw refused('its frames have no length (sizePrefixDisabled)')
  const { maxFrameSize = LONGEST_FRAME, idleTimeout } = wishes
  return {
    version,
    maxFrameSize: Math.min(maxFrameSize, numberOr(maxFrameSize, properties.get('MaxFrameSize'))),
    idleTimeout: Math.min(idleTimeout, numberOr(0, properties.get('MaxInactivityDuration'))),
    peer: {
      product: String(properties.get('ProviderName') ?? 'ActiveMQ'),
      version: String(properties.get('ProviderVersion') ?? ''),
    },
  }
}

function numberOr(otherwise: number, value: JmsValue | undefined): number {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : otherwise
}

function refused(why: string): IntegrationError {
  return new IntegrationError('BROKER_REFUSED', why)
}
