import type { MessageContext } from '../kernel/context.ts'
import { ComputedPaths } from './computed-paths.ts'
import type { ExpressionEnvironment, MessageViews } from './environment.ts'
import { javaDouble } from './java-text.ts'
import { JsonPath } from './jsonpath.ts'
import { isNumber, type JsonMatch, type JsonRoot } from './json-values.ts'
import { scopeReaders } from './scopes.ts'
import type { Work } from './xpath/work.ts'

/** A JSONPath and what it is applied to: the body, or JSON kept in a property (`$ctx:p.a`). */
export interface JsonSource {
  /** The same for every message, unless it is computed (`json-eval({$ctx:p})`). */
  path(ctx: MessageContext): JsonPath
  readonly needsBody: boolean
  root(ctx: MessageContext): JsonRoot
}

const HEAD = /^\$(ctx|axis2|trp|operation|func|var):([^.[\s]+)/
const SCOPE_OF: Readonly<Record<string, string>> = {
  ctx: 'default',
  axis2: 'axis2',
  trp: 'transport',
  operation: 'operation',
  func: 'func',
}
const NOTHING: JsonRoot = { value: undefined }

/** Throws JsonPathSyntaxError. */
export function compileJsonSource(source: string, environment: ExpressionEnvironment): JsonSource {
  const trimmed = source.trim()
  const computed = /^\{(\$(?:ctx|axis2|trp|operation|func|var):[^}]+)\}$/.exec(trimmed)
  if (computed) return computedSource(computed[1]!, environment)
  const head = HEAD.exec(trimmed)
  if (!head) {
    const path = new JsonPath(trimmed)
    return { path: () => path, needsBody: true, root: ctx => environment.views.json(ctx) }
  }
  const [whole, prefix, name] = head as unknown as [string, string, string]
  const scope = SCOPE_OF[prefix]
  const read = scope === undefined ? undefined : scopeReaders(environment).get(scope)!
  const path = new JsonPath(`$${trimmed.slice(whole.length)}`)
  return {
    path: () => path,
    needsBody: false,
    root: ctx => rootOf(read ? read(ctx, name) : ctx.variables.get(name), path, environment),
  }
}

/** A property holds the path; the paths met last are kept compiled. */
function computedSource(head: string, environment: ExpressionEnvironment): JsonSource {
  const holder = compileJsonSource(head, environment)
  // A bare name is a member of the root.
  const computed = new ComputedPaths(text => new JsonPath(text.startsWith('$') ? text : `$.${text}`))
  return {
    path: ctx => computed.of(jsonText(holder, ctx, environment)),
    needsBody: true,
    root: ctx => environment.views.json(ctx),
  }
}

/** A text that is JSON is taken for its value, any other text for itself. */
function rootOf(value: unknown, path: JsonPath, { views }: ExpressionEnvironment): JsonRoot {
  if (value === undefined || value === null) return NOTHING
  if (typeof value !== 'string') return { value }
  try {
    return views.parseJson(value)
  } catch {
    return path.source === '$' ? { value } : NOTHING
  }
}

/** What it selects, as Synapse prints it (synapse-language F.3). */
export function jsonText(
  source: JsonSource,
  ctx: MessageContext,
  environment: ExpressionEnvironment,
  work?: Work,
): string {
  const path = source.path(ctx)
  const { views } = environment
  const matches = path.matches(source.root(ctx), work)
  if (path.tail !== undefined) return tailText(path.applyTail(matches), path, views)
  if (matches.length === 0) return ''
  if (matches.length === 1) return matchText(matches[0]!, views)
  return `[${matches.map(({ value, holder, key }) => views.printJson(value, holder, key)).join(',')}]`
}

/** What it selects as a value: undefined for nothing, a list for a path that may select several. */
export function jsonValue(source: JsonSource, ctx: MessageContext): unknown {
  const path = source.path(ctx)
  const matches = path.matches(source.root(ctx))
  if (path.tail !== undefined) return path.applyTail(matches)
  if (matches.length === 0) return undefined
  return path.definite ? matches[0]!.value : matches.map(match => match.value)
}

function matchText({ value, holder, key }: JsonMatch, views: MessageViews): string {
  if (typeof value === 'string') return value
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return views.printJson(value, holder, key)
  // As in Synapse, a member of one of these names stands for the whole object.
  for (const name of ['members', 'elements']) {
    if (Object.hasOwn(value, name)) {
      return matchText({ value: (value as Record<string, unknown>)[name], holder: value, key: name }, views)
    }
  }
  return views.printJson(value, holder, key)
}

/** Counts are integers, other results of arithmetic doubles, as in Java. */
function tailText(value: unknown, path: JsonPath, views: MessageViews): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return value
  const arithmetic =
    path.tail === 'min' || path.tail === 'max' || path.tail === 'sum' || path.tail === 'avg' || path.tail === 'stddev'
  return arithmetic && isNumber(value) ? javaDouble(Number(value)) : views.printJson(value, [value], 0)
}
