import { TAILS } from '../jayway.ts'
import { ExpressionSyntaxError, type BinaryOperator, type ExpressionNode, type PathNode, type Scope } from './ast.ts'
import { Scanner, shown } from './scanner.ts'

/** Expressions inside one another beyond this are refused, so that compiling and evaluating may recurse. */
const DEEPEST = 100

const PROPERTY_SCOPES: Readonly<Record<string, Scope>> = { synapse: 'synapse', axis2: 'axis2' }
const PARAMETER_SCOPES: Readonly<Record<string, Scope>> = {
  queryParams: 'queryParams',
  pathParams: 'pathParams',
  functionParams: 'functionParams',
}
const PAYLOAD_ROOTS = new Set(['payload', '$'])
const VARIABLE_ROOTS = new Set(['vars', 'var'])
const ROOTS = new Set([
  ...PAYLOAD_ROOTS,
  ...VARIABLE_ROOTS,
  'headers',
  'props',
  'properties',
  'params',
  'configs',
  'config',
])
const COMPARISONS = new Set(['==', '!=', '>', '>=', '<', '<='])
const LOGICAL: Readonly<Record<string, BinaryOperator>> = { and: 'and', '&&': 'and', or: 'or', '||': 'or' }

/**
 * The tree of what stands between `${` and `}`. Operators bind as in Synapse, which is not as one would expect: `and`
 * and `or` bind tighter than comparisons (trap H43). Throws ExpressionSyntaxError.
 */
export function parseExpression(source: string): ExpressionNode {
  return new Parser(new Scanner(source)).whole()
}

class Parser {
  readonly #scanner: Scanner
  #depth = 0

  constructor(scanner: Scanner) {
    this.#scanner = scanner
  }

  whole(): ExpressionNode {
    const node = this.#expression()
    const { next } = this.#scanner
    if (next.kind !== 'end')
      throw new ExpressionSyntaxError(`an operator or the end is expected ${shown(next)}`, next.start)
    return node
  }

  #expression(): ExpressionNode {
    return this.#deeper(() => {
      const test = this.#comparison()
      if (!this.#scanner.takes('?')) return test
      const yes = this.#expression()
      this.#scanner.expect(':')
      return { kind: 'conditional', test, yes, no: this.#expression() }
    })
  }

  #deeper(parse: () => ExpressionNode): ExpressionNode {
    const { start } = this.#scanner.next
    if (++this.#depth > DEEPEST)
      throw new ExpressionSyntaxError(`expressions stand more than ${DEEPEST} deep in one another`, start)
    const node = parse()
    this.#depth--
    return node
  }

  #comparison(): ExpressionNode {
    let left = this.#logical()
    for (;;) {
      const { kind, text } = this.#scanner.next
      if (kind !== 'symbol' || !COMPARISONS.has(text)) return left
      this.#scanner.take()
      left = { kind: 'binary', operator: text as BinaryOperator, left, right: this.#logical() }
    }
  }

  /** From right to left: `a and b or c` is `a and (b or c)`. */
  #logical(): ExpressionNode {
    const operands = [this.#sum()]
    const operators: BinaryOperator[] = []
    for (;;) {
      const { kind, text } = this.#scanner.next
      const operator = kind === 'name' || kind === 'symbol' ? LOGICAL[text] : undefined
      if (operator === undefined) break
      this.#scanner.take()
      operators.push(operator)
      operands.push(this.#sum())
    }
    return operands.reduceRight((right, left, index) => ({ kind: 'binary', operator: operators[index]!, left, right }))
  }

  #sum(): ExpressionNode {
    return this.#leftToRight(['+', '-'], () => this.#product())
  }

  #product(): ExpressionNode {
    return this.#leftToRight(['*', '/', '%'], () => this.#factor())
  }

  #leftToRight(operators: readonly string[], operand: () => ExpressionNode): ExpressionNode {
    let left = operand()
    for (;;) {
      const { kind, text } = this.#scanner.next
      if (kind !== 'symbol' || !operators.includes(text)) return left
      this.#scanner.take()
      left = { kind: 'binary', operator: text as BinaryOperator, left, right: operand() }
    }
  }

  #factor(): ExpressionNode {
    const token = this.#scanner.take()
    switch (token.kind) {
      case 'number':
        return token.text.includes('.')
          ? { kind: 'literal', value: Number(token.text), decimal: token.text }
          : { kind: 'literal', value: Number(token.text) }
      case 'text':
        return { kind: 'literal', value: token.text }
      case 'name':
        return this.#named(token.text, token.start)
      case 'symbol':
        break
      case 'end':
        throw new ExpressionSyntaxError('a value is expected at the end', token.start)
    }
    switch (token.text) {
      case '$':
        return { kind: 'payload', path: this.#path() }
      case '-': {
        const of = this.#deeper(() => this.#factor())
        return of.kind === 'literal' && typeof of.value === 'number' ? negated(of) : { kind: 'negative', of }
      }
      case '(': {
        const inner = this.#expression()
        this.#scanner.expect(')')
        return inner
      }
      case '[':
        return { kind: 'array', items: this.#list(']') }
      default:
        throw new ExpressionSyntaxError(`a value is expected ${shown(token)}`, token.start)
    }
  }

  #named(name: string, start: number): ExpressionNode {
    switch (name) {
      case 'true':
      case 'false':
        return { kind: 'literal', value: name === 'true' }
      case 'null':
        return { kind: 'literal', value: null }
      case 'headers':
        return { kind: 'scoped', scope: 'headers', name: this.#member() }
      case 'config':
      case 'configs':
        return { kind: 'scoped', scope: 'configs', name: this.#member() }
      case 'props':
      case 'properties':
        return this.#inScope(name, PROPERTY_SCOPES)
      case 'params':
        return this.#inScope(name, PARAMETER_SCOPES)
    }
    if (PAYLOAD_ROOTS.has(name)) return { kind: 'payload', path: this.#path() }
    if (VARIABLE_ROOTS.has(name)) return { kind: 'variable', name: this.#member(), path: this.#path() }
    if (this.#scanner.takes('(')) return this.#call(name, start)
    throw new ExpressionSyntaxError(
      `${name} is not known; an expression begins with payload, vars, headers, props, params, configs or a function`,
      start,
    )
  }

  #call(name: string, offset: number): ExpressionNode {
    const args = this.#list(')')
    if (name === 'registry' && this.#followedBy('.', 'property')) {
      this.#scanner.take()
      this.#scanner.take()
      this.#scanner.expect('(')
      return { kind: 'call', name: 'registry', args: [...args, ...this.#list(')')], path: undefined, offset }
    }
    return { kind: 'call', name, args, path: this.#path(), offset }
  }

  /** True for `.name(`. */
  #followedBy(symbol: string, name: string): boolean {
    const { next, source } = this.#scanner
    return this.#scanner.sees(symbol) && source.slice(next.end).trimStart().startsWith(`${name}(`)
  }

  #inScope(root: string, scopes: Readonly<Record<string, Scope>>): ExpressionNode {
    const { start } = this.#scanner.next
    const word = this.#member()
    const scope = scopes[word]
    if (scope === undefined) {
      throw new ExpressionSyntaxError(
        `${root}.${word} is not known; ${root} has ${Object.keys(scopes).join(', ')}`,
        start,
      )
    }
    return { kind: 'scoped', scope, name: this.#member() }
  }

  /** `.name`, `.'a name'`, `["a name"]`, `.["a name"]`. */
  #member(): string {
    const scanner = this.#scanner
    const dotted = scanner.takes('.')
    const token = scanner.next
    if (dotted && (token.kind === 'name' || token.kind === 'text')) return scanner.take().text
    if (scanner.takes('[') && scanner.next.kind === 'text') {
      const { text } = scanner.take()
      scanner.expect(']')
      return text
    }
    throw new ExpressionSyntaxError(`.name or ["name"] is expected ${shown(token)}`, token.start)
  }

  #list(closing: string): ExpressionNode[] {
    const items: ExpressionNode[] = []
    if (this.#scanner.takes(closing)) return items
    do items.push(this.#expression())
    while (this.#scanner.takes(','))
    this.#scanner.expect(closing)
    return items
  }

  // ── JSONPath ──

  #path(): PathNode | undefined {
    const offset = this.#scanner.next.start
    const pieces = new Pieces()
    for (;;) {
      const { kind, text } = this.#scanner.next
      if (kind !== 'symbol') break
      if (text === '[') this.#bracket(pieces)
      else if (text === '.') this.#step(pieces)
      else if (text === '..') this.#deepStep(pieces)
      else break
    }
    return pieces.list.length === 0 ? undefined : { pieces: pieces.list, offset }
  }

  #step(pieces: Pieces): void {
    const scanner = this.#scanner
    scanner.take()
    const token = scanner.next
    if (token.kind === 'text') pieces.text(`[${quoted(scanner.take().text)}]`)
    else if (scanner.sees('*')) pieces.text(`.${scanner.take().text}`)
    else if (scanner.sees('[')) this.#bracket(pieces)
    else if (token.kind === 'name') {
      scanner.take()
      if (scanner.sees('(') && (TAILS as readonly string[]).includes(token.text)) {
        scanner.take()
        scanner.expect(')')
        pieces.text(`.${token.text}()`)
      } else pieces.text(`.${token.text}`)
    } else throw new ExpressionSyntaxError(`a name is expected ${shown(token)}`, token.start)
  }

  #deepStep(pieces: Pieces): void {
    const scanner = this.#scanner
    scanner.take()
    const token = scanner.next
    if (token.kind === 'name' || scanner.sees('*')) pieces.text(`..${scanner.take().text}`)
    else if (scanner.sees('[')) {
      pieces.text('..')
      this.#bracket(pieces)
    } else throw new ExpressionSyntaxError(`a name is expected ${shown(token)}`, token.start)
  }

  /** `[0]`, `["a b"]`, `[vars.i]`, `[1,2]`, `[1:3]`, `[*]`, `[?(…)]`. */
  #bracket(pieces: Pieces): void {
    const scanner = this.#scanner
    const opening = scanner.expect('[')
    pieces.text('[')
    if (scanner.sees('?')) this.#filter(pieces, scanner.next.start, opening.start)
    else if (scanner.sees('*')) pieces.text(scanner.take().text)
    else {
      for (;;) {
        if (scanner.sees(',') || scanner.sees(':')) pieces.text(scanner.take().text)
        else if (scanner.sees(']') || scanner.next.kind === 'end') break
        else pieces.value(this.#comparison())
      }
    }
    scanner.expect(']')
    pieces.text(']')
  }

  /** The text of a filter is JSONPath; values of the message in it are put in when it is evaluated. */
  #filter(pieces: Pieces, start: number, opening: number): void {
    const { source } = this.#scanner
    let depth = 0
    let from = start
    let at = start
    for (; at < source.length; at++) {
      const character = source[at]!
      if (character === '[') depth++
      else if (character === ']' && depth-- === 0) break
      else if (character === '"' || character === "'") at = endOfText(source, at)
      else if (/[A-Za-z_]/.test(character)) {
        const [name] = /^\w+/.exec(source.slice(at))!
        if (!/[.@\w]\s*$/.test(source.slice(start, at)) && isOurs(name, source.slice(at + name.length))) {
          pieces.text(source.slice(from, at))
          this.#scanner.goTo(at)
          pieces.value(this.#factor())
          from = endOfPrevious(source, this.#scanner.next.start)
          at = from - 1
        } else at += name.length - 1
      }
    }
    if (at >= source.length) throw new ExpressionSyntaxError('[ has no ]', opening)
    pieces.text(source.slice(from, at))
    this.#scanner.goTo(at)
  }
}

/** A root of ours, or a function that is not applied to the item of the filter. */
function isOurs(name: string, rest: string): boolean {
  if (ROOTS.has(name)) return /^\s*[.[]/.test(rest)
  const call = /^\(([^()]*)\)/.exec(rest)
  return call !== null && !call[1]!.includes('@')
}

function endOfPrevious(source: string, next: number): number {
  return source.slice(0, next).trimEnd().length
}

function endOfText(source: string, start: number): number {
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === '\\') at++
    else if (source[at] === source[start]) return at
  }
  throw new ExpressionSyntaxError('the text has no closing quote', start)
}

function negated(of: ExpressionNode & { kind: 'literal' }): ExpressionNode {
  const value = -(of.value as number)
  return of.decimal === undefined ? { kind: 'literal', value } : { kind: 'literal', value, decimal: `-${of.decimal}` }
}

/** A text as JSONPath quotes it. */
export function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`
}

class Pieces {
  readonly list: (string | ExpressionNode)[] = []

  text(text: string): void {
    const last = this.list.at(-1)
    if (typeof last === 'string') this.list[this.list.length - 1] = last + text
    else this.list.push(text)
  }

  value(node: ExpressionNode): void {
    if (node.kind === 'literal') this.text(typeof node.value === 'string' ? quoted(node.value) : String(node.value))
    else this.list.push(node)
  }
}
