import type { MessageContext } from '../kernel/context.ts'
import { jsonView } from './json.ts'
import { printJsonValue, type JsonValue } from './json-text.ts'

/** What `${root.path}` in a FreeMarker template stands for; undefined if there is nothing. */
export function freemarkerValue(
  root: string,
  path: readonly (string | number)[],
  ctx: MessageContext,
  argument: (number: number) => string | undefined,
): string | undefined {
  const [first, ...rest] = path
  const name = String(first)
  switch (root) {
    case 'args':
      return argument(Number(/^arg(\d+)$/.exec(name)?.[1] ?? 0))
    case 'payload':
      return plain(follow(ctx.message.body.view(jsonView).value, path))
    case 'trp':
      return plain(follow(ctx.message.headers.get(name), rest))
    case 'axis2':
      return plain(follow(ctx.message.flag(name), rest))
    case 'var':
    case 'vars':
      return plain(follow(ctx.variables.get(name), rest))
    default:
      return plain(follow(ctx.properties.get(name), rest))
  }
}

function follow(from: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, step)
        ? (value as Record<string | number, unknown>)[step]
        : undefined,
    from,
  )
}

function plain(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'object' ? printJsonValue(value as JsonValue) : String(value)
}
