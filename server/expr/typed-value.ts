import { IntegrationError } from '../kernel/errors.ts'
import { parseXml } from '../xml/reader.ts'
import { XmlError } from '../xml/xml-error.ts'

/** Types a property can be given (synapse-language C.3). */
export const VALUE_TYPES = ['STRING', 'INTEGER', 'BOOLEAN', 'DOUBLE', 'FLOAT', 'LONG', 'SHORT', 'OM', 'JSON'] as const
export type ValueTypeName = (typeof VALUE_TYPES)[number]

/** Turns a text into a value of that type as Synapse does; what cannot be converted is a fault. */
export function typedValue(type: ValueTypeName, text: string): unknown {
  switch (type) {
    case 'STRING':
      return text
    case 'BOOLEAN':
      return text.trim().toLowerCase() === 'true'
    case 'INTEGER':
    case 'LONG':
    case 'SHORT':
      return Math.trunc(numberFrom(type, text))
    case 'DOUBLE':
    case 'FLOAT':
      return numberFrom(type, text)
    case 'OM':
      return xmlFrom(text)
    case 'JSON':
      return jsonFrom(text)
  }
}

function numberFrom(type: ValueTypeName, text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(value))
    throw new IntegrationError('MEDIATION_FAILED', `"${excerpt(text)}" is not a value of type ${type}`)
  return value
}

function xmlFrom(text: string): unknown {
  try {
    return parseXml(text).root
  } catch (thrown) {
    if (!(thrown instanceof XmlError)) throw thrown
    throw new IntegrationError('MEDIATION_FAILED', `the value of type OM is not XML: ${thrown.message}`, {
      cause: thrown,
    })
  }
}

function jsonFrom(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new IntegrationError('MEDIATION_FAILED', `the value of type JSON is not JSON: "${excerpt(text)}"`, { cause })
  }
}

function excerpt(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}
