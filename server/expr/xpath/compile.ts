import type { Ast, NodeTest, StepNode } from './ast.ts'
import { XPathSyntaxError } from './ast.ts'
import { walkAxis } from './axes.ts'
import type { Matches } from './axes.ts'
import { booleanOf, coreFunctions, numberOf } from './core-functions.ts'
import type { Focus, Part } from './focus.ts'
import { inDocumentOrder } from './order.ts'
import { filterAll, firstFinder, predicateOf, takeStep } from './steps.ts'
import type { Step } from './steps.ts'
import { compare } from './values.ts'
import type { Comparison, XPathNode, XPathValue } from './values.ts'
import type { XPathLibrary } from './xpath.ts'
import { indexOf } from '../../xml/tree.ts'

const FREE = { needsBody: false, usesNode: false, positional: false } as const

/** What several parts need together. */
function needs(parts: readonly Part[]): Pick<Part, 'needsBody' | 'usesNode' | 'positional'> {
  return {
    needsBody: parts.some(part => part.needsBody),
    usesNode: parts.some(part => part.usesNode),
    positional: parts.some(part => part.positional),
  }
}

/** Turns a parsed expression into closures; throws {@link XPathSyntaxError} for unknown names and wrong types. */
export class Compiler<S> {
  readonly #library: XPathLibrary<S>

  constructor(library: XPathLibrary<S>) {
    this.#library = library
  }

  compile(ast: Ast): Part {
    switch (ast.kind) {
      case 'literal':
        return { type: 'string', ...FREE, literal: ast.value, run: () => ast.value }
      case 'number':
        return { type: 'number', ...FREE, run: () => ast.value }
      case 'variable':
        return this.#variable(ast)
      case 'call':
        return this.#call(ast)
      case 'negate': {
        const operand = this.compile(ast.operand)
        const value = numberOf(operand)
        return { type: 'number', ...needs([operand]), run: focus => -value(focus) }
      }
      case 'binary':
        return this.#binary(ast)
      case 'path':
        return this.#path(ast)
      case 'filter':
        return this.#filter(ast)
    }
  }

  #variable({ prefix, local, offset }: Ast & { kind: 'variable' }): Part {
    const variable = this.#library.variable?.(prefix, local)
    if (!variable) {
      throw new XPathSyntaxError(
        `the variable $${prefix === '' ? '' : `${prefix}:`}${local} is not known`,
        offset,
        this.#library.variableHint,
      )
    }
    const { needsBody } = variable
    return { type: 'any', ...FREE, needsBody, run: focus => variable.read(focus.evaluation.scope as S) }
  }

  #call({ prefix, local, args, offset }: Ast & { kind: 'call' }): Part {
    const name = prefix === '' ? local : `${prefix}:${local}`
    const parts = args.map(arg => this.compile(arg))
    const own = this.#library.function?.(prefix, local)
    const core = own === 'core' || (own === undefined && prefix === '') ? coreFunctions.get(local) : undefined
    const found = core ?? (own === 'core' ? undefined : own)
    if (!found)
      throw new XPathSyntaxError(
        `the function ${name}() is not known`,
        offset,
        'Only functions of XPath 1.0 and those of Synapse exist here.',
      )
    if (parts.length < found.min || parts.length > found.max) {
      throw new XPathSyntaxError(`${name}() takes ${arity(found.min, found.max)}, not ${parts.length}`, offset)
    }
    if (core) {
      const wrong = core.takesNodes ? parts.find(part => part.type !== 'nodes' && part.type !== 'any') : undefined
      if (wrong) throw new XPathSyntaxError(`${name}() takes nodes, not a ${wrong.type}`, offset)
      const all = needs(parts)
      const onContext = core.onContext === true && (parts.length === 0 || local === 'lang')
      return {
        type: core.returns,
        needsBody: all.needsBody,
        usesNode: all.usesNode || onContext,
        positional: all.positional || core.positional === true,
        run: core.compile(parts),
      }
    }
    const plugin = found as Exclude<typeof own, 'core' | undefined>
    const bound = plugin.bind(parts.map(part => part.literal))
    const all = needs(parts)
    return {
      type: plugin.returns,
      ...all,
      needsBody: all.needsBody || bound.needsBody,
      usesNode: all.usesNode || plugin.onContext === true,
      run: focus =>
        bound.call(
          focus.evaluation.scope as S,
          parts.map(part => part.run(focus)),
          focus.evaluation.work,
          focus.node,
        ),
    }
  }

  #binary(ast: Ast & { kind: 'binary' }): Part {
    const { operator, left, right, offset } = ast
    const nearby = operator === '|' ? this.#nearby(ast) : undefined
    if (nearby) return nearby
    const a = this.compile(left)
    const b = this.compile(right)
    const both = needs([a, b])
    switch (operator) {
      case 'or': {
        const [x, y] = [booleanOf(a), booleanOf(b)]
        return { type: 'boolean', ...both, run: focus => x(focus) || y(focus) }
      }
      case 'and': {
        const [x, y] = [booleanOf(a), booleanOf(b)]
        return { type: 'boolean', ...both, run: focus => x(focus) && y(focus) }
      }
      case '|': {
        for (const part of [a, b]) {
          if (part.type !== 'nodes' && part.type !== 'any')
            throw new XPathSyntaxError(`| joins nodes, not a ${part.type}`, offset)
        }
        return {
          type: 'nodes',
          ...both,
          run: focus => inDocumentOrder([...nodesOf(a.run(focus)), ...nodesOf(b.run(focus))], focus.evaluation.work),
        }
      }
      case '+':
      case '-':
      case '*':
      case 'div':
      case 'mod':
        return { type: 'number', ...both, run: arithmetic(operator, numberOf(a), numberOf(b)) }
      default:
        return { type: 'boolean', ...both, run: comparison(operator, a, b) }
    }
  }

  /** `@*|node()`, `a|b`: steps to attributes and children are taken together, which gives document order by itself. */
  #nearby(union: Ast): Part | undefined {
    const steps: StepNode[] = []
    const collect = (ast: Ast): boolean => {
      if (ast.kind === 'binary' && ast.operator === '|') return collect(ast.left) && collect(ast.right)
      const [step, more] = ast.kind === 'path' && ast.from === null ? ast.steps : []
      if (step === undefined || more !== undefined || step.predicates.length > 0) return false
      if (step.axis !== 'child' && step.axis !== 'attribute') return false
      steps.push(step)
      return true
    }
    if (!collect(union)) return undefined
    const matcherOn = (axis: 'attribute' | 'child'): Matches | undefined =>
      anyOf(steps.filter(step => step.axis === axis).map(step => this.#matcher(step)))
    const attribute = matcherOn('attribute')
    const child = matcherOn('child')
    const take = (focus: Focus, limit: number): XPathNode[] => {
      const out: XPathNode[] = []
      const { work } = focus.evaluation
      if (attribute) walkAxis('attribute', focus.node!, attribute, out, limit, work)
      if (child && out.length < limit) walkAxis('child', focus.node!, child, out, limit, work)
      return out
    }
    return {
      type: 'nodes',
      ...FREE,
      usesNode: true,
      run: focus => take(focus, Number.POSITIVE_INFINITY),
      first: focus => take(focus, 1)[0],
    }
  }

  #filter({ from, predicates, offset }: Ast & { kind: 'filter' }): Part {
    const base = this.compile(from)
    if (base.type !== 'nodes' && base.type !== 'any')
      throw new XPathSyntaxError(`[…] selects among nodes, not in a ${base.type}`, offset)
    const tests = predicates.map(predicate => this.#predicate(predicate))
    return {
      type: 'nodes',
      ...needs([base]),
      needsBody: base.needsBody || tests.some(test => test.needsBody),
      run: focus =>
        filterAll(
          tests.map(test => test.predicate),
          nodesOf(base.run(focus)),
          focus,
        ),
    }
  }

  #predicate(ast: Ast): { predicate: ReturnType<typeof predicateOf>; needsBody: boolean } {
    const part = this.compile(ast)
    const number = ast.kind === 'number' ? ast.value : undefined
    return { predicate: predicateOf(part, number, partsIn(ast)), needsBody: part.needsBody }
  }

  /** One step of a path, for whoever takes it in another way: the patterns of XSLT look from the last to the first. */
  step(step: StepNode): Step & { readonly needsBody: boolean } {
    const tests = step.predicates.map(predicate => this.#predicate(predicate))
    const predicates = tests.map(test => test.predicate)
    return {
      axis: step.axis,
      matches: this.#matcher(step),
      predicates,
      plain: predicates.every(predicate => predicate.kind === 'each'),
      anything: step.axis === 'descendant-or-self' && step.test.kind === 'node' && predicates.length === 0,
      needsBody: tests.some(test => test.needsBody),
    }
  }

  #path({ from, steps, offset }: Ast & { kind: 'path' }): Part {
    if (from === null && steps.length === 1 && isDot(steps[0]!)) return DOT
    const compiled = steps.map(step => this.step(step))
    const insideNeedsBody = compiled.some(step => step.needsBody)
    const taken = shortened(compiled)
    const walk = (start: XPathNode[], focus: Focus): XPathNode[] => {
      let nodes = start
      for (const step of taken) {
        if (nodes.length === 0) return nodes
        nodes = takeStep(step, nodes, focus)
      }
      return nodes
    }
    if (from !== null && from !== 'root') {
      const base = this.compile(from)
      if (base.type !== 'nodes' && base.type !== 'any')
        throw new XPathSyntaxError(`/ leads on from nodes, not from a ${base.type}`, offset)
      return {
        type: 'nodes',
        ...needs([base]),
        needsBody: base.needsBody || insideNeedsBody,
        run: focus => walk(nodesOf(base.run(focus)), focus),
      }
    }
    const start =
      from === 'root' ? (focus: Focus) => focus.evaluation.rootOf(focus.node!) : (focus: Focus) => focus.node!
    const find = firstFinder(taken)
    return {
      type: 'nodes',
      needsBody: insideNeedsBody,
      usesNode: true,
      positional: false,
      run: focus => walk([start(focus)], focus),
      ...(find && taken.length > 0 && { first: (focus: Focus) => find(start(focus), focus) }),
    }
  }

  #matcher({ axis, test }: StepNode): Matches {
    const principal = axis === 'attribute' ? 'attribute' : axis === 'namespace' ? 'namespace' : 'element'
    switch (test.kind) {
      case 'node':
        return node => node.kind !== 'text' || isRunStart(node)
      case 'text':
        return node => node.kind === 'text' && isRunStart(node)
      case 'comment':
        return node => node.kind === 'comment'
      case 'pi': {
        const { target } = test
        return node => node.kind === 'pi' && (target === null || node.target === target)
      }
      case 'any': {
        if (test.prefix === null) return node => node.kind === principal
        const uri = this.#namespace(test.prefix, test.offset)
        return node => node.kind === principal && 'uri' in node && node.kind !== 'namespace' && node.uri === uri
      }
      case 'name':
        return this.#nameMatcher(test, principal)
    }
  }

  #nameMatcher(test: NodeTest & { kind: 'name' }, principal: 'attribute' | 'namespace' | 'element'): Matches {
    const { local, prefix, offset } = test
    const uri = prefix === '' ? '' : this.#namespace(prefix, offset)
    if (principal === 'namespace') return node => node.kind === 'namespace' && uri === '' && node.prefix === local
    if (principal === 'attribute') return node => node.kind === 'attribute' && node.local === local && node.uri === uri
    return node => node.kind === 'element' && node.local === local && node.uri === uri
  }

  #namespace(prefix: string, offset: number): string {
    const uri = this.#library.namespace(prefix)
    if (uri === undefined) {
      throw new XPathSyntaxError(
        `the prefix ${prefix} is not declared`,
        offset,
        `Add xmlns:${prefix}="…" to this element or one around it.`,
      )
    }
    return uri
  }
}

/** How many parts are run for one node. Predicates inside are left out: they count for themselves. */
function partsIn(ast: Ast): number {
  switch (ast.kind) {
    case 'call':
      return ast.args.reduce((sum, arg) => sum + partsIn(arg), 1)
    case 'negate':
      return 1 + partsIn(ast.operand)
    case 'binary':
      return 1 + partsIn(ast.left) + partsIn(ast.right)
    case 'path':
      return 1 + ast.steps.length + (ast.from === null || ast.from === 'root' ? 0 : partsIn(ast.from))
    case 'filter':
      return 1 + partsIn(ast.from)
    default:
      return 1
  }
}

function isDot({ axis, test, predicates }: StepNode): boolean {
  return axis === 'self' && test.kind === 'node' && predicates.length === 0
}

const DOT: Part = {
  type: 'nodes',
  ...FREE,
  usesNode: true,
  run: focus => [focus.node!],
  first: focus => focus.node!,
}

function anyOf(matchers: readonly Matches[]): Matches | undefined {
  const [first, second] = matchers
  if (matchers.length < 2) return first
  if (matchers.length === 2) return node => first!(node) || second!(node)
  return node => matchers.some(matches => matches(node))
}

/** XPath knows no CDATA sections: of texts next to one another only the first is a node. */
function isRunStart(node: XPathNode): boolean {
  if (node.kind !== 'text' || node.parent === null) return true
  const siblings = node.parent.children
  return siblings.length === 1 || siblings[indexOf(node) - 1]?.kind !== 'text'
}

/** `//x` is a descendant step where no predicate counts positions; taken as written it would visit the tree twice. */
function shortened(steps: readonly Step[]): Step[] {
  const taken: Step[] = []
  for (const step of steps) {
    if (taken.at(-1)?.anything === true && step.axis === 'child' && step.plain)
      taken[taken.length - 1] = { ...step, axis: 'descendant' }
    else taken.push(step)
  }
  return taken
}

/** A text or number where nodes are expected (a property that holds none) selects nothing. */
function nodesOf(value: XPathValue): XPathNode[] {
  return Array.isArray(value) ? value : []
}

function arithmetic(
  operator: '+' | '-' | '*' | 'div' | 'mod',
  left: (focus: Focus) => number,
  right: (focus: Focus) => number,
): (focus: Focus) => number {
  switch (operator) {
    case '+':
      return focus => left(focus) + right(focus)
    case '-':
      return focus => left(focus) - right(focus)
    case '*':
      return focus => left(focus) * right(focus)
    case 'div':
      return focus => left(focus) / right(focus)
    case 'mod':
      return focus => left(focus) % right(focus)
  }
}

function comparison(operator: Comparison, left: Part, right: Part): (focus: Focus) => boolean {
  return focus => compare(operator, left.run(focus), right.run(focus), focus.evaluation.work)
}

function arity(min: number, max: number): string {
  if (min === max) return min === 1 ? 'one argument' : min === 0 ? 'no argument' : `${min} arguments`
  return max === Number.POSITIVE_INFINITY ? `at least ${min} arguments` : `${min} to ${max} arguments`
}
