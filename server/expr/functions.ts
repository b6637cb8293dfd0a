import { createHmac } from 'node:crypto'
import type { MessageContext } from '../kernel/context.ts'
import { IntegrationError, textOf } from '../kernel/errors.ts'
import { ComputedPaths } from './computed-paths.ts'
import type { ExpressionEnvironment } from './environment.ts'
import { toXPathValue } from './foreign-value.ts'
import { formEncode } from './java-text.ts'
import { compileJsonSource, jsonText } from './json-source.ts'
import type { JsonSource } from './json-source.ts'
import { entryValue, scopeReaders, specialNames } from './scopes.ts'
import { toText } from './xpath/values.ts'
import type { XPathValue } from './xpath/values.ts'
import type { Work } from './xpath/work.ts'
import type { XPathFunction, XPathVariable } from './xpath/xpath.ts'

type SynapseFunction = XPathFunction<MessageContext>

/** The functions Synapse adds to XPath (synapse-language F.2), by local name. */
export function synapseFunctions(environment: ExpressionEnvironment): ReadonlyMap<string, SynapseFunction> {
  return new Map<string, SynapseFunction>([
    ['get-property', getProperty(environment)],
    ['base64Encode', ofTexts(1, 2, ([text, charset]) => Buffer.from(text!, encodingOf(charset)).toString('base64'))],
    ['base64Decode', ofTexts(1, 2, ([text, charset]) => Buffer.from(text!, 'base64').toString(encodingOf(charset)))],
    ['url-encode', ofTexts(1, 2, ([text, charset]) => formEncode(text!, encodingOf(charset)))],
    ['hmac-generate', ofTexts(2, 3, ([text, key, algorithm]) => hmac(text!, key!, algorithm ?? 'HmacSHA1'))],
    ['json-eval', jsonEval(environment)],
  ])
}

/** What a call costs, a microsecond or two, in steps of an expression. */
const CALL_STEPS = 64
/** For each character of a JSONPath that is not the same each time. */
const PARSE_STEPS = 16

function ofTexts(min: number, max: number, apply: (texts: readonly (string | undefined)[]) => string): SynapseFunction {
  return {
    min,
    max,
    returns: 'string',
    bind: () => ({
      needsBody: false,
      call(_ctx, args, work) {
        const texts = args.map(arg => toText(arg, work))
        work.spend(texts.reduce((sum, text) => sum + (text.length >> 2), CALL_STEPS))
        return apply(texts)
      },
    }),
  }
}

export function encodingOf(charset: string | undefined): BufferEncoding {
  switch (charset?.toLowerCase()) {
    case undefined:
    case 'utf-8':
    case 'utf8':
      return 'utf8'
    case 'iso-8859-1':
    case 'latin1':
      return 'latin1'
    case 'us-ascii':
    case 'ascii':
      return 'ascii'
    case 'utf-16le':
      return 'utf16le'
    default:
      throw new IntegrationError(
        'EXPRESSION_FAILED',
        `the character set ${charset} is not known; use UTF-8, ISO-8859-1, US-ASCII or UTF-16LE`,
      )
  }
}

function hmac(text: string, key: string, algorithm: string): string {
  const name = /^hmac(.+)$/i.exec(algorithm)?.[1] ?? algorithm
  try {
    return createHmac(name.toLowerCase(), key).update(text, 'utf8').digest('hex')
  } catch (cause) {
    throw new IntegrationError('EXPRESSION_FAILED', `hmac-generate() cannot use ${algorithm}: ${textOf(cause)}`, {
      cause,
    })
  }
}

function jsonEval(environment: ExpressionEnvironment): SynapseFunction {
  return {
    min: 1,
    max: 1,
    returns: 'string',
    bind([literal]) {
      const known = literal === undefined ? undefined : compileJsonSource(literal, environment)
      const computed = new ComputedPaths(text => compileJsonSource(text, environment))
      const sourceFor = (arg: XPathValue | undefined, work: Work): JsonSource => {
        if (known) return known
        const text = toText(arg ?? null, work)
        work.spend(text.length * PARSE_STEPS)
        return computed.of(text)
      }
      // One evaluation has one answer, however many nodes ask for it.
      const answers = new WeakMap<Work, string>()
      return {
        needsBody: known?.needsBody ?? true,
        call(ctx, [arg], work) {
          const before = answers.get(work)
          if (before !== undefined) return before
          work.spend(CALL_STEPS)
          const text = jsonText(sourceFor(arg, work), ctx, environment, work)
          work.spend(text.length >> 2)
          if (known) answers.set(work, text)
          return text
        },
      }
    },
  }
}

/** `get-property('name')`, `get-property('scope', 'name')`, `get-property('SYSTEM_DATE', 'pattern')`. */
function getProperty(environment: ExpressionEnvironment): SynapseFunction {
  const scopes = scopeReaders(environment)
  const read = (ctx: MessageContext, scope: string, name: string, pattern?: string): XPathValue => {
    if (scope !== 'default') return toXPathValue(scopes.get(scope)?.(ctx, name), environment.views)
    const special = specialNames.get(name)
    if (special) return special(ctx, environment, pattern)
    return toXPathValue(ctx.properties.get(name) ?? entryValue(ctx, name), environment.views)
  }
  return {
    min: 1,
    max: 3,
    returns: 'any',
    bind(literals) {
      const [first, second] = literals
      const named =
        literals.length === 1 || first === undefined || first === 'SYSTEM_DATE'
          ? first
          : first === 'default'
            ? second
            : null
      return {
        // Only FAULT looks into the body; a computed name might be that.
        needsBody: named === undefined || named === 'FAULT',
        call(ctx, args, work) {
          const texts = args.map(arg => toText(arg, work))
          work.spend(CALL_STEPS)
          const value =
            texts.length === 1 || texts[0] === 'SYSTEM_DATE'
              ? read(ctx, 'default', texts[0]!, texts[1])
              : read(ctx, texts[0]!, texts[1]!, texts[2])
          // Unlike a variable, the function gives an empty text for nothing.
          return value ?? ''
        },
      }
    },
  }
}

/** `$ctx:name` and its like, `$body`, `$header`, `$env` (synapse-language F.2). */
export function synapseVariable(
  prefix: string,
  local: string,
  environment: ExpressionEnvironment,
): XPathVariable<MessageContext> | undefined {
  const { views } = environment
  const of = (read: (ctx: MessageContext) => unknown): XPathVariable<MessageContext> => ({
    needsBody: false,
    read: ctx => toXPathValue(read(ctx), views),
  })
  switch (prefix) {
    case '':
      return bodyVariable(local, environment)
    case 'ctx':
      return of(ctx => ctx.properties.get(local))
    case 'axis2':
      return of(ctx => ctx.message.flag(local))
    case 'trp':
      return of(ctx => ctx.message.headers.get(local))
    case 'operation':
      return of(ctx => ctx.operation.get(local))
    case 'func':
      return of(ctx => ctx.functionParam(local))
    case 'var':
      return of(ctx => ctx.variables.get(local))
    case 'sys':
      return of(() => environment.systemProperty?.(local))
    case 'url':
      return of(ctx => queryParameter(ctx, local))
    default:
      return of(ctx => entryOf(ctx.properties.get(prefix), local))
  }
}

function bodyVariable(local: string, { views }: ExpressionEnvironment): XPathVariable<MessageContext> | undefined {
  switch (local) {
    case 'body':
      return { needsBody: true, read: ctx => [views.body(ctx)] }
    case 'header':
      return {
        needsBody: true,
        read(ctx) {
          const header = views.header(ctx)
          return header ? [header] : []
        },
      }
    case 'env':
      return { needsBody: true, read: ctx => [views.envelope(ctx)] }
    default:
      return undefined
  }
}

function queryParameter(ctx: MessageContext, name: string): string | undefined {
  const url = ctx.message.flag('TransportInURL')
  if (typeof url !== 'string') return undefined
  const question = url.indexOf('?')
  if (question < 0) return undefined
  const wanted = name.toLowerCase()
  for (const [key, value] of new URLSearchParams(url.slice(question + 1)))
    if (key.toLowerCase() === wanted) return value
  return undefined
}

/** Any other prefix names a property that is a map. */
function entryOf(map: unknown, key: string): unknown {
  if (map instanceof Map) return (map as ReadonlyMap<unknown, unknown>).get(key)
  if (typeof map !== 'object' || map === null || !Object.hasOwn(map, key)) return undefined
  return (map as Record<string, unknown>)[key]
}
