import type { XmlElement } from '../../xml/tree.ts'
import { invalid } from './fault.ts'
import { expandName, oneOf, wordsOf } from './site.ts'

/** What `xsl:output` says (XSLT 1.0 §16), all of them together; undefined: not said. */
export interface OutputProperties {
  readonly method?: 'xml' | 'html' | 'text'
  readonly version?: string
  readonly encoding?: string
  readonly omitXmlDeclaration?: boolean
  readonly standalone?: 'yes' | 'no'
  readonly doctypePublic?: string
  readonly doctypeSystem?: string
  /** Names as `{uri}local`. */
  readonly cdataElements: ReadonlySet<string>
  readonly indent?: boolean
  readonly mediaType?: string
}

type Changeable = { -readonly [K in keyof OutputProperties]: OutputProperties[K] }

/** Joins the elements, least important first: of one property the last one wins, lists add up. */
export function outputOf(elements: readonly XmlElement[]): OutputProperties {
  const cdata = new Set<string>()
  const output: Changeable = { cdataElements: cdata }
  const flag = (element: XmlElement, name: string): boolean | undefined =>
    element.attribute(name) === undefined ? undefined : oneOf(element, name, ['yes', 'no'], 'no') === 'yes'
  for (const element of elements) {
    const method = element.attribute('method')?.trim()
    if (method === 'xml' || method === 'html' || method === 'text') output.method = method
    // XHTML is a method of version 2.0 that differs from XML only in how empty elements are written.
    else if (method === 'xhtml') output.method = 'xml'
    else if (method !== undefined) throw invalid(element, `method="${method}" must be xml, html or text`)
    const texts = {
      version: element.attribute('version'),
      encoding: element.attribute('encoding'),
      doctypePublic: element.attribute('doctype-public'),
      doctypeSystem: element.attribute('doctype-system'),
      mediaType: element.attribute('media-type'),
    }
    for (const [name, value] of Object.entries(texts))
      if (value !== undefined) output[name as keyof typeof texts] = value
    const omit = flag(element, 'omit-xml-declaration')
    if (omit !== undefined) output.omitXmlDeclaration = omit
    const standalone = flag(element, 'standalone')
    if (standalone !== undefined) output.standalone = standalone ? 'yes' : 'no'
    const indent = flag(element, 'indent')
    if (indent !== undefined) output.indent = indent
    for (const name of wordsOf(element.attribute('cdata-section-elements'))) cdata.add(cdataName(element, name))
  }
  return output
}

/** Unlike other names in attributes these take the default namespace. */
function cdataName(element: XmlElement, name: string): string {
  if (!name.includes(':')) return `{${element.lookupNamespace('') ?? ''}}${name}`
  return expandName(element, name, 'cdata-section-elements')
}
