import { jsonpath } from 'json-p3'
import { guardedRegExp } from '../kernel/guarded-regex.ts'
import { isNumber, isRecord, type JsonMatch, type JsonRoot } from './json-values.ts'
import { regexOf } from './jayway.ts'
import type { Work } from './xpath/work.ts'

/** What a parsed path selects, in the order of RFC 9535; throws what `work` throws once it is spent. */
export type JsonQuery = (root: JsonRoot, work: Work) => JsonMatch[]

export interface CompiledQuery {
  readonly run: JsonQuery
  /** A filter has a regular expression that no count of steps can stop. */
  readonly needsClock: boolean
}

/** What a match that is kept costs beside the look at it: 5 million of them are some 300 MB. */
const KEPT_STEPS = 4
/** Characters of such a text for one step: 80 million of them at most. */
const KEPT_CHARACTERS = 4
/** To make a regular expression of a text in the message. */
const PATTERN_STEPS = 50
/** Characters compared, or read by a regular expression, for one step. */
const CHARACTERS = 64

interface Scope {
  readonly root: JsonRoot
  readonly work: Work
}

type Select = (node: JsonMatch, scope: Scope, found: JsonMatch[]) => void
type Segment = (nodes: readonly JsonMatch[], scope: Scope) => JsonMatch[]

/** The parser is json-p3's. What it does with a document is not, for nothing there counts what it costs. */
export function compileQuery(text: string): CompiledQuery {
  const compiler = new QueryCompiler()
  const parsed = environment.compile(text)
  const segments = compiler.segments(parsed)
  const mayOverlap = parsed.segments.some(segment => isDeep(segment) || segment.selectors.length > 1)
  return {
    needsClock: compiler.needsClock,
    run(root, work) {
      const found = select(segments, { value: root.value, holder: root, key: 'value' }, { root, work })
      if (mayOverlap && found.length > 1) for (const { value } of found) spendForAll(value, work)
      return found
    },
  }
}

/** Its class has no public name; its text begins like no other. */
function isDeep(segment: jsonpath.JSONPathSegment): boolean {
  return segment.toString().startsWith('..')
}

/** Whoever prints or copies values that stand within one another does it for each of them. */
function spendForAll(value: unknown, work: Work): void {
  work.spend(typeof value === 'string' ? KEPT_STEPS + value.length / KEPT_CHARACTERS : KEPT_STEPS)
  if (typeof value !== 'object' || value === null) return
  for (const member of Array.isArray(value) ? value : Object.values(value)) spendForAll(member, work)
}

function select(segments: readonly Segment[], from: JsonMatch, scope: Scope): JsonMatch[] {
  let nodes: JsonMatch[] = [from]
  for (const segment of segments) nodes = segment(nodes, scope)
  return nodes
}

function keep(found: JsonMatch[], work: Work, value: unknown, holder: object, key: string | number): void {
  work.spend(KEPT_STEPS)
  found.push({ value, holder, key })
}

// ── filters ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** The result of an expression that has none: no node, or more than one where one is wanted. */
const NOTHING = Symbol('nothing')
type Evaluate = (node: JsonMatch, scope: Scope) => unknown

const { expressions, selectors } = jsonpath
type Expression = InstanceType<typeof expressions.FilterExpression>
type Selector = jsonpath.JSONPathSelector
type Query = jsonpath.JSONPathQuery

class QueryCompiler {
  needsClock = false

  segments(query: Query): Segment[] {
    return query.segments.map(segment => {
      const selects = segment.selectors.map(selector => this.#selector(selector))
      const deep = isDeep(segment)
      return (nodes, scope) => {
        const found: JsonMatch[] = []
        for (const node of nodes) {
          scope.work.spend(1)
          if (!deep) for (const each of selects) each(node, scope, found)
          else for (const below of withAllBelow(node, scope.work)) for (const each of selects) each(below, scope, found)
        }
        return found
      }
    })
  }

  #selector(selector: Selector): Select {
    if (selector instanceof selectors.NameSelector) return named(selector.name)
    if (selector instanceof selectors.IndexSelector) return indexed(selector.index)
    if (selector instanceof selectors.SliceSelector) return sliced(selector)
    if (selector instanceof selectors.WildcardSelector) return everyChild
    if (!(selector instanceof selectors.FilterSelector)) throw new Error(`${selector.toString()} is not known`)
    const test = this.#test(selector.expression)
    return (node, scope, found) => {
      const { work } = scope
      for (const child of childrenOf(node, work)) {
        if (!test(child, scope)) continue
        work.spend(KEPT_STEPS)
        found.push(child)
      }
    }
  }

  #test(expression: Expression): (node: JsonMatch, scope: Scope) => boolean {
    const evaluate = this.#nodesOrValue(expression)
    return (node, scope) => {
      const value = evaluate(node, scope)
      return value instanceof NodeList ? value.nodes.length > 0 : value === true
    }
  }

  /** Of a query its nodes, of all else a value. */
  #nodesOrValue(expression: Expression): Evaluate {
    if (expression instanceof expressions.LogicalExpression) return this.#nodesOrValue(expression.expression)
    if (expression instanceof expressions.FilterQuery) return this.#query(expression)
    if (expression instanceof expressions.InfixExpression) return this.#infix(expression)
    if (expression instanceof expressions.PrefixExpression) {
      const test = this.#test(expression.right)
      return (node, scope) => !test(node, scope)
    }
    if (expression instanceof expressions.FunctionExtension) return this.#call(expression)
    // A literal.
    const value = (expression as unknown as { readonly value?: unknown }).value ?? null
    return () => value
  }

  #query(query: InstanceType<typeof expressions.FilterQuery>): Evaluate {
    const segments = this.segments(query.path)
    const fromRoot = query instanceof expressions.RootQuery
    return (node, scope) => {
      const from = fromRoot ? { value: scope.root.value, holder: scope.root, key: 'value' } : node
      return new NodeList(select(segments, from, scope))
    }
  }

  #value(expression: Expression): Evaluate {
    const evaluate = this.#nodesOrValue(expression)
    return (node, scope) => {
      const value = evaluate(node, scope)
      if (!(value instanceof NodeList)) return value
      return value.nodes.length === 1 ? value.nodes[0]!.value : NOTHING
    }
  }

  #infix({ operator, left, right }: InstanceType<typeof expressions.InfixExpression>): Evaluate {
    if (operator === '&&' || operator === '||') {
      const [one, other] = [this.#test(left), this.#test(right)]
      return operator === '&&'
        ? (node, scope) => one(node, scope) && other(node, scope)
        : (node, scope) => one(node, scope) || other(node, scope)
    }
    const [one, other] = [this.#value(left), this.#value(right)]
    const compare = comparison(operator)
    return (node, scope) => {
      scope.work.spend(1)
      return compare(one(node, scope), other(node, scope), scope.work)
    }
  }

  #call({ name, args }: InstanceType<typeof expressions.FunctionExtension>): Evaluate {
    switch (name) {
      case 'count': {
        const nodes = this.#nodesOrValue(args[0]!)
        return (node, scope) => (nodes(node, scope) as NodeList).nodes.length
      }
      case 'value':
        return this.#value(args[0]!)
      case 'length': {
        const value = this.#value(args[0]!)
        return (node, scope) => lengthOf(value(node, scope), scope.work)
      }
      case 'within': {
        const [value, list] = [this.#value(args[0]!), this.#value(args[1]!)]
        return (node, scope) => isWithin(value(node, scope), list(node, scope), scope.work)
      }
      default:
        return this.#pattern(name, args)
    }
  }

  /** `matches(value, regex, flags)` is ours, `match` and `search` are those of RFC 9535. */
  #pattern(name: string, args: readonly Expression[]): Evaluate {
    const [value, pattern, flags] = args.map(arg => this.#value(arg))
    const literal = args[1] instanceof expressions.StringLiteral ? args[1].value : undefined
    const fixed = literal === undefined ? undefined : patternOf(name, literal, (args[2] as { value?: string })?.value)
    if (literal === undefined || fixed?.constructor !== RegExp) this.needsClock = true
    return (node, scope) => {
      let text = value!(node, scope)
      if (name === 'matches' && isNumber(text)) text = String(text)
      if (typeof text !== 'string') return false
      scope.work.spend(1 + text.length / CHARACTERS)
      if (literal !== undefined) return fixed?.test(text) ?? false
      const source = pattern!(node, scope)
      if (typeof source !== 'string') return false
      scope.work.spend(PATTERN_STEPS + source.length)
      return patternOf(name, source, flags && String(flags(node, scope)))?.test(text) ?? false
    }
  }
}

/** Undefined for what is no regular expression: nothing matches it. */
function patternOf(name: string, source: string, flags = ''): RegExp | undefined {
  try {
    if (name === 'matches') return regexOf(source, flags)
    const dotted = source.replace(/\\[^]|\[(?:\\[^]|[^\]])*\]|\./g, part => (part === '.' ? String.raw`[^\n\r]` : part))
    return guardedRegExp(name === 'match' ? `^(?:${dotted})$` : dotted, 'u')
  } catch {
    return undefined
  }
}

class NodeList {
  readonly nodes: readonly JsonMatch[]

  constructor(nodes: readonly JsonMatch[]) {
    this.nodes = nodes
  }
}

// ── selectors ────────────────────────────────────────────────────────────────────────────────────────────────────

function named(name: string): Select {
  return ({ value }, { work }, found) => {
    work.spend(1)
    if (isRecord(value) && Object.hasOwn(value, name)) keep(found, work, value[name], value, name)
  }
}

function indexed(index: number): Select {
  return ({ value }, { work }, found) => {
    work.spend(1)
    if (!Array.isArray(value)) return
    const at = index < 0 ? index + value.length : index
    if (at >= 0 && at < value.length) keep(found, work, value[at], value, at)
  }
}

function sliced({ start, stop, step = 1 }: InstanceType<typeof selectors.SliceSelector>): Select {
  return ({ value }, { work }, found) => {
    work.spend(1)
    if (!Array.isArray(value) || step === 0) return
    const { length } = value
    const fromStart = (place: number): number => (place < 0 ? place + length : place)
    if (step > 0) {
      const end = Math.min(fromStart(stop ?? length), length)
      for (let at = Math.max(fromStart(start ?? 0), 0); at < end; at += step) keep(found, work, value[at], value, at)
    } else {
      const end = stop === undefined ? -1 : Math.max(fromStart(stop), -1)
      for (let at = Math.min(fromStart(start ?? length - 1), length - 1); at > end; at += step)
        keep(found, work, value[at], value, at)
    }
  }
}

const everyChild: Select = (node, { work }, found) => {
  for (const child of childrenOf(node, work)) {
    work.spend(KEPT_STEPS)
    found.push(child)
  }
}

function* childrenOf({ value }: JsonMatch, work: Work): Generator<JsonMatch> {
  if (Array.isArray(value)) {
    for (let key = 0; key < value.length; key++) {
      work.spend(1)
      yield { value: value[key] as unknown, holder: value, key }
    }
  } else if (isRecord(value)) {
    for (const key of Object.keys(value)) {
      work.spend(1)
      yield { value: value[key], holder: value, key }
    }
  }
}

/** A node, then what is in it, each before its own children. Documents may be deeper than the call stack. */
function* withAllBelow(node: JsonMatch, work: Work): Generator<JsonMatch> {
  const open: JsonMatch[] = [node]
  for (let next = open.pop(); next; next = open.pop()) {
    yield next
    const { value } = next
    if (typeof value !== 'object' || value === null) continue
    const first = open.length
    for (const child of childrenOf(next, work)) open.push(child)
    reverseFrom(open, first)
  }
}

function reverseFrom(list: unknown[], first: number): void {
  for (let low = first, high = list.length - 1; low < high; low++, high--)
    [list[low], list[high]] = [list[high], list[low]]
}

// ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────

function comparison(operator: string): (left: unknown, right: unknown, work: Work) => boolean {
  switch (operator) {
    case '==':
      return isSame
    case '!=':
      return (left, right, work) => !isSame(left, right, work)
    case '<':
      return isLess
    case '>':
      return (left, right, work) => isLess(right, left, work)
    case '<=':
      return (left, right, work) => isLess(left, right, work) || isSame(left, right, work)
    default:
      return (left, right, work) => isLess(right, left, work) || isSame(left, right, work)
  }
}

function isLess(left: unknown, right: unknown, work: Work): boolean {
  if (typeof left === 'string' && typeof right === 'string') {
    work.spend(Math.min(left.length, right.length) / CHARACTERS)
    return left < right
  }
  return isNumber(left) && isNumber(right) && Number(left) < Number(right)
}

function isSame(left: unknown, right: unknown, work: Work): boolean {
  if (typeof left === 'string' && typeof right === 'string') {
    if (left.length === right.length) work.spend(left.length / CHARACTERS)
    return left === right
  }
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null)
    return left === right || (isNumber(left) && isNumber(right) && Number(left) === Number(right))
  if (left === right) return true
  if (Array.isArray(left)) {
    if (!Array.isArray(right) || left.length !== right.length) return false
    work.spend(left.length)
    return left.every((value, index) => isSame(value, right[index], work))
  }
  if (!isRecord(left) || !isRecord(right)) return isNumber(left) && isNumber(right) && Number(left) === Number(right)
  const keys = Object.keys(left)
  work.spend(keys.length)
  if (keys.length !== Object.keys(right).length) return false
  return keys.every(key => Object.hasOwn(right, key) && isSame(left[key], right[key], work))
}

/** Of a text in characters, not UTF-16 units. */
function lengthOf(value: unknown, work: Work): unknown {
  if (typeof value === 'string') {
    work.spend(value.length)
    let length = 0
    for (const _character of value) length++
    return length
  }
  if (Array.isArray(value)) return value.length
  return isRecord(value) ? Object.keys(value).length : NOTHING
}

function isWithin(value: unknown, list: unknown, work: Work): boolean {
  if (!Array.isArray(list)) return false
  return list.some(item => {
    work.spend(1)
    return isSame(value, item, work)
  })
}

// ── the parser ───────────────────────────────────────────────────────────────────────────────────────────────────

const { ValueType, LogicalType } = jsonpath.FunctionExpressionType
const environment = new jsonpath.JSONPathEnvironment()

/** For the parser, which checks how they are used; they are run above. */
for (const [name, argTypes] of [
  ['matches', [ValueType, ValueType, ValueType]],
  ['within', [ValueType, ValueType]],
] as const)
  environment.functionRegister.set(name, { argTypes: [...argTypes], returnType: LogicalType, call: () => false })
