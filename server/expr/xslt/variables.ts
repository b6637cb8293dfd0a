import { XmlText } from '../../xml/tree.ts'
import type { XmlElement, XmlNode } from '../../xml/tree.ts'
import type { XPathValue } from '../xpath/values.ts'
import { valueOf } from './expressions.ts'
import { invalid, faultAt } from './fault.ts'
import { ResultTree } from './result-tree.ts'
import { declareVariable, inside, requiredName } from './site.ts'
import type { Site } from './site.ts'
import type { Instruction, Parameters, Transformation } from './transformation.ts'
import { XSL } from './vocabulary.ts'

interface Declared {
  readonly site: Site
  readonly instruction: Instruction
}

/** Longer texts in variables are somebody doubling one in a loop. */
const LONGEST_TEXT = 50_000_000

/** The value of a variable, parameter or with-param: an expression, a tree, or an empty text. */
export function bindingOf(element: XmlElement, site: Site): (run: Transformation) => XPathValue {
  const select = element.attribute('select')
  const hasContent = element.children.some(isContent)
  if (select !== undefined) {
    if (hasContent) throw invalid(element, `<${element.name}> has a select and content; keep one of them`)
    const value = valueOf(select, site, 'select')
    return run => {
      const result = value(run)
      if (typeof result === 'string' && result.length > LONGEST_TEXT)
        throw faultAt(
          element,
          'TRANSFORM_FAILED',
          `the text in ${element.attribute('name')} is longer than ${LONGEST_TEXT} characters`,
        )
      return result
    }
  }
  if (!hasContent) return () => ''
  const body = site.sheet.body(element.children, site, false)
  return run => {
    const tree = run.into(new ResultTree(run.budget), body)
    return [tree.fragment()]
  }
}

function isContent(node: XmlNode): boolean {
  return node.kind === 'element' || (node instanceof XmlText && node.value.trim() !== '')
}

export function localVariable(element: XmlElement, site: Site): Declared {
  const value = bindingOf(element, site)
  // Not in scope in its own definition.
  const { slot, site: after } = declareVariable(site, requiredName(element, 'name'))
  return {
    site: after,
    instruction: run => {
      run.frame[slot] = value(run)
    },
  }
}

export function localParameter(element: XmlElement, site: Site): Declared {
  const name = requiredName(element, 'name')
  const fallback = bindingOf(element, site)
  const { slot, site: after } = declareVariable(site, name)
  return {
    site: after,
    instruction: run => {
      const given = run.params?.get(name)
      run.frame[slot] = given === undefined ? fallback(run) : given
    },
  }
}

/** The values that `xsl:with-param` elements hand over; undefined without any. */
export function parametersOf(element: XmlElement, site: Site): ((run: Transformation) => Parameters) | undefined {
  const given = element.childElements
    .filter(child => child.is('with-param', XSL))
    .map(child => ({ name: requiredName(child, 'name'), value: bindingOf(child, inside(site, child)) }))
  if (given.length === 0) return undefined
  const twice = given.find(({ name }, index) => given.findIndex(other => other.name === name) !== index)
  if (twice) throw invalid(element, `the parameter ${twice.name} is given twice`)
  return run => {
    const values = new Map<string, XPathValue>()
    for (const { name, value } of given) values.set(name, value(run))
    return values
  }
}
