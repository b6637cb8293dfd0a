import { XML_NAMESPACE } from '../../xml/names.ts'
import type { XmlElement, XmlNode } from '../../xml/tree.ts'
import { applyImports, applyTemplates, callTemplate } from './calls.ts'
import {
  attribute,
  comment,
  copy,
  copyOf,
  element,
  processingInstruction,
  text,
  valueOfInstruction,
} from './constructors.ts'
import { choose, forEach, ifInstruction, message } from './control.ts'
import { faultAt, invalid, needsLaterVersion } from './fault.ts'
import { literalElement } from './literal-elements.ts'
import { numbering } from './numbering.ts'
import { inside } from './site.ts'
import type { Site } from './site.ts'
import type { Instruction } from './transformation.ts'
import { localParameter, localVariable } from './variables.ts'
import { LATER_INSTRUCTIONS, XSL } from './vocabulary.ts'

type Compile = (element: XmlElement, site: Site, tail: boolean) => Instruction

const COMPILERS: ReadonlyMap<string, Compile> = new Map<string, Compile>([
  ['apply-imports', applyImports],
  ['apply-templates', applyTemplates],
  ['attribute', attribute],
  ['call-template', callTemplate],
  ['choose', choose],
  ['comment', comment],
  ['copy', copy],
  ['copy-of', copyOf],
  ['element', element],
  ['fallback', () => NOTHING],
  ['for-each', forEach],
  ['if', ifInstruction],
  ['message', message],
  ['number', numbering],
  ['processing-instruction', processingInstruction],
  ['text', text],
  ['value-of', valueOfInstruction],
])

/** Compiles the children of an element in order. A variable is in scope for what follows it. */
export function compileBody(children: readonly XmlNode[], site: Site, tail: boolean): Instruction {
  const steps: Instruction[] = []
  const last = children.findLastIndex(isContent)
  let here = site
  let onlyParameters = site.element.is('template', XSL)
  for (const [index, child] of children.entries()) {
    if (child.kind === 'text') {
      if (!isContent(child)) continue
      const { value } = child
      steps.push(run => run.out.text(value))
      onlyParameters = false
      continue
    }
    if (child.kind !== 'element' || child.is('sort', XSL) || child.is('with-param', XSL)) continue
    const place = inside(here, child)
    if (child.is('variable', XSL) || child.is('param', XSL)) {
      if (child.local === 'param' && !onlyParameters)
        throw invalid(child, '<xsl:param> stands at the beginning of a template')
      const declared = (child.local === 'param' ? localParameter : localVariable)(child, place)
      here = { ...declared.site, element: site.element }
      steps.push(declared.instruction)
      onlyParameters &&= child.local === 'param'
      continue
    }
    onlyParameters = false
    steps.push(compileElement(child, place, tail && index === last))
  }
  return inOrder(steps)
}

/** Texts that are only white space do not count in a stylesheet, except in xsl:text and where they are preserved. */
function isContent(node: XmlNode): boolean {
  if (node.kind === 'element') return true
  if (node.kind !== 'text') return false
  if (/[^ \t\r\n]/.test(node.value)) return true
  // A CDATA section next to it makes one text of both.
  const siblings = node.parent?.children ?? []
  const place = siblings.indexOf(node)
  const hasText = (beside: XmlNode | undefined): boolean => beside?.kind === 'text' && /[^ \t\r\n]/.test(beside.value)
  return hasText(siblings[place - 1]) || hasText(siblings[place + 1]) || keepsSpace(node.parent)
}

function keepsSpace(at: XmlNode['parent']): boolean {
  for (let element = at; element?.kind === 'element'; element = element.parent) {
    const given = element.attribute('space', XML_NAMESPACE)
    if (given !== undefined) return given === 'preserve'
  }
  return false
}

function compileElement(element: XmlElement, site: Site, tail: boolean): Instruction {
  if (element.uri === XSL) {
    const compile = COMPILERS.get(element.local)
    return compile ? compile(element, site, tail) : unknownInstruction(element, site, tail)
  }
  if (site.extensions.has(element.uri)) return fallbackOr(element, site, tail, () => extensionFault(element))
  return literalElement(element, site)
}

function extensionFault(element: XmlElement) {
  return faultAt(element, 'NOT_SUPPORTED', `the extension element <${element.name}> does not exist here`)
}

/** XSLT 1.0 §15: what is inside xsl:fallback, else a fault when it is reached, or now if nothing could have avoided it. */
function unknownInstruction(element: XmlElement, site: Site, tail: boolean): Instruction {
  const isLater = LATER_INSTRUCTIONS.has(element.local)
  if (!site.forward) {
    throw isLater
      ? needsLaterVersion(element, `<${element.name}>`)
      : invalid(element, `<${element.name}> is no instruction of XSLT`)
  }
  return fallbackOr(element, site, tail, () =>
    isLater || site.later
      ? needsLaterVersion(element, `<${element.name}>`)
      : faultAt(element, 'NOT_SUPPORTED', `<${element.name}> is no instruction of XSLT 1.0`),
  )
}

function fallbackOr(element: XmlElement, site: Site, tail: boolean, fault: () => Error): Instruction {
  const fallbacks = element.childElements.filter(child => child.is('fallback', XSL))
  if (fallbacks.length > 0) {
    return inOrder(
      fallbacks.map((child, index) =>
        compileBody(child.children, inside(site, child), tail && index === fallbacks.length - 1),
      ),
    )
  }
  if (!site.sheet.asksForFeatures) throw fault()
  return () => {
    throw fault()
  }
}

const NOTHING: Instruction = () => undefined

function inOrder(steps: readonly Instruction[]): Instruction {
  const [first, second, third] = steps
  switch (steps.length) {
    case 0:
      return NOTHING
    case 1:
      return first!
    case 2:
      return run => {
        first!(run)
        second!(run)
      }
    case 3:
      return run => {
        first!(run)
        second!(run)
        third!(run)
      }
    default:
      return run => {
        for (let index = 0; index < steps.length; index++) steps[index]!(run)
      }
  }
}
