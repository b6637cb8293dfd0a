import type { MessageContext } from '../kernel/context.ts'
import type { Expression, SourceRef } from '../kernel/contracts.ts'
import { IntegrationError } from '../kernel/errors.ts'
import type { ExpressionEnvironment } from './environment.ts'
import { synapseFunctions, synapseVariable } from './functions.ts'
import { javaDouble } from './java-text.ts'
import { JsonPathSyntaxError } from './jayway.ts'
import { compileJsonSource, jsonText, jsonValue } from './json-source.ts'
import type { JsonSource } from './json-source.ts'
import { isNumber } from './json-values.ts'
import { ExpressionSyntaxError } from './synapse-expression/ast.ts'
import type { XPathOfMessage } from './synapse-expression/compile.ts'
import { SynapseExpression } from './synapse-expression/synapse-expression.ts'
import { synapseText } from './synapse-text.ts'
import { XPathSyntaxError } from './xpath/ast.ts'
import { numberText, textToNumber } from './xpath/values.ts'
import type { XPathNode, XPathValue } from './xpath/values.ts'
import { compileXPath } from './xpath/xpath.ts'
import type { XPath, XPathFunction, XPathLibrary } from './xpath/xpath.ts'

/** Compiles what stands in an artifact; `at` is where. Throws EXPRESSION_SYNTAX or NOT_SUPPORTED. */
export type CompileExpression = (
  source: string,
  namespace: (prefix: string) => string | undefined,
  at: SourceRef,
) => Expression

const SYNTAX_ERRORS = [XPathSyntaxError, JsonPathSyntaxError, ExpressionSyntaxError]
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
      const xpath = (path: string): XPathOfMessage =>
        new XPathExpression(
          path,
          at,
          compileXPath(path.trim(), library(namespace, functions, environment)),
          environment,
        )
      return trimmed.startsWith('${') ? new SynapseExpression(source, at, { environment, xpath }) : xpath(source)
    } catch (thrown) {
      throw explained(thrown, source, at)
    }
  }
}

function unquoted(path: string): string {
  const match = /^\s*(["'])(.*)\1\s*$/s.exec(path)
  return match ? match[2]! : path
}

function explained(thrown: unknown, source: string, at: SourceRef): unknown {
  if (!SYNTAX_ERRORS.some(kind => thrown instanceof kind)) return thrown
  const { message, offset } = thrown as Error & { readonly offset: number }
  const hint = thrown instanceof XPathSyntaxError && thrown.hint !== undefined ? ` ${thrown.hint}` : ''
  return new IntegrationError(
    'EXPRESSION_SYNTAX',
    `${message} (at character ${offset + 1} of "${source.trim()}").${hint}`,
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

class XPathExpression implements XPathOfMessage {
  readonly source: string
  readonly at: SourceRef
  readonly needsBody: boolean
  readonly neverJson: boolean
  readonly #xpath: XPath<MessageContext>
  readonly #environment: ExpressionEnvironment

  constructor(source: string, at: SourceRef, xpath: XPath<MessageContext>, environment: ExpressionEnvironment) {
    this.source = source
    this.at = at
    this.needsBody = xpath.needsBody
    this.neverJson = xpath.type !== 'any'
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
    return found(this.#xpath.evaluate(this.#node(ctx), ctx))
  }

  valueAt(node: XPathNode, ctx: MessageContext): unknown {
    return found(this.#xpath.evaluate(node, ctx))
  }

  #node(ctx: MessageContext): XPathNode | null {
    return this.#xpath.usesNode ? this.#environment.views.envelope(ctx) : null
  }
}

function found(value: XPathValue): unknown {
  return Array.isArray(value) && value.length === 0 ? undefined : value
}

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
