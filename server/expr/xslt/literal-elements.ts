import { XmlElement } from '../../xml/tree.ts'
import { XML_NAMESPACE } from '../../xml/names.ts'
import { attributeSetsOf } from './attribute-sets.ts'
import { invalid } from './fault.ts'
import { NOTHING_DECLARED, wordsOf } from './site.ts'
import type { Site } from './site.ts'
import type { Instruction, Transformation } from './transformation.ts'
import { valueTemplate } from './value-template.ts'
import { XSL } from './vocabulary.ts'

interface LiteralAttribute {
  readonly local: string
  readonly uri: string
  readonly prefix: string
  readonly literal: string | null
  readonly text: ((run: Transformation) => string) | null
}

/** An element that is not of XSLT goes into the result with the namespaces in force on it (XSLT 1.0 §7.1.1). */
export function literalElement(element: XmlElement, outer: Site): Instruction {
  const site = insideLiteral(element, outer)
  const sets = attributeSetsOf(element.attribute('use-attribute-sets', XSL), element, site)
  const attributes = element.attributes.filter(({ uri }) => uri !== XSL).map(one => literalAttribute(one, site))
  const name = aliased(element, site)
  const { local } = element
  const { uri, prefix } = name
  const all = namespacesToCopy(element, site)
  const fresh = all.filter(one => site.declared.get(one.prefix) !== one.uri)
  const isOutermost = site.declared === NOTHING_DECLARED
  const declared = new Map([
    ...site.declared,
    ...all.map(one => [one.prefix, one.uri] as const),
    [prefix, uri] as const,
  ])
  const body = site.sheet.body(element.children, { ...site, declared }, false)
  const isEmpty = element.children.length === 0
  return run => {
    const { out } = run
    const { open, source } = out
    const made = new XmlElement(local, uri, prefix)
    out.begin(made)
    for (const one of fresh) {
      if (!isOutermost || open.lookupNamespace(one.prefix) !== one.uri) out.declare(made, one.prefix, one.uri)
    }
    if (sets !== null) sets(run)
    for (const one of attributes) out.attribute(one.local, one.literal ?? one.text!(run), one.uri, one.prefix)
    if (!isEmpty) body(run)
    out.open = open
    out.source = source
  }
}

/** xsl:version, xsl:exclude-result-prefixes and xsl:extension-element-prefixes hold from here on. */
function insideLiteral(element: XmlElement, site: Site): Site {
  const version = element.attribute('version', XSL)
  const excluded = namespacesNamed(element, element.attribute('exclude-result-prefixes', XSL))
  const extensions = namespacesNamed(element, element.attribute('extension-element-prefixes', XSL))
  if (version === undefined && excluded.length === 0 && extensions.length === 0) return site
  return {
    ...site,
    forward: version === undefined ? site.forward : Number(version) !== 1,
    later: version === undefined ? site.later : Number(version) >= 2,
    excluded: new Set([...site.excluded, ...excluded, ...extensions]),
    extensions: new Set([...site.extensions, ...extensions]),
  }
}

/** The namespaces that prefixes in a list stand for; `#default` is the default namespace. */
export function namespacesNamed(element: XmlElement, list: string | undefined): string[] {
  return wordsOf(list).flatMap(word => {
    if (word === '#all') return inScope(element).map(({ uri }) => uri)
    const uri = element.lookupNamespace(word === '#default' ? '' : word)
    if (uri === undefined) throw invalid(element, `the prefix ${word} is not declared`)
    return [uri]
  })
}

function literalAttribute(
  { local, uri, prefix, value, name }: XmlElement['attributes'][number],
  site: Site,
): LiteralAttribute {
  const alias = uri === '' ? undefined : site.sheet.alias(uri)
  const template = valueTemplate(value, site, name)
  return {
    local,
    uri: alias?.uri ?? uri,
    prefix: alias?.prefix ?? prefix,
    literal: 'literal' in template ? template.literal : null,
    text: 'text' in template ? template.text : null,
  }
}

function aliased({ uri, prefix }: XmlElement, site: Site): { uri: string; prefix: string } {
  return site.sheet.alias(uri) ?? { uri, prefix }
}

interface Namespace {
  readonly prefix: string
  readonly uri: string
}

function inScope(element: XmlElement): Namespace[] {
  const nearest = new Map<string, string>()
  for (let at: XmlElement['parent'] = element; at?.kind === 'element'; at = at.parent) {
    for (const { prefix, uri } of at.declarations) if (!nearest.has(prefix)) nearest.set(prefix, uri)
  }
  return [...nearest].map(([prefix, uri]) => ({ prefix, uri }))
}

function namespacesToCopy(element: XmlElement, site: Site): Namespace[] {
  return inScope(element).flatMap(one => {
    if (one.uri === '' || one.uri === XSL || one.uri === XML_NAMESPACE) return []
    const alias = site.sheet.alias(one.uri)
    if (alias) return alias.uri === '' ? [] : [alias]
    return site.excluded.has(one.uri) ? [] : [one]
  })
}
