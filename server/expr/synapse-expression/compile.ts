import type { MessageContext } from '../../kernel/context.ts'
import type { Expression } from '../../kernel/contracts.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import type { ExpressionEnvironment } from '../environment.ts'
import { JsonPathSyntaxError } from '../jayway.ts'
import { JsonPath } from '../jsonpath.ts'
import type { JsonRoot } from '../json-values.ts'
import { ComputedPaths } from '../computed-paths.ts'
import { entryValue } from '../scopes.ts'
import type { XPathNode } from '../xpath/values.ts'
import { isGivenUp, type Work } from '../xpath/work.ts'
import { ExpressionSyntaxError, type ExpressionNode, type PathNode, type Scope } from './ast.ts'
import { applyPlain, plainFunctions } from './functions.ts'
import { applyOperator } from './operators.ts'
import { quoted } from './parser.ts'
import {
  Decimal,
  decimalOf,
  EvaluationFailure,
  fromJson,
  isNumeric,
  isRecord,
  isText,
  nodesOf,
  numberOf,
  textOfValue,
  typed,
  type Value,
} from './values.ts'

export type Evaluate = (ctx: MessageContext, work: Work) => Value

/** What compiling needs from outside. */
export interface CompilerParts {
  readonly environment: ExpressionEnvironment
  /** Compiles an XPath in the namespaces of the place the expression stands in; throws like every compiler. */
  xpath(source: string): XPathOfMessage
}

/** An XPath, evaluated on the message or on a node from elsewhere. */
export interface XPathOfMessage extends Expression {
  valueAt(node: XPathNode, ctx: MessageContext): unknown
}

interface Compiled {
  readonly evaluate: Evaluate
  readonly needsBody: boolean
}

/** Names that Synapse has and this server cannot fill, and what to do instead. */
const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ['wso2-vault', 'there is no secure vault here; put the secret into the environment and read it with configs.NAME'],
  [
    'hashicorp-vault',
    'there is no connection to a vault; put the secret into the environment and read it with configs.NAME',
  ],
])

const ALIASES: Readonly<Record<string, string>> = { base64Encode: 'base64encode', base64Decode: 'base64decode' }

/** Turns a tree into closures. Throws ExpressionSyntaxError, or NOT_SUPPORTED for a function this server lacks. */
export function compileTree(node: ExpressionNode, parts: CompilerParts): Compiled {
  return new TreeCompiler(parts).compile(node)
}

class TreeCompiler {
  readonly #parts: CompilerParts
  readonly #environment: ExpressionEnvironment

  constructor(parts: CompilerParts) {
    this.#parts = parts
    this.#environment = parts.environment
  }

  compile(node: ExpressionNode): Compiled {
    switch (node.kind) {
      case 'literal': {
        const value = node.decimal === undefined ? node.value : new Decimal(node.value as number, node.decimal)
        return { needsBody: false, evaluate: () => value }
      }
      case 'array':
        return this.#array(node.items)
      case 'negative':
        return this.#negative(node.of)
      case 'binary':
        return this.#binary(node)
      case 'conditional':
        return this.#conditional(node)
      case 'scoped': {
        const read = scopeReader(node.scope, node.name, this.#environment)
        return { needsBody: false, evaluate: ctx => typed(present(read(ctx), `${node.scope} has no ${node.name}`)) }
      }
      case 'payload':
        return this.#payload(node.path)
      case 'variable':
        return this.#variable(node.name, node.path)
      case 'call':
        return this.#call(node)
    }
  }

  #array(items: readonly ExpressionNode[]): Compiled {
    const compiled = items.map(item => this.compile(item))
    return {
      needsBody: compiled.some(item => item.needsBody),
      evaluate: (ctx, work) => compiled.map(item => plainJson(item.evaluate(ctx, work))),
    }
  }

  #negative(of: ExpressionNode): Compiled {
    const { evaluate, needsBody } = this.compile(of)
    const { views } = this.#environment
    return {
      needsBody,
      evaluate(ctx, work) {
        const value = evaluate(ctx, work)
        if (!isNumeric(value)) throw new EvaluationFailure(`-${textOfValue(value, views)} is not a number`)
        return value instanceof Decimal ? decimalOf(-value.value) : -numberOf(value)
      },
    }
  }

  #binary({ operator, left, right }: ExpressionNode & { kind: 'binary' }): Compiled {
    const a = this.compile(left)
    const b = this.compile(right)
    const { views } = this.#environment
    return {
      needsBody: a.needsBody || b.needsBody,
      evaluate: (ctx, work) => applyOperator(operator, a.evaluate(ctx, work), b.evaluate(ctx, work), views, work),
    }
  }

  #conditional({ test, yes, no }: ExpressionNode & { kind: 'conditional' }): Compiled {
    const [condition, ifTrue, ifFalse] = [this.compile(test), this.compile(yes), this.compile(no)]
    const { views } = this.#environment
    return {
      needsBody: condition.needsBody || ifTrue.needsBody || ifFalse.needsBody,
      evaluate(ctx, work) {
        const value = condition.evaluate(ctx, work)
        if (typeof value !== 'boolean')
          throw new EvaluationFailure(`the condition is ${textOfValue(value, views)}, neither true nor false`)
        return value ? ifTrue.evaluate(ctx, work) : ifFalse.evaluate(ctx, work)
      },
    }
  }

  #payload(path: PathNode | undefined): Compiled {
    const { views } = this.#environment
    if (path) return this.#at(path, ctx => views.json(ctx), 'the payload', true)
    return {
      needsBody: true,
      evaluate(ctx) {
        if (!views.isJson(ctx)) {
          const content = views.content(ctx)
          if (content !== undefined) return typeof content === 'string' ? content : [content]
        }
        return present(views.json(ctx).value, 'the payload is empty')
      },
    }
  }

  #variable(name: string, path: PathNode | undefined): Compiled {
    const read = (ctx: MessageContext): unknown => present(ctx.variables.get(name), `the variable ${name} is not set`)
    if (!path) return { needsBody: false, evaluate: ctx => inside(read(ctx)) }
    return this.#at(path, ctx => jsonRoot(read(ctx), `the variable ${name}`, this.#environment), `the variable ${name}`)
  }

  #call({ name: written, args, path, offset }: ExpressionNode & { kind: 'call' }): Compiled {
    const name = ALIASES[written] ?? written
    const result = this.#function(name, args, offset)
    if (!path) return result
    const { evaluate } = result
    const root = (ctx: MessageContext, work: Work): JsonRoot =>
      jsonRoot(evaluate(ctx, work), `${name}()`, this.#environment)
    return this.#at(path, root, `${name}()`, result.needsBody)
  }

  #function(name: string, args: readonly ExpressionNode[], offset: number): Compiled {
    const unsupported = UNSUPPORTED.get(name)
    if (unsupported !== undefined) throw new IntegrationError('NOT_SUPPORTED', `${name}(): ${unsupported}`)
    const compiled = args.map(arg => this.compile(arg))
    const needsBody = compiled.some(arg => arg.needsBody)
    const count = (min: number, max: number): void => {
      if (args.length >= min && args.length <= max) return
      const wanted = min === max ? String(min) : `${min} to ${max}`
      throw new ExpressionSyntaxError(`${name}() takes ${wanted} arguments, not ${args.length}`, offset)
    }
    switch (name) {
      case 'exists':
        count(1, 1)
        return { needsBody, evaluate: (ctx, work) => exists(compiled[0]!.evaluate, ctx, work) }
      case 'xpath':
        count(1, 2)
        return this.#xpath(args[0]!, compiled)
      case 'registry':
        count(1, 2)
        return this.#registry(compiled, needsBody)
    }
    const plain = plainFunctions.get(name)
    if (!plain) {
      const known = [...plainFunctions.keys(), 'exists', 'registry', 'xpath']
      throw new ExpressionSyntaxError(`${name}() is not known; functions are ${known.join(' ')}`, offset)
    }
    count(plain.min, plain.max)
    const { environment } = this.#parts
    return {
      needsBody,
      evaluate: (ctx, work) => {
        const values = compiled.map(arg => arg.evaluate(ctx, work))
        return applyPlain(name, plain, values, environment, work)
      },
    }
  }

  /** Of the message, or of XML in the variable that the second argument names. */
  #xpath(first: ExpressionNode, compiled: readonly Compiled[]): Compiled {
    const { views } = this.#environment
    const fixed = first.kind === 'literal' ? this.#parts.xpath(String(first.value)) : undefined
    const source = compiled[0]!.evaluate
    const computed = new ComputedPaths(this.#parts.xpath.bind(this.#parts))
    const pathFor = fixed
      ? () => fixed
      : (ctx: MessageContext, work: Work) => computed.of(textOfValue(source(ctx, work), views))
    const variable = compiled[1]?.evaluate
    return {
      needsBody: variable === undefined && (fixed?.needsBody ?? true),
      evaluate(ctx, work) {
        const path = pathFor(ctx, work)
        if (!variable) return present(path.value(ctx), `nothing matches ${path.source}`)
        const name = variable(ctx, work)
        const holder = nodesOf(name) ?? nodesOf(ctx.variables.get(textOfValue(name, views)))
        if (!holder) throw new EvaluationFailure(`${textOfValue(name, views)} holds no XML`)
        return present(path.valueAt(holder[0]!, ctx), `nothing matches ${path.source}`)
      },
    }
  }

  #registry(compiled: readonly Compiled[], needsBody: boolean): Compiled {
    const { environment } = this.#parts
    return {
      needsBody,
      evaluate(ctx, work) {
        const [key, property] = compiled.map(arg => textOfValue(arg.evaluate(ctx, work), environment.views))
        if (property !== undefined) {
          const value = environment.resourceProperty?.(key!, property)
          return inside(present(value, `the resource ${key} has no property ${property}`))
        }
        const found = entryValue(ctx, key!) ?? environment.resource?.(key!)
        return inside(present(found, `there is no registry resource or local entry ${key}`))
      },
    }
  }

  /** What a JSONPath selects. */
  #at(
    path: PathNode,
    root: (ctx: MessageContext, work: Work) => JsonRoot,
    holder: string,
    needsBody = false,
  ): Compiled {
    const { views } = this.#environment
    const computed = path.pieces.map(piece => (typeof piece === 'string' ? piece : this.compile(piece)))
    const pathFor = this.#pathFor(path, computed)
    return {
      needsBody: needsBody || computed.some(piece => typeof piece !== 'string' && piece.needsBody),
      evaluate(ctx, work) {
        const selector = pathFor(ctx, work)
        const from = root(ctx, work)
        if (from.value === undefined) throw new EvaluationFailure(`${holder} is empty`)
        const matches = selector.matches(from, work)
        if (selector.tail !== undefined) {
          const value = present(selector.applyTail(matches), `${holder} has nothing at ${selector.source}`)
          return DOUBLE_TAILS.has(selector.tail) ? decimalOf(Number(value)) : value
        }
        if (!selector.definite) return matches.map(({ value }) => value)
        const match = matches[0]
        if (!match) throw new EvaluationFailure(`${holder} has nothing at ${selector.source}`)
        return fromJson(match.value, match.holder, match.key, views)
      },
    }
  }

  #pathFor(
    { offset }: PathNode,
    pieces: readonly (string | Compiled)[],
  ): (ctx: MessageContext, work: Work) => JsonPath {
    const { views } = this.#environment
    if (pieces.every(piece => typeof piece === 'string')) {
      const fixed = syntaxChecked(`$${pieces.join('')}`, offset)
      return () => fixed
    }
    const text = (ctx: MessageContext, work: Work): string =>
      `$${pieces.map(piece => (typeof piece === 'string' ? piece : inPath(piece.evaluate(ctx, work), views))).join('')}`
    const computed = new ComputedPaths(source => new JsonPath(source))
    return (ctx, work) => computed.of(text(ctx, work))
  }
}

/** Aggregates that Java computes as doubles; counts are integers. */
const DOUBLE_TAILS: ReadonlySet<string> = new Set(['min', 'max', 'sum', 'avg', 'stddev'])

function present(value: unknown, otherwise: string): unknown {
  if (value === undefined) throw new EvaluationFailure(otherwise)
  return value
}

function exists(evaluate: Evaluate, ctx: MessageContext, work: Work): boolean {
  try {
    return evaluate(ctx, work) !== null
  } catch (thrown) {
    if (isGivenUp(thrown)) throw thrown
    return false
  }
}

/** XML as a list of nodes; everything else as it is. */
function inside(value: unknown): Value {
  return nodesOf(value) ?? value
}

function plainJson(value: Value): unknown {
  return value instanceof Decimal ? value.value : value
}

function inPath(value: Value, views: ExpressionEnvironment['views']): string {
  return isText(value) ? quoted(textOfValue(value, views)) : textOfValue(value, views)
}

function syntaxChecked(source: string, offset: number): JsonPath {
  try {
    return new JsonPath(source)
  } catch (thrown) {
    if (!(thrown instanceof JsonPathSyntaxError)) throw thrown
    throw new ExpressionSyntaxError(textOf(thrown), offset)
  }
}

/** JSON to look into: a value, or a text of it. An entry of a map is found like a member. */
function jsonRoot(value: unknown, holder: string, { views }: ExpressionEnvironment): JsonRoot {
  if (value instanceof Map) return { value: Object.fromEntries(value as ReadonlyMap<string, unknown>) }
  if (typeof value === 'string') {
    try {
      return views.parseJson(value)
    } catch {
      throw new EvaluationFailure(`${holder} is a text and no JSON`)
    }
  }
  if (Array.isArray(value) || isRecord(value)) {
    if (nodesOf(value)) throw new EvaluationFailure(`${holder} is XML; use xpath('…', 'name')`)
    return { value }
  }
  throw new EvaluationFailure(`${holder} is neither an object nor an array`)
}

function scopeReader(scope: Scope, name: string, environment: ExpressionEnvironment): (ctx: MessageContext) => Value {
  switch (scope) {
    case 'headers':
      return ctx => ctx.message.headers.get(name)
    case 'synapse':
      return ctx => ctx.properties.get(name)
    case 'axis2':
      return ctx => ctx.message.flag(name)
    case 'queryParams':
      return ctx => ctx.properties.get(`query.param.${name}`)
    case 'pathParams':
      return ctx => ctx.properties.get(`uri.var.${name}`)
    case 'functionParams':
      return ctx => ctx.functionParam(name)
    case 'configs':
      return () => environment.config?.(name) ?? environment.environmentVariable?.(name)
  }
}
