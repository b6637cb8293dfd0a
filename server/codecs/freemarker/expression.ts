/** Expressions of FreeMarker, read into functions. */
import { builtIn, type BuiltIn } from './built-ins.ts'
import {
  add,
  compare,
  isRange,
  Missing,
  multiply,
  number,
  OpenRange,
  present,
  rangeOf,
  same,
  truth,
  within,
  type Scope,
} from './operators.ts'
import { END, literal, tokensOf, type Token } from './tokens.ts'
import { memberOf, XmlNodes } from './values.ts'

export type Eval = (scope: Scope) => unknown

/** Deeper than this an expression is nobody's work. */
const MOST_NESTED = 100

/** Words that are operators. */
const WORDS: Readonly<Record<string, string>> = { lt: '<', lte: '<=', gt: '>', gte: '>=' }

/** Throws a TypeError that says what is wrong with it, or beyond what is offered. */
export function parseExpression(source: string): Eval {
  const reader = new Reader(tokensOf(source))
  const made = reader.expression()
  reader.expect('end')
  return made
}

/** `NAME = EXPRESSION`, any number of them, as `<#assign>` has them. */
export function parseAssignments(source: string): readonly { readonly name: string; readonly value: Eval }[] {
  const reader = new Reader(tokensOf(source))
  const made: { name: string; value: Eval }[] = []
  do {
    const name = reader.name()
    reader.expect('=')
    made.push({ name, value: reader.expression() })
    reader.takes(',')
  } while (!reader.isAtEnd)
  return made
}

/** `EXPRESSION as NAME`, or `EXPRESSION as KEY, NAME`; without `as` for `<#items>`. */
export function parseList(source: string): { readonly from: Eval; readonly names: readonly string[] } {
  const reader = new Reader(tokensOf(source))
  const from = reader.expression()
  return { from, names: reader.isAtEnd ? [] : reader.listNames() }
}

export function parseItems(source: string): readonly string[] {
  return new Reader(tokensOf(source)).listNames()
}

class Reader {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#tokens.length
  }

  listNames(): string[] {
    if (this.name() !== 'as') throw new TypeError('"as" and a name are expected')
    const names = [this.name()]
    if (this.takes(',')) names.push(this.name())
    this.expect('end')
    return names
  }

  name(): string {
    const { kind, text } = this.#next()
    if (kind !== 'name') throw new TypeError(`a name is expected, not ${text}`)
    return text
  }

  takes(sign: string): boolean {
    const { kind, text } = this.#peek()
    if (kind !== 'sign' || text !== sign) return false
    this.#at++
    return true
  }

  expect(what: string): void {
    const { kind, text } = this.#next()
    if (what === 'end' ? kind !== 'end' : kind !== 'sign' || text !== what)
      throw new TypeError(what === 'end' ? `"${text}" is too much` : `"${what}" is expected, not ${text}`)
  }

  expression(): Eval {
    if (++this.#depth > MOST_NESTED) throw new TypeError(`it is nested more than ${MOST_NESTED} levels deep`)
    const made = this.#or()
    this.#depth--
    return made
  }

  #or(): Eval {
    let left = this.#and()
    while (this.takes('||')) {
      const [a, b] = [left, this.#and()]
      left = scope => truth(a(scope)) || truth(b(scope))
    }
    return left
  }

  #and(): Eval {
    let left = this.#equality()
    while (this.takes('&&')) {
      const [a, b] = [left, this.#equality()]
      left = scope => truth(a(scope)) && truth(b(scope))
    }
    return left
  }

  #equality(): Eval {
    let left = this.#relation()
    for (;;) {
      const isEqual = this.takes('==') || this.takes('=')
      if (!isEqual && !this.takes('!=')) return left
      const [a, b] = [left, this.#relation()]
      left = scope => same(present(a(scope)), present(b(scope))) === isEqual
    }
  }

  #relation(): Eval {
    let left = this.#range()
    for (;;) {
      const { kind, text } = this.#peek()
      const sign = kind === 'name' ? WORDS[text] : kind === 'sign' && /^[<>]=?$/.test(text) ? text : undefined
      if (sign === undefined) return left
      this.#at++
      const [a, b] = [left, this.#range()]
      left = scope => compare(sign, number(a(scope)), number(b(scope)))
    }
  }

  #range(): Eval {
    const from = this.#sum()
    const { kind, text } = this.#peek()
    if (kind !== 'sign' || !text.startsWith('..')) return from
    this.#at++
    const isOpen = text === '..' && (this.isAtEnd || [']', ')', ','].includes(this.#peek().text))
    if (isOpen) return scope => new OpenRange(number(from(scope)))
    const to = this.#sum()
    return scope => rangeOf(number(from(scope)), number(to(scope)), text, scope.budget)
  }

  #sum(): Eval {
    let left = this.#product()
    for (;;) {
      if (this.takes('+')) {
        const [a, b] = [left, this.#product()]
        left = scope => add(present(a(scope)), present(b(scope)), scope.budget)
      } else if (this.takes('-')) {
        const [a, b] = [left, this.#product()]
        left = scope => number(a(scope)) - number(b(scope))
      } else return left
    }
  }

  #product(): Eval {
    let left = this.#unary()
    for (;;) {
      const { kind, text } = this.#peek()
      if (kind !== 'sign' || !/^[*/%]$/.test(text)) return left
      this.#at++
      const [a, b] = [left, this.#unary()]
      left = scope => multiply(text, number(a(scope)), number(b(scope)))
    }
  }

  #unary(): Eval {
    if (this.takes('!')) {
      const inner = this.#nested(() => this.#unary())
      return scope => !truth(inner(scope))
    }
    if (this.takes('-')) {
      const inner = this.#nested(() => this.#unary())
      return scope => -number(inner(scope))
    }
    if (this.takes('+')) return this.#nested(() => this.#unary())
    return this.#postfix()
  }

  #nested(read: () => Eval): Eval {
    if (++this.#depth > MOST_NESTED) throw new TypeError(`it is nested more than ${MOST_NESTED} levels deep`)
    const made = read()
    this.#depth--
    return made
  }

  #postfix(): Eval {
    let made: Eval
    let name: string | undefined
    let inParentheses = false
    const first = this.#next()
    if (first.kind === 'number') made = constant(Number(first.text))
    else if (first.kind === 'text') made = constant(literal(first.text))
    else if (first.kind === 'name') {
      name = first.text
      made = variable(first.text)
    } else if (first.text === '(') {
      made = this.expression()
      this.expect(')')
      inParentheses = true
    } else if (first.text === '[') made = this.#sequence()
    else if (first.text === '{') made = this.#hash()
    else throw new TypeError(`a value is expected, not ${first.text}`)

    for (;;) {
      const target = made
      const loose = inParentheses
      if (this.takes('.')) {
        const key = this.takes('*') ? '*' : this.#member()
        made = scope => memberOf(present(target(scope)), key)
      } else if (this.takes('[')) {
        const index = this.expression()
        this.expect(']')
        made = scope => within(present(target(scope)), present(index(scope)), scope.budget)
      } else if (this.takes('??')) {
        made = scope => asked(target, scope, loose) !== undefined
      } else if (this.takes('!')) {
        const fallback = this.#beginsValue() ? this.#sum() : constant('')
        made = scope => asked(target, scope, loose) ?? fallback(scope)
      } else if (this.takes('?')) {
        made = this.#builtIn(target, name, inParentheses)
      } else return made
      inParentheses = false
      name = undefined
    }
  }

  /** After a dot, words such as `lt` and numbers are names like any other. */
  #member(): string {
    const { kind, text } = this.#next()
    if (kind !== 'name' && kind !== 'number') throw new TypeError(`a name is expected after the dot, not ${text}`)
    return text
  }

  #builtIn(target: Eval, variableName: string | undefined, inParentheses: boolean): Eval {
    const name = this.name()
    const given: Eval[] = []
    const hasArguments = this.takes('(')
    if (hasArguments && !this.takes(')')) {
      do given.push(this.expression())
      while (this.takes(','))
      this.expect(')')
    }
    const found: BuiltIn | undefined = builtIn(name, given.length)
    if (!found) throw new TypeError(`?${name} is not supported`)
    if (found.kind === 'loop') {
      if (variableName === undefined) throw new TypeError(`?${name} belongs behind the name of a loop`)
      return scope => {
        const loop = scope.loop(variableName)
        if (!loop) throw new TypeError(`${variableName} is no variable of a loop`)
        return found.of(loop)
      }
    }
    if (found.kind === 'question')
      return scope =>
        found.of(
          asked(target, scope, inParentheses),
          given.map(one => () => one(scope)),
        )
    return scope => {
      scope.budget.step()
      return found.of(
        present(target(scope)),
        given.map(one => present(one(scope))),
        scope.budget,
      )
    }
  }

  #sequence(): Eval {
    const items: Eval[] = []
    if (!this.takes(']')) {
      do items.push(this.expression())
      while (this.takes(','))
      this.expect(']')
    }
    if (items.length === 1)
      return scope => (only => (Array.isArray(only) && isRange(only) ? only : [only]))(items[0]!(scope))
    return scope => items.map(item => item(scope))
  }

  #hash(): Eval {
    const entries: (readonly [Eval, Eval])[] = []
    if (!this.takes('}')) {
      do {
        const key = this.expression()
        this.expect(':')
        entries.push([key, this.expression()])
      } while (this.takes(','))
      this.expect('}')
    }
    return scope => Object.fromEntries(entries.map(([key, value]) => [String(key(scope)), value(scope)]))
  }

  /** What may stand behind `!`: without it the default is an empty text. */
  #beginsValue(): boolean {
    const { kind, text } = this.#peek()
    if (kind === 'name') return !(text in WORDS) && text !== 'as'
    return kind === 'number' || kind === 'text' || (kind === 'sign' && ['(', '[', '{'].includes(text))
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? END
  }

  #next(): Token {
    const token = this.#peek()
    this.#at++
    return token
  }
}

function constant(value: unknown): Eval {
  return () => value
}

function variable(name: string): Eval {
  if (name === 'true' || name === 'false') return constant(name === 'true')
  return scope => {
    scope.budget.step()
    const found = scope.find(name)
    if (found !== undefined) return found
    // As FreeMarker had it before ?index and ?has_next.
    const [, loop, what] = /^(.+)_(index|has_next)$/.exec(name) ?? []
    const running = loop === undefined ? undefined : scope.loop(loop)
    if (!running) return undefined
    return what === 'index' ? running.index : !running.isLast
  }
}

function asked(target: Eval, scope: Scope, inParentheses: boolean): unknown {
  try {
    const value = target(scope)
    return value instanceof XmlNodes && value.size === 0 ? undefined : (value ?? undefined)
  } catch (thrown) {
    // Only parentheses ask for all steps of a path, not just for the last one.
    if (inParentheses && thrown instanceof Missing) return undefined
    throw thrown
  }
}
