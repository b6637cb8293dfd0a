import type { Ast, Axis, BinaryOperator, NodeTest, StepNode } from './ast.ts'
import { XPathSyntaxError } from './ast.ts'
import { tokenize } from './lexer.ts'
import type { Token } from './lexer.ts'

/** Parses XPath 1.0; throws {@link XPathSyntaxError}. */
export function parseXPath(source: string): Ast {
  const parser = new Parser(tokenize(source))
  return parser.whole()
}

/** Operators by level, loosest first; all of them bind to the left. */
const LEVELS: readonly (readonly string[])[] = [
  ['or'],
  ['and'],
  ['=', '!='],
  ['<', '<=', '>', '>='],
  ['+', '-'],
  ['*', 'div', 'mod'],
]

const AXES: ReadonlySet<string> = new Set<Axis>([
  'ancestor',
  'ancestor-or-self',
  'attribute',
  'child',
  'descendant',
  'descendant-or-self',
  'following',
  'following-sibling',
  'namespace',
  'parent',
  'preceding',
  'preceding-sibling',
  'self',
])
const NODE_TYPES = new Set(['comment', 'text', 'processing-instruction', 'node'])
const ANYTHING: StepNode = { axis: 'descendant-or-self', test: { kind: 'node' }, predicates: [] }

/** Beyond this somebody's program has gone wrong; evaluating would exhaust the stack. */
const DEEPEST = 200
const LONGEST_CHAIN = 1000

class Parser {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  whole(): Ast {
    const ast = this.#expression()
    if (this.#peek().kind !== 'end') this.#unexpected('an operator or the end')
    return ast
  }

  #expression(): Ast {
    if (++this.#depth > DEEPEST) throw new XPathSyntaxError('the expression is nested too deeply', this.#peek().offset)
    const ast = this.#binary(0)
    this.#depth--
    return ast
  }

  #binary(level: number): Ast {
    const operators = LEVELS[level]
    if (operators === undefined) return this.#unary()
    let left = this.#binary(level + 1)
    for (let count = 0; ; count++) {
      const token = this.#peek()
      if ((token.kind !== 'symbol' && token.kind !== 'operator') || !operators.includes(token.text)) return left
      if (count > LONGEST_CHAIN)
        throw new XPathSyntaxError(`more than ${LONGEST_CHAIN} operators in a row`, token.offset)
      this.#at++
      left = {
        kind: 'binary',
        operator: token.text as BinaryOperator,
        left,
        right: this.#binary(level + 1),
        offset: token.offset,
      }
    }
  }

  #unary(): Ast {
    let negative = false
    let signs = 0
    while (this.#eat('-')) {
      negative = !negative
      signs++
    }
    const operand = this.#union()
    if (signs === 0) return operand
    // An even number of signs still makes a number of it.
    const once: Ast = { kind: 'negate', operand }
    return negative ? once : { kind: 'negate', operand: once }
  }

  #union(): Ast {
    let left = this.#path()
    for (let count = 0; this.#sees('|'); count++) {
      const { offset } = this.#peek()
      if (count > LONGEST_CHAIN) throw new XPathSyntaxError(`more than ${LONGEST_CHAIN} operators in a row`, offset)
      this.#at++
      left = { kind: 'binary', operator: '|', left, right: this.#path(), offset }
    }
    return left
  }

  #path(): Ast {
    const { offset } = this.#peek()
    if (this.#eat('/')) {
      return { kind: 'path', from: 'root', steps: this.#startsStep() ? this.#steps([]) : [], offset }
    }
    if (this.#eat('//')) return { kind: 'path', from: 'root', steps: this.#steps([ANYTHING]), offset }
    if (!this.#startsPrimary()) return { kind: 'path', from: null, steps: this.#steps([]), offset }
    let from = this.#primary()
    const predicates = this.#predicates()
    if (predicates.length > 0) from = { kind: 'filter', from, predicates, offset }
    if (this.#eat('/')) return { kind: 'path', from, steps: this.#steps([]), offset }
    if (this.#eat('//')) return { kind: 'path', from, steps: this.#steps([ANYTHING]), offset }
    return from
  }

  #steps(before: readonly StepNode[]): StepNode[] {
    const steps = [...before, this.#step()]
    for (;;) {
      if (this.#eat('/')) steps.push(this.#step())
      else if (this.#eat('//')) steps.push(ANYTHING, this.#step())
      else return steps
    }
  }

  #step(): StepNode {
    if (this.#eat('.')) return { axis: 'self', test: { kind: 'node' }, predicates: [] }
    if (this.#eat('..')) return { axis: 'parent', test: { kind: 'node' }, predicates: [] }
    let axis: Axis = 'child'
    const token = this.#peek()
    if (this.#eat('@')) axis = 'attribute'
    else if (token.kind === 'name' && token.prefix === null && this.#isSymbol(1, '::')) {
      if (!AXES.has(token.local)) throw new XPathSyntaxError(`${token.local} is not an axis`, token.offset)
      axis = token.local as Axis
      this.#at += 2
    }
    return { axis, test: this.#nodeTest(), predicates: this.#predicates() }
  }

  #nodeTest(): NodeTest {
    const token = this.#peek()
    if (token.kind !== 'name') this.#unexpected('the name of an element or attribute')
    this.#at++
    const { prefix, local, offset } = token
    if (local === '*') return { kind: 'any', prefix, offset }
    if (prefix === null && NODE_TYPES.has(local) && this.#eat('(')) {
      const argument = this.#peek()
      if (local === 'processing-instruction' && argument.kind === 'literal') {
        this.#at++
        this.#need(')')
        return { kind: 'pi', target: argument.text }
      }
      this.#need(')')
      return local === 'processing-instruction'
        ? { kind: 'pi', target: null }
        : { kind: local as 'comment' | 'text' | 'node' }
    }
    return { kind: 'name', prefix: prefix ?? '', local, offset }
  }

  #predicates(): Ast[] {
    const predicates: Ast[] = []
    while (this.#eat('[')) {
      predicates.push(this.#expression())
      this.#need(']')
    }
    return predicates
  }

  #primary(): Ast {
    const token = this.#peek()
    this.#at++
    if (token.kind === 'literal') return { kind: 'literal', value: token.text }
    if (token.kind === 'number') return { kind: 'number', value: Number(token.text) }
    if (token.kind === 'name') return this.#call(token)
    if (token.text === '(') {
      const inner = this.#expression()
      this.#need(')')
      return inner
    }
    const name = this.#peek()
    if (name.kind !== 'name' || name.local === '*') this.#unexpected('the name of a variable')
    this.#at++
    return { kind: 'variable', prefix: name.prefix ?? '', local: name.local, offset: token.offset }
  }

  #call(token: Token & { kind: 'name' }): Ast {
    this.#need('(')
    const args: Ast[] = []
    if (!this.#eat(')')) {
      do args.push(this.#expression())
      while (this.#eat(','))
      this.#need(')')
    }
    return { kind: 'call', prefix: token.prefix ?? '', local: token.local, args, offset: token.offset }
  }

  #startsPrimary(): boolean {
    const token = this.#peek()
    if (token.kind === 'literal' || token.kind === 'number') return true
    if (token.kind === 'symbol') return token.text === '(' || token.text === '$'
    return (
      token.kind === 'name' &&
      this.#isSymbol(1, '(') &&
      !(token.prefix === null && NODE_TYPES.has(token.local)) &&
      token.local !== '*'
    )
  }

  #startsStep(): boolean {
    const token = this.#peek()
    return (
      token.kind === 'name' ||
      (token.kind === 'symbol' && (token.text === '.' || token.text === '..' || token.text === '@'))
    )
  }

  #peek(): Token {
    return this.#tokens[this.#at]!
  }

  #isSymbol(ahead: number, text: string): boolean {
    const token = this.#tokens[this.#at + ahead]
    return token?.kind === 'symbol' && token.text === text
  }

  #sees(text: string): boolean {
    return this.#isSymbol(0, text)
  }

  #eat(text: string): boolean {
    if (!this.#sees(text)) return false
    this.#at++
    return true
  }

  #need(text: string): void {
    if (!this.#eat(text)) this.#unexpected(text)
  }

  #unexpected(expected: string): never {
    const token = this.#peek()
    const found =
      token.kind === 'end' ? 'the expression ends' : `"${'text' in token ? token.text : token.local}" stands`
    throw new XPathSyntaxError(`${expected} is expected where ${found}`, token.offset)
  }
}
