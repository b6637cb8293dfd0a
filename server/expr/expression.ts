import type { MessageContext } from '../kernel/context.ts'
import type { Expression, SourceRef } from '../kernel/contracts.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { printXml } from '../xml/writer.ts'
import type { ExpressionEnvironment } from './environment.ts'
import { synapseFunctions, synapseVariable } from './functions.ts'
import { javaDouble } from './java-text.ts'
import { JsonPathSyntaxError } from './jayway.ts'
import { compileJsonSource, jsonText, jsonValue } from './json-source.ts'
import type { JsonSource } from './json-source.ts'
import { isNumber } from './jsonpath.ts'
import { XPathSyntaxError } from './xpath/ast.ts'
import { numberText, stringOf, textToNumber } from './xpath/values.ts'
import type { XPathNode, XPathValue } from './xpath/values.ts'
import { Work } from './xpath/work.ts'
import { compileXPath } from './xpath/xpath.ts'
import type { XPath, XPathFunction, XPathLibrary } from './xpath/xpath.ts'

/** Compiles what stands in an artifact; `at` is where. Throws EXPRESSION_SYNTAX or NOT_SUPPORTED. */
export type CompileExpression = (
  source: string,
  namespace: (prefix: string) => string | undefined,
  at: SourceRef,
) => Expression

const JSON_EVAL = /^json-eval\(([\s\S]*)\)$/
/** Prefixes that functions may carry without being declared (synapse-language F.2). */
const SYNAPSE_PREFIXES = new Set(['', 'syn', 'synapse'])

/** The compiler of one server: the language is chosen by how the expression is written (synapse-language F.1). */
export function expressionCompiler(environment: ExpressionEnvironment): CompileExpression {
  const functions = synapseFunctions(environment)
  return (source, namespace, at) => {
    const trimmed = source.trim()
    try {
      const json = JSON_EVAL.exec(trimmed)
      if (json) return new JsonExpression(source, at, compileJsonSource(unquoted(json[1]!), environment), environment)
      if (trimmed.startsWith('${')) {
        throw new IntegrationError(
          'NOT_SUPPORTED',
          `${trimmed}: expressions written \${…} are not supported; use XPath or json-eval(…)`,
          { at },
        )
      }
      return new XPathExpression(
        source,
        at,
        compileXPath(trimmed, library(namespace, functions, environment)),
        environment,
      )
    } catch (thrown) {
      throw explained(thrown, source, at)
    }
  }
}

/** {@link expressionCompiler} for a single expression. */
export function compileExpression(
  source: string,
  namespace: (prefix: string) => string | undefined,
  at: SourceRef,
  environment: ExpressionEnvironment,
): Expression {
  return expressionCompiler(environment)(source, namespace, at)
}

function unquoted(path: string): string {
  const match = /^\s*(["'])(.*)\1\s*$/s.exec(path)
  return match ? match[2]! : path
}

function explained(thrown: unknown, source: string, at: SourceRef): unknown {
  if (!(thrown instanceof XPathSyntaxError) && !(thrown instanceof JsonPathSyntaxError)) return thrown
  const hint = thrown instanceof XPathSyntaxError && thrown.hint !== undefined ? ` ${thrown.hint}` : ''
  return new IntegrationError(
    'EXPRESSION_SYNTAX',
    `${thrown.message} (at character ${thrown.offset + 1} of "${source.trim()}").${hint}`,
    {
      at,
      cause: thrown,
    },
  )
}

function library(
  namespace: (prefix: string) => string | undefined,
  functions: ReadonlyMap<string, XPathFunction<MessageContext>>,
  environment: ExpressionEnvironment,
): XPathLibrary<MessageContext> {
  return {
    namespace,
    variable: (prefix, local) => synapseVariable(prefix, local, environment),
    variableHint:
      'Known are $body, $header, $env, and $ctx: $trp: $axis2: $operation: $func: $var: $url: $sys: with a name.',
    function(prefix, local) {
      if (SYNAPSE_PREFIXES.has(prefix)) return functions.get(local) ?? 'core'
      return prefix === 'fn' ? 'core' : undefined
    },
  }
}

class XPathExpression implements Expression {
  readonly source: string
  readonly at: SourceRef
  readonly needsBody: boolean
  readonly #xpath: XPath<MessageContext>
  readonly #environment: ExpressionEnvironment

  constructor(source: string, at: SourceRef, xpath: XPath<MessageContext>, environment: ExpressionEnvironment) {
    this.source = source
    this.at = at
    this.needsBody = xpath.needsBody
    this.#xpath = xpath
    this.#environment = environment
  }

  string(ctx: MessageContext): string {
    const value = this.#xpath.evaluate(this.#node(ctx), ctx)
    // A number that was computed is a double; one that was kept in a property is what it was.
    if (typeof value === 'number') return this.#xpath.type === 'number' ? javaDouble(value) : numberText(value)
    return synapseText(value)
  }

  boolean(ctx: MessageContext): boolean {
    return this.#xpath.boolean(this.#node(ctx), ctx)
  }

  number(ctx: MessageContext): number {
    return this.#xpath.number(this.#node(ctx), ctx)
  }

  value(ctx: MessageContext): unknown {
    const value = this.#xpath.evaluate(this.#node(ctx), ctx)
    return Array.isArray(value) && value.length === 0 ? undefined : value
  }

  #node(ctx: MessageContext): XPathNode | null {
    return this.#xpath.usesNode ? this.#environment.views.envelope(ctx) : null
  }
}

/**
 * The string value of Synapse (F.2), which is not that of XPath: an element without text of its own gives its XML,
 * several nodes are put together.
 */
export function synapseText(value: XPathValue): string {
  if (value === null) return ''
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return typeof value === 'number' ? javaDouble(value) : String(value)
  if (value.length === 1) return nodeText(value[0]!)
  return value.map(node => (node.kind === 'element' ? printXml(node) : nodeText(node))).join('')
}

function nodeText(node: XPathNode): string {
  switch (node.kind) {
    case 'element':
      return node.ownText.trim() || printXml(node)
    case 'document':
      return node.children.map(child => (child.kind === 'element' ? printXml(child) : '')).join('')
    default:
      return stringOf(node, ONE_TEXT)
  }
}

/** Leaf nodes cost nothing to read. */
const ONE_TEXT = new Work(Number.POSITIVE_INFINITY)

class JsonExpression implements Expression {
  readonly source: string
  readonly at: SourceRef
  readonly needsBody: boolean
  readonly #json: JsonSource
  readonly #environment: ExpressionEnvironment

  constructor(source: string, at: SourceRef, json: JsonSource, environment: ExpressionEnvironment) {
    this.source = source
    this.at = at
    this.needsBody = json.needsBody
    this.#json = json
    this.#environment = environment
  }

  string(ctx: MessageContext): string {
    return jsonText(this.#json, ctx, this.#environment)
  }

  /** True, or something that is neither empty nor reads `false`. */
  boolean(ctx: MessageContext): boolean {
    const text = this.string(ctx)
    return text !== '' && text !== 'false' && text !== 'null'
  }

  number(ctx: MessageContext): number {
    const value = this.value(ctx)
    return isNumber(value) ? Number(value) : textToNumber(this.string(ctx))
  }

  value(ctx: MessageContext): unknown {
    return jsonValue(this.#json, ctx)
  }
}
