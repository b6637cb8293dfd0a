import { isNcName } from '../../xml/names.ts'
import { XmlElement } from '../../xml/tree.ts'
import { numberText, stringOf } from '../xpath/values.ts'
import type { XPathValue } from '../xpath/values.ts'
import { attributeSetsOf } from './attribute-sets.ts'
import { textAt, valueOf } from './expressions.ts'
import { attributeOr, faultAt, invalid, needsLaterVersion } from './fault.ts'
import { isYes, NOTHING_DECLARED, required, splitName } from './site.ts'
import type { Site } from './site.ts'
import { textContent } from './text-content.ts'
import type { Instruction, Transformation } from './transformation.ts'
import { asFunction, valueTemplate } from './value-template.ts'

export function valueOfInstruction(element: XmlElement, site: Site): Instruction {
  if (element.attribute('separator') !== undefined) throw needsLaterVersion(element, 'the attribute separator')
  if (site.later && element.attribute('select') === undefined)
    throw needsLaterVersion(element, '<xsl:value-of> with content')
  const text = textAt(required(element, 'select'), site, 'select')
  if (isYes(element, 'disable-output-escaping')) return run => run.out.rawText(text(run))
  return run => run.out.text(text(run))
}

export function text(element: XmlElement): Instruction {
  const [inner] = element.childElements
  if (inner) throw invalid(inner, '<xsl:text> holds only text')
  const value = element.text
  if (isYes(element, 'disable-output-escaping')) return run => run.out.rawText(value)
  return run => run.out.text(value)
}

// ── elements and attributes with computed names ───────────────────────────────────────────────────────────────────

interface Name {
  readonly prefix: string
  readonly local: string
  readonly uri: string
}

/** The name that `name` and `namespace` come to; once, if neither varies. */
function nameOf(element: XmlElement, site: Site, isAttribute: boolean): (run: Transformation) => Name {
  const name = valueTemplate(required(element, 'name'), site, 'name')
  const given = element.attribute('namespace')
  const namespace = given === undefined ? undefined : valueTemplate(given, site, 'namespace')
  if ('literal' in name && (namespace === undefined || 'literal' in namespace)) {
    const known = resolve(element, name.literal, namespace?.literal, isAttribute, 'STYLESHEET_INVALID')
    return () => known
  }
  const text = asFunction(name)
  const uri = namespace && asFunction(namespace)
  return run => resolve(element, text(run), uri?.(run), isAttribute, 'TRANSFORM_FAILED')
}

function resolve(
  element: XmlElement,
  text: string,
  namespace: string | undefined,
  isAttribute: boolean,
  code: 'STYLESHEET_INVALID' | 'TRANSFORM_FAILED',
): Name {
  const name = splitName(text.trim())
  if (!name || (isAttribute && text === 'xmlns'))
    throw faultAt(
      attributeOr(element, 'name'),
      code,
      `"${text.slice(0, 100)}" cannot be the name of an ${isAttribute ? 'attribute' : 'element'}`,
    )
  const { prefix, local } = name
  if (namespace !== undefined) {
    // A prefix cannot stand for no namespace.
    return { local, uri: namespace, prefix: namespace === '' || prefix === 'xmlns' ? '' : prefix }
  }
  const uri = prefix === '' && isAttribute ? '' : element.lookupNamespace(prefix)
  if (uri === undefined)
    throw faultAt(
      attributeOr(element, 'name'),
      code,
      `the prefix ${prefix} is not declared; add xmlns:${prefix} or namespace="…"`,
    )
  return { local, uri, prefix }
}

export function element(instruction: XmlElement, site: Site): Instruction {
  const name = nameOf(instruction, site, false)
  const sets = attributeSetsOf(instruction.attribute('use-attribute-sets'), instruction, site)
  const body = site.sheet.body(instruction.children, { ...site, declared: NOTHING_DECLARED }, false)
  return run => {
    const { local, uri, prefix } = name(run)
    const { out } = run
    const { open, source } = out
    out.begin(new XmlElement(local, uri, prefix))
    if (sets !== null) sets(run)
    body(run)
    out.open = open
    out.source = source
  }
}

export function attribute(instruction: XmlElement, site: Site): Instruction {
  const name = nameOf(instruction, site, true)
  const select = instruction.attribute('select')
  if (select !== undefined && site.later) throw needsLaterVersion(instruction, '<xsl:attribute select="…">')
  const text = textContent(instruction.children, site)
  return run => {
    const { local, uri, prefix } = name(run)
    run.out.attribute(local, text(run), uri, prefix)
  }
}

export function comment(instruction: XmlElement, site: Site): Instruction {
  const text = textContent(instruction.children, site)
  // Two hyphens cannot stand in a comment: a blank comes between them (XSLT 1.0 §7.4).
  return run => run.out.comment(text(run).replaceAll(/-(?=-|$)/g, '- '))
}

export function processingInstruction(instruction: XmlElement, site: Site): Instruction {
  const name = asFunction(valueTemplate(required(instruction, 'name'), site, 'name'))
  const text = textContent(instruction.children, site)
  return run => {
    const target = name(run)
    if (!isNcName(target) || target.toLowerCase() === 'xml')
      throw faultAt(
        instruction,
        'TRANSFORM_FAILED',
        `"${target.slice(0, 100)}" cannot be the name of a processing instruction`,
      )
    run.out.instruction(
      target,
      text(run)
        .replaceAll('?>', '? >')
        .replace(/^[ \t\r\n]+/, ''),
    )
  }
}

// ── copies ────────────────────────────────────────────────────────────────────────────────────────────────────────

export function copy(instruction: XmlElement, site: Site): Instruction {
  const sets = attributeSetsOf(instruction.attribute('use-attribute-sets'), instruction, site)
  const body = site.sheet.body(instruction.children, { ...site, declared: NOTHING_DECLARED }, false)
  return run => {
    const { out, node } = run
    switch (node.kind) {
      case 'element': {
        const { open, source } = out
        out.beginCopy(node)
        if (sets !== null) sets(run)
        body(run)
        out.open = open
        out.source = source
        return
      }
      case 'document':
        body(run)
        return
      case 'text':
        out.text(stringOf(node, run.budget.work))
        return
      default:
        out.copy(node)
    }
  }
}

export function copyOf(instruction: XmlElement, site: Site): Instruction {
  const value = valueOf(required(instruction, 'select'), site, 'select')
  return run => put(value(run), run)
}

function put(value: XPathValue, run: Transformation): void {
  if (Array.isArray(value)) for (const node of value) run.out.copy(node)
  else if (typeof value === 'number') run.out.text(numberText(value))
  else if (value !== null) run.out.text(String(value))
}
