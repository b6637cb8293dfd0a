import type { Transformation } from './transformation.ts'
import { attributeOr, invalid } from './fault.ts'
import { textAt } from './expressions.ts'
import type { Site } from './site.ts'

/** An attribute value template (XSLT 1.0 §7.6.2): either a text, or what computes it. */
export type ValueTemplate = { readonly literal: string } | { readonly text: (run: Transformation) => string }

export function valueTemplate(source: string, site: Site, attribute: string): ValueTemplate {
  if (!source.includes('{') && !source.includes('}')) return { literal: source }
  const pieces: (string | ((run: Transformation) => string))[] = []
  let literal = ''
  let at = 0
  const wrong = (reason: string) => invalid(attributeOr(site.element, attribute), `${reason} in "${source}"`)
  while (at < source.length) {
    const character = source[at]!
    if (character !== '{' && character !== '}') {
      literal += character
      at++
    } else if (source[at + 1] === character) {
      literal += character
      at += 2
    } else if (character === '}') throw wrong('a single } stands outside an expression; write }} for it')
    else {
      const end = endOfExpression(source, at + 1)
      if (end < 0) throw wrong('{ has no }')
      if (literal !== '') pieces.push(literal)
      literal = ''
      pieces.push(textAt(source.slice(at + 1, end), site, attribute))
      at = end + 1
    }
  }
  if (pieces.length === 0) return { literal }
  if (literal !== '') pieces.push(literal)
  const [only] = pieces
  if (pieces.length === 1 && typeof only === 'function') return { text: only }
  return {
    text(run) {
      let text = ''
      for (const piece of pieces) text += typeof piece === 'string' ? piece : piece(run)
      return text
    },
  }
}

/** A brace inside a text in quotes does not end the expression. */
function endOfExpression(source: string, from: number): number {
  let quote = ''
  for (let at = from; at < source.length; at++) {
    const character = source[at]!
    if (quote !== '') {
      if (character === quote) quote = ''
    } else if (character === '"' || character === "'") quote = character
    else if (character === '}') return at
  }
  return -1
}

/** As a function, whether it varies or not. */
export function asFunction(template: ValueTemplate): (run: Transformation) => string {
  if ('text' in template) return template.text
  const { literal } = template
  return () => literal
}
