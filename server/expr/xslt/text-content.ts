import type { XmlNode } from '../../xml/tree.ts'
import { ResultTree } from './result-tree.ts'
import type { Site } from './site.ts'
import { textAt } from './expressions.ts'
import { inside, required } from './site.ts'
import type { Instruction, Transformation } from './transformation.ts'
import { XSL } from './vocabulary.ts'

/**
 * What a body comes to as text: the content of attributes, comments and messages. Of elements inside it the text counts,
 * which is how processors recover from them (XSLT 1.0 §7.1.3).
 */
export function textContent(children: readonly XmlNode[], site: Site): (run: Transformation) => string {
  return simpleText(children, site) ?? wholeText(site.sheet.body(children, site, false))
}

/** A single text or value, which needs no tree. */
function simpleText(children: readonly XmlNode[], site: Site): ((run: Transformation) => string) | undefined {
  const counted = children.filter(
    child => child.kind === 'element' || (child.kind === 'text' && child.value.trim() !== ''),
  )
  const [only] = counted
  if (only === undefined) return children.some(child => child.kind === 'text') ? undefined : () => ''
  if (counted.length > 1) return undefined
  if (only.kind === 'text') {
    if (children.length > 1) return undefined
    const { value } = only
    return () => value
  }
  if (only.kind !== 'element') return undefined
  if (only.is('text', XSL) && only.childElements.length === 0) {
    const { text } = only
    return () => text
  }
  if (only.is('value-of', XSL) && children.every(child => child.kind !== 'text' || child.value.trim() === ''))
    return textAt(required(only, 'select'), inside(site, only), 'select')
  return undefined
}

function wholeText(body: Instruction): (run: Transformation) => string {
  return run => {
    const tree = run.into(new ResultTree(run.budget), body)
    return tree.top.text
  }
}
