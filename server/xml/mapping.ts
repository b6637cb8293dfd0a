import { XMLParser } from 'fast-xml-parser'
import { IntegrationError, textOf } from '../kernel/errors.ts'
import { decodeXml } from './decode.ts'
import { parseXml } from './reader.ts'

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  removeNSPrefix: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  trimValues: true,
  parseTagValue: false,
  parseAttributeValue: false,
  htmlEntities: true,
  maxNestedTags: 1000,
  isArray: (_name, _path, _isLeaf, isAttribute) => !isAttribute,
})

/**
 * Small XML of others (`artifacts.xml` in a `.car`) as an object: attributes as `@name`, child elements always as
 * arrays, an element with nothing but text as that text, prefixes dropped. The strict reader goes first: the mapping
 * parser alone would accept crossed tags. Throws XmlError for what is not well-formed.
 */
export function toObject(bytes: Uint8Array): Record<string, unknown> {
  parseXml(bytes)
  try {
    return parser.parse(decodeXml(bytes)) as Record<string, unknown>
  } catch (cause) {
    // Names such as __proto__ are well-formed and still refused.
    throw new IntegrationError('XML_MALFORMED', `the XML cannot be read as an object: ${textOf(cause)}`, { cause })
  }
}
