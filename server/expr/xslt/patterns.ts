import { XPathSyntaxError } from '../xpath/ast.ts'
import type { Ast, StepNode } from '../xpath/ast.ts'
import { walkAxis } from '../xpath/axes.ts'
import { Compiler } from '../xpath/compile.ts'
import type { Part } from '../xpath/focus.ts'
import { parseXPath } from '../xpath/parser.ts'
import { filterAll } from '../xpath/steps.ts'
import type { Step } from '../xpath/steps.ts'
import type { XPathNode } from '../xpath/values.ts'
import { explained, libraryAt } from './expressions.ts'
import type { Site } from './site.ts'
import type { Transformation } from './transformation.ts'

export type NodeKind = XPathNode['kind']
type Test = (node: XPathNode, run: Transformation) => boolean

/** One alternative of a pattern (XSLT 1.0 §5.2). */
export interface Pattern {
  /** Kinds of nodes it can match at all. */
  readonly kinds: readonly NodeKind[]
  /** The only local name it can match; null for any. */
  readonly local: string | null
  /** Default priority (§5.5). */
  readonly priority: number
  /** Of a node whose kind and local name fit already. */
  readonly matches: Test
}

const CHILDREN: readonly NodeKind[] = ['element', 'text', 'comment', 'pi']
const ALL: readonly NodeKind[] = [...CHILDREN, 'attribute', 'document']
const ALWAYS: Test = () => true

/** The alternatives of a pattern. `variables`: only those of xsl:number may use them. */
export function patternsOf(source: string, site: Site, attribute: string, variables = false): Pattern[] {
  try {
    const ast = parseXPath(source)
    const compiler = new Compiler(libraryAt(site, variables))
    return alternatives(ast).map(one => patternOf(one, compiler, variables))
  } catch (thrown) {
    if (thrown instanceof XPathSyntaxError) throw explained(thrown, source, site, attribute)
    throw thrown
  }
}

function alternatives(ast: Ast): Ast[] {
  return ast.kind === 'binary' && ast.operator === '|' ? [...alternatives(ast.left), ...alternatives(ast.right)] : [ast]
}

function patternOf(ast: Ast, compiler: Compiler<Transformation>, variables: boolean): Pattern {
  if (ast.kind === 'call') return { kinds: ALL, local: null, priority: 0.5, matches: membership(ast, compiler) }
  if (ast.kind !== 'path') throw notAPattern('offset' in ast ? ast.offset : 0)
  const { from, steps, offset } = ast
  if (from === 'root' && steps.length === 0)
    return { kinds: ['document'], local: null, priority: 0.5, matches: node => node.kind === 'document' }
  let before: Test
  if (from === null) before = ALWAYS
  else if (from === 'root') before = node => node.kind === 'document'
  else if (from.kind === 'call') before = membership(from, compiler)
  else throw notAPattern(offset)

  let matches = before
  let skips = false
  for (const [index, step] of steps.entries()) {
    const compiled = compiler.step(step)
    if (compiled.anything && index < steps.length - 1) {
      skips = true
      continue
    }
    if (step.axis !== 'child' && step.axis !== 'attribute') throw notAPattern(offset)
    matches = stepTest(compiled, step, index === 0 && from === null ? null : matches, skips, variables)
    skips = false
  }
  const last = steps.at(-1)!
  const single = from === null && steps.length === 1
  return {
    kinds: kindsOf(last),
    local: last.test.kind === 'name' ? last.test.local : null,
    priority: single && last.predicates.length === 0 ? priorityOf(last) : 0.5,
    matches,
  }
}

function notAPattern(offset: number): XPathSyntaxError {
  return new XPathSyntaxError(
    'this is not a pattern: only child and attribute steps, //, key() and id() are',
    offset,
    'Move conditions into [ ].',
  )
}

/** key() or id(): the node is one of those it gives. */
function membership(ast: Ast & { kind: 'call' }, compiler: Compiler<Transformation>): Test {
  if (ast.prefix !== '' || (ast.local !== 'key' && ast.local !== 'id')) throw notAPattern(ast.offset)
  const part: Part = compiler.compile(ast)
  return (node, run) => {
    const { evaluation } = run.focus
    return (part.run({ node, position: 1, size: 1, evaluation }) as XPathNode[]).includes(node)
  }
}

/** `before` null: anything may stand above, even nothing. `skips`: `//` stands before the step. */
function stepTest(step: Step, written: StepNode, before: Test | null, skips: boolean, variables: boolean): Test {
  const { matches } = step
  const isKind = written.axis === 'attribute' ? isAttribute : isChild
  const filtered = step.predicates.length > 0
  const fits: Test = filtered ? filteredTest(step, variables) : ALWAYS
  if (before === null) {
    if (!filtered) return node => isKind(node) && matches(node)
    return (node, run) => isKind(node) && matches(node) && fits(node, run)
  }
  return (node, run) => {
    if (!isKind(node) || !matches(node)) return false
    let above = node.parent
    if (above === null) return false
    if (!skips) return before(above, run) && fits(node, run)
    for (; above !== null; above = above.parent) {
      run.budget.work.spend(1)
      if (before(above, run)) return fits(node, run)
    }
    return false
  }
}

function isAttribute(node: XPathNode): boolean {
  return node.kind === 'attribute'
}

function isChild(node: XPathNode): boolean {
  return node.kind !== 'attribute' && node.kind !== 'namespace' && node.kind !== 'document'
}

/** Predicates that count positions are judged once for all siblings, not once for each. */
function filteredTest(step: Step, variables: boolean): Test {
  const { axis, matches, predicates, plain } = step
  if (plain) {
    return (node, run) => {
      const focus = { node, position: 1, size: 1, evaluation: run.focus.evaluation }
      run.budget.work.spend(1)
      return predicates.every(predicate => predicate.kind === 'each' && predicate.test(focus))
    }
  }
  const kept = (parent: XPathNode, run: Transformation): ReadonlySet<XPathNode> => {
    const siblings: XPathNode[] = []
    walkAxis(axis, parent, matches, siblings, Number.POSITIVE_INFINITY, run.budget.work)
    return new Set(filterAll(predicates, siblings, run.focus))
  }
  const key = {}
  return (node, run) => {
    if (node.parent === null) return false
    if (variables) return kept(node.parent, run).has(node)
    const known = run.remembered(key, () => new WeakMap<XPathNode, ReadonlySet<XPathNode>>())
    let among = known.get(node.parent)
    if (!among) known.set(node.parent, (among = kept(node.parent, run)))
    return among.has(node)
  }
}

function kindsOf({ axis, test }: StepNode): readonly NodeKind[] {
  if (axis === 'attribute') return ['attribute']
  switch (test.kind) {
    case 'node':
      return CHILDREN
    case 'text':
    case 'comment':
    case 'pi':
      return [test.kind]
    default:
      return ['element']
  }
}

function priorityOf({ test }: StepNode): number {
  if (test.kind === 'name' || (test.kind === 'pi' && test.target !== null)) return 0
  return test.kind === 'any' && test.prefix !== null ? -0.25 : -0.5
}
