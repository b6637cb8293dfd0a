import { ExpressionSyntaxError } from './ast.ts'

export interface Token {
  readonly kind: 'name' | 'number' | 'text' | 'symbol' | 'end'
  /** A symbol or name as written, a number's digits, a text without its quotes and escapes. */
  readonly text: string
  readonly start: number
  readonly end: number
}

const BLANK = /\s*/y
const NAME = /[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*/y
const NUMBER = /\d+(?:\.\d+)?/y
const SYMBOL = /\|\||&&|==|!=|>=|<=|\.\.|[-+*/%()[\].,:?<>$]/y
/** Functions whose names have a hyphen; elsewhere a hyphen is a minus sign. */
const HYPHENATED = /(?:wso2|hashicorp)-vault(?=\s*\()/y
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r' }

/** Tokens of an expression, one ahead. The parser may go on from any character: filters of a JSONPath have a grammar of their own. */
export class Scanner {
  readonly source: string
  #next: Token

  constructor(source: string) {
    this.source = source
    this.#next = this.#read(0)
  }

  get next(): Token {
    return this.#next
  }

  take(): Token {
    const token = this.#next
    if (token.kind !== 'end') this.#next = this.#read(token.end)
    return token
  }

  /** True if the symbol is the next token. */
  sees(symbol: string): boolean {
    return this.#next.kind === 'symbol' && this.#next.text === symbol
  }

  /** Takes the symbol if it is the next token. */
  takes(symbol: string): boolean {
    if (!this.sees(symbol)) return false
    this.take()
    return true
  }

  expect(symbol: string): Token {
    const { next } = this
    if (!this.takes(symbol)) throw new ExpressionSyntaxError(`"${symbol}" is expected ${shown(next)}`, next.start)
    return next
  }

  goTo(offset: number): void {
    this.#next = this.#read(offset)
  }

  #read(from: number): Token {
    const { source } = this
    const start = from + this.#match(BLANK, from)!.length
    if (start >= source.length) return { kind: 'end', text: '', start, end: start }
    const found = (kind: Token['kind'], text: string): Token => ({ kind, text, start, end: start + text.length })
    const name = this.#match(HYPHENATED, start) ?? this.#match(NAME, start)
    if (name !== undefined) return found('name', name)
    const number = this.#match(NUMBER, start)
    if (number !== undefined) return found('number', number)
    const symbol = this.#match(SYMBOL, start)
    if (symbol !== undefined) return found('symbol', symbol)
    const quote = source[start]!
    if (quote === '"' || quote === "'") return this.#readText(start, quote)
    throw new ExpressionSyntaxError(`"${quote}" has no meaning here`, start)
  }

  #readText(start: number, quote: string): Token {
    const { source } = this
    let text = ''
    for (let at = start + 1; at < source.length; at++) {
      const character = source[at]!
      if (character === quote) return { kind: 'text', text, start, end: at + 1 }
      if (character !== '\\') {
        text += character
        continue
      }
      const escaped = source[++at] ?? ''
      const code = escaped === 'u' ? /^[0-9a-fA-F]{4}/.exec(source.slice(at + 1)) : null
      if (code) {
        text += String.fromCharCode(Number.parseInt(code[0], 16))
        at += 4
      } else text += ESCAPES[escaped] ?? escaped
    }
    throw new ExpressionSyntaxError('the text has no closing quote', start)
  }

  #match(pattern: RegExp, at: number): string | undefined {
    pattern.lastIndex = at
    return pattern.exec(this.source)?.[0]
  }
}

export function shown({ kind, text }: Token): string {
  return kind === 'end' ? 'at the end' : `where "${text}" stands`
}
