import type { Expression } from '../kernel/contracts.ts'

/** Prefixes an expression uses, remembered when it is compiled so that it can be written back. */
const used = new WeakMap<object, ReadonlyMap<string, string>>()

/** Compiles through `compile`, recording every prefix that was resolved. */
export function compileTracked(
  source: string,
  namespace: (prefix: string) => string | undefined,
  compile: (source: string, namespace: (prefix: string) => string | undefined) => Expression,
): Expression {
  const prefixes = new Map<string, string>()
  const expression = compile(source, prefix => {
    const uri = namespace(prefix)
    if (uri !== undefined && prefix !== '') prefixes.set(prefix, uri)
    return uri
  })
  if (prefixes.size > 0) used.set(expression, prefixes)
  return expression
}

/** The prefixes used by an expression, by those inside a dynamic value or a template text, or by a qualified name. */
export function namespacesOf(value: unknown): ReadonlyMap<string, string> {
  if (typeof value !== 'object' || value === null) return new Map()
  const { prefix, uri } = value as { prefix?: unknown; uri?: unknown }
  if (typeof prefix === 'string' && typeof uri === 'string') return new Map(prefix === '' ? [] : [[prefix, uri]])
  const { parts } = value as { parts?: unknown }
  if (Array.isArray(parts)) return new Map(parts.flatMap(part => [...namespacesOf(part)]))
  const inner = (value as { expression?: unknown }).expression
  return used.get(typeof inner === 'object' && inner !== null ? inner : value) ?? new Map()
}
