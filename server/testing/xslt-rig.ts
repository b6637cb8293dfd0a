import { compileStylesheet } from '../expr/xslt/stylesheet.ts'
import type { Limits, Resolve, Surroundings } from '../expr/xslt/stylesheet.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { parseXml } from '../xml/reader.ts'

export const XSL = 'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'

/** A stylesheet of these top-level elements; the prefix p is declared and kept out of the result. */
export function sheet(body: string, attributes = 'version="1.0"'): string {
  return `<xsl:stylesheet ${attributes} ${XSL} xmlns:p="urn:p" xmlns:x="http://exslt.org/common" exclude-result-prefixes="p x">${body}</xsl:stylesheet>`
}

export interface Around extends Surroundings {
  /** Texts of other documents by key. */
  readonly texts?: Readonly<Record<string, string>>
  readonly limits?: Partial<Limits>
}

/** The result as text, without XML declaration. */
export function transformed(stylesheet: string, source: string, around: Around = {}): string {
  const { texts = {}, limits = {}, ...outside } = around
  const resolve: Resolve = uri => (Object.hasOwn(texts, uri) ? { key: uri, text: texts[uri]! } : undefined)
  const compiled = compileStylesheet(stylesheet, 'main.xsl', resolve)
  const result = compiled.transform(parseXml(source), { resolve, ...outside }, limits)
  return result.text().replace(/^<\?xml[^>]*\?>/, '')
}

/** The result of one template for the root. */
export function made(template: string, source = '<r/>', around: Around = {}): string {
  return transformed(sheet(`<xsl:template match="/">${template}</xsl:template>`), source, around)
}

/** The fault a stylesheet ends in, compiling or running; fails if there is none. */
export function faultOfSheet(stylesheet: string, source = '<r/>', around: Around = {}): IntegrationError {
  try {
    transformed(stylesheet, source, around)
  } catch (thrown) {
    if (thrown instanceof IntegrationError) return thrown
    throw thrown
  }
  throw new Error('there was no fault')
}
