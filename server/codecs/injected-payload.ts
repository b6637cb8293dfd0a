import type { Format } from '../kernel/message.ts'
import { clone } from '../xml/clone.ts'
import { parseXml } from '../xml/reader.ts'
import type { XmlElement } from '../xml/tree.ts'
import { printXml } from '../xml/writer.ts'
import { XmlError } from '../xml/xml-error.ts'
import { isEnvelope, newEnvelope } from './envelope.ts'

/** A body made out of what an artifact says, not out of a request. */
export interface InjectedPayload {
  readonly bytes: Uint8Array
  readonly contentType: string
  readonly format: Format
}

/** XML in the format wanted; text that is JSON as JSON, other text as text. */
export function injectedPayload(source: XmlElement | string, wanted: string): InjectedPayload {
  const element = typeof source === 'string' ? xmlOf(source) : source
  if (!element) {
    const given = (source as string).trim()
    if (isJson(given)) return { bytes: Buffer.from(given), contentType: 'application/json', format: 'json' }
    if (given !== '') return { bytes: Buffer.from(given), contentType: 'text/plain; charset=UTF-8', format: 'text' }
  }
  if (wanted === 'pox' || wanted === 'get') {
    const text = element ? printXml(element) : ''
    return { bytes: Buffer.from(text), contentType: 'application/xml; charset=UTF-8', format: 'pox' }
  }
  const soap = wanted === 'soap12' ? 'soap12' : 'soap11'
  const envelope = element && isEnvelope(element) ? element : newEnvelope(soap, element && clone(element)).root
  return {
    bytes: Buffer.from(printXml(envelope)),
    contentType: soap === 'soap12' ? 'application/soap+xml; charset=UTF-8' : 'text/xml; charset=UTF-8',
    format: soap,
  }
}

function xmlOf(source: string): XmlElement | undefined {
  if (!source.trimStart().startsWith('<')) return undefined
  try {
    return parseXml(source.trim()).root
  } catch (thrown) {
    if (thrown instanceof XmlError) return undefined
    throw thrown
  }
}

function isJson(text: string): boolean {
  if (!/^[[{]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
