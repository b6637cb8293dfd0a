import { parseXml } from '../../xml/reader.ts'
import { whereIs } from '../../xml/where-is.ts'
import type { XmlDocument } from '../../xml/tree.ts'
import { XmlError } from '../../xml/xml-error.ts'
import type { XPathNode } from '../xpath/values.ts'
import { faultAt } from './fault.ts'
import type { Site } from './site.ts'
import type { Transformation } from './transformation.ts'

const DOCUMENTS = {}

/**
 * The root that document() gives: of a text the resolver knows, or of the stylesheet itself for an empty URI. Nothing
 * is ever fetched from elsewhere.
 */
export function loadDocument(run: Transformation, uri: string, near: XPathNode | undefined, site: Site): XPathNode {
  const base = near === undefined ? whereIs(site.element).file : fileOf(near)
  const known = run.remembered(DOCUMENTS, () => new Map<string, XmlDocument>())
  const name = `${base}\n${uri}`
  let document = known.get(name)
  if (!document) {
    document = read(run, uri, base, site, known)
    known.set(name, document)
  }
  return document
}

function fileOf(node: XPathNode): string {
  let top = node
  while (top.parent !== null) top = top.parent
  return top.kind === 'document' && 'file' in top ? top.file : ''
}

function read(
  run: Transformation,
  uri: string,
  base: string,
  site: Site,
  known: Map<string, XmlDocument>,
): XmlDocument {
  if (uri === '') return site.sheet.document(site.element)
  if (uri.includes('#'))
    throw faultAt(
      site.element,
      'NOT_SUPPORTED',
      `document("${uri}"): a part of a document cannot be named; leave out #…`,
    )
  const found = run.outside.resolve?.(uri, base)
  if (!found) {
    throw faultAt(
      site.element,
      'TRANSFORM_FAILED',
      `document("${uri}") finds nothing; documents come from local entries and the registry: add <resource location="${uri}" key="…"/> to the mediator`,
    )
  }
  // The same text by another name is the same document.
  const same = known.get(`\n${found.key}`)
  if (same) return same
  run.budget.work.spend(found.text.length >> 3)
  try {
    const document = site.sheet.strip(parseXml(found.text, { file: found.key }))
    known.set(`\n${found.key}`, document)
    return document
  } catch (thrown) {
    if (!(thrown instanceof XmlError)) throw thrown
    throw faultAt(
      site.element,
      'TRANSFORM_FAILED',
      `document("${uri}") is not well-formed XML: ${found.key}:${thrown.line}:${thrown.column}: ${thrown.reason}`,
      thrown,
    )
  }
}
