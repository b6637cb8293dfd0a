import { ncNameMatcher } from '../../xml/names.ts'
import { XPathSyntaxError } from './ast.ts'

export type Token =
  /** Any symbol, and the operator names `and or div mod` and `*` where they are operators. */
  | { readonly kind: 'operator'; readonly text: string; readonly offset: number }
  | { readonly kind: 'symbol'; readonly text: string; readonly offset: number }
  /** `*`, `p:*`, `name`, `p:name`; local is `*` for the first two, prefix null where none is written. */
  | { readonly kind: 'name'; readonly prefix: string | null; readonly local: string; readonly offset: number }
  | { readonly kind: 'literal'; readonly text: string; readonly offset: number }
  | { readonly kind: 'number'; readonly text: string; readonly offset: number }
  | { readonly kind: 'end'; readonly text: ''; readonly offset: number }

const SPACE = /[ \t\r\n]+/y
const NUMBER = /\d+(?:\.\d*)?|\.\d+/y
const SYMBOL = /::|\.\.|\/\/|!=|<=|>=|[()[\]@,/|+\-=<>.$]/y
const OPERATOR_NAMES = new Set(['and', 'or', 'div', 'mod'])

/** The tokens of an expression, by the rules of XPath 1.0 §3.7 that tell operators from names. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  const name = ncNameMatcher()
  let at = 0
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(source)?.[0]
    if (found !== undefined) at += found.length
    return found
  }
  for (;;) {
    match(SPACE)
    const offset = at
    if (at >= source.length) {
      tokens.push({ kind: 'end', text: '', offset })
      return tokens
    }
    const character = source[at]!
    if (character === '"' || character === "'") {
      const end = source.indexOf(character, at + 1)
      if (end < 0) throw new XPathSyntaxError('a text in quotes has no end', offset, `Add ${character}.`)
      tokens.push({ kind: 'literal', text: source.slice(at + 1, end), offset })
      at = end + 1
      continue
    }
    const number = match(NUMBER)
    if (number !== undefined) {
      tokens.push({ kind: 'number', text: number, offset })
      continue
    }
    const operatorComes = endsOperand(tokens.at(-1))
    if (character === '*') {
      at++
      tokens.push(
        operatorComes ? { kind: 'operator', text: '*', offset } : { kind: 'name', prefix: null, local: '*', offset },
      )
      continue
    }
    const first = match(name)
    if (first !== undefined) {
      if (operatorComes && OPERATOR_NAMES.has(first)) {
        tokens.push({ kind: 'operator', text: first, offset })
        continue
      }
      if (source[at] === ':' && source[at + 1] !== ':') {
        at++
        const local = source[at] === '*' ? '*' : match(name)
        if (local === undefined) throw new XPathSyntaxError(`a name is expected after ${first}:`, at)
        if (local === '*') at++
        tokens.push({ kind: 'name', prefix: first, local, offset })
      } else tokens.push({ kind: 'name', prefix: null, local: first, offset })
      continue
    }
    const symbol = match(SYMBOL)
    if (symbol === undefined) throw new XPathSyntaxError(`${character} has no meaning in XPath`, offset)
    tokens.push({ kind: 'symbol', text: symbol, offset })
  }
}

/** After an operand `*` multiplies and `and`, `or`, `div`, `mod` are operators; elsewhere they are names. */
function endsOperand(last: Token | undefined): boolean {
  if (last === undefined || last.kind === 'operator') return false
  return last.kind !== 'symbol' || last.text === ')' || last.text === ']' || last.text === '.' || last.text === '..'
}
