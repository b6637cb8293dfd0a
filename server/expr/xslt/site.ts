import type { XmlDocument, XmlElement, XmlNode } from '../../xml/tree.ts'
import { isNcName } from '../../xml/names.ts'
import { attributeOr, invalid } from './fault.ts'
import type { DecimalFormat } from './format-number.ts'
import type { AttributeSet } from './attribute-sets.ts'
import type { KeyDefinition } from './keys.ts'
import type { Mode } from './rules.ts'
import type { GlobalVariable, Instruction, Template } from './transformation.ts'

/** A template with a name, and which parameters it knows. */
export interface NamedTemplate extends Template {
  readonly element: XmlElement
}

/** What instructions ask of the stylesheet as a whole while they are compiled. */
export interface Sheet {
  /** The text asks what the processor can do, so that what it cannot do may stand in a branch never taken. */
  readonly asksForFeatures: boolean
  global(name: string): GlobalVariable | undefined
  named(name: string): NamedTemplate | undefined
  mode(name: string): Mode
  attributeSet(name: string): AttributeSet | undefined
  key(name: string): readonly KeyDefinition[] | undefined
  decimalFormat(name: string): DecimalFormat | undefined
  /** What a namespace of the stylesheet becomes in the result (xsl:namespace-alias). */
  alias(uri: string): { readonly prefix: string; readonly uri: string } | undefined
  /** Texts of documents are stripped as xsl:strip-space says; gives the tree to look at. */
  strip(document: XmlDocument): XmlDocument
  /** The text of the stylesheet that an element stands in, as document('') shows it. */
  document(element: XmlElement): XmlDocument
  /** The instructions of a body; `tail`: nothing follows them in their template. */
  body(children: readonly XmlNode[], site: Site, tail: boolean): Instruction
}

/** How many variables a template needs room for. */
export interface Frame {
  slots: number
}

/** Where in the stylesheet something is compiled. */
export interface Site {
  readonly sheet: Sheet
  readonly element: XmlElement
  readonly frame: Frame
  /** Variables in scope by expanded name, nearest first. */
  readonly variables: Variables | null
  /** Version above 1.0 in force here: unknown things are faults only when they are reached (XSLT 1.0 §2.5). */
  readonly forward: boolean
  /** Of version 2.0 or later. */
  readonly later: boolean
  /** Namespaces that are not copied into the result. */
  readonly excluded: ReadonlySet<string>
  readonly extensions: ReadonlySet<string>
  /** Namespaces by prefix that the literal elements around have put into the result already. */
  readonly declared: ReadonlyMap<string, string>
}

export interface Variables {
  readonly name: string
  readonly slot: number
  readonly next: Variables | null
}

export const NOTHING_DECLARED: ReadonlyMap<string, string> = new Map()

/** The same place one element further in. */
export function inside(site: Site, element: XmlElement): Site {
  return { ...site, element }
}

/** Makes room for a variable; what follows is compiled with the site this returns. */
export function declareVariable(site: Site, name: string): { site: Site; slot: number } {
  const slot = site.frame.slots++
  return { slot, site: { ...site, variables: { name, slot, next: site.variables } } }
}

export function findVariable(variables: Variables | null, name: string): number | undefined {
  for (let at = variables; at !== null; at = at.next) if (at.name === name) return at.slot
  return undefined
}

// ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────

export function expanded(uri: string, local: string): string {
  return uri === '' ? local : `{${uri}}${local}`
}

export interface SplitName {
  readonly prefix: string
  readonly local: string
}

/** A qualified name taken apart; undefined if it is none. */
export function splitName(text: string): SplitName | undefined {
  const colon = text.indexOf(':')
  const prefix = colon < 0 ? '' : text.slice(0, colon)
  const local = text.slice(colon + 1)
  if ((colon >= 0 && !isNcName(prefix)) || !isNcName(local)) return undefined
  return { prefix, local }
}

/** The expanded form of a name in an attribute; without prefix it is in no namespace. */
export function expandName(element: XmlElement, text: string, attribute: string): string {
  const name = splitName(text.trim())
  if (!name) throw invalid(attributeOr(element, attribute), `"${text}" is not a name`)
  if (name.prefix === '') return name.local
  const uri = element.lookupNamespace(name.prefix)
  if (uri === undefined)
    throw invalid(
      attributeOr(element, attribute),
      `the prefix ${name.prefix} is not declared; add xmlns:${name.prefix}`,
    )
  return expanded(uri, name.local)
}

/** A name as it stands in an attribute that must be there. */
export function requiredName(element: XmlElement, attribute: string): string {
  return expandName(element, required(element, attribute), attribute)
}

export function required(element: XmlElement, attribute: string): string {
  const value = element.attribute(attribute)
  if (value === undefined) throw invalid(element, `<${element.name}> needs the attribute ${attribute}`)
  return value
}

/** An attribute that may only be one of some words. */
export function oneOf<const T extends string>(
  element: XmlElement,
  attribute: string,
  words: readonly T[],
  fallback: T,
): T {
  const value = element.attribute(attribute)
  if (value === undefined) return fallback
  const found = words.find(word => word === value.trim())
  if (found === undefined)
    throw invalid(attributeOr(element, attribute), `${attribute}="${value}" must be ${words.join(' or ')}`)
  return found
}

export function isYes(element: XmlElement, attribute: string): boolean {
  return oneOf(element, attribute, ['yes', 'no'], 'no') === 'yes'
}

/** The words of a list separated by blanks. */
export function wordsOf(text: string | undefined): readonly string[] {
  return (text ?? '').split(/[ \t\r\n]+/).filter(word => word !== '')
}
