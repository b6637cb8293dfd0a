/**
 * The part of FreeMarker that payload templates live on: `${args.arg1}`, `${payload.order.id}`, `${ctx.name}`,
 * `${axis2.name}`, `${trp.name}`, each with an optional `!default`. Directives (`<#list …>`) are refused when the
 * template is read.
 */

export type Lookup = (root: string, path: readonly (string | number)[]) => string | undefined

export type FreemarkerTemplate = (lookup: Lookup) => string

type Part =
  | string
  | {
      readonly root: string
      readonly path: readonly (string | number)[]
      readonly fallback: string | undefined
      readonly source: string
    }

const ROOTS: ReadonlySet<string> = new Set(['args', 'payload', 'ctx', 'axis2', 'trp', 'vars', 'var'])

/** Throws a TypeError that says which part is beyond this subset. */
export function parseFreemarker(text: string): FreemarkerTemplate {
  const directive = /<\/?[#@][a-z]+/i.exec(text)
  if (directive) throw new TypeError(`the FreeMarker directive ${directive[0]}…> is not supported`)
  const parts: Part[] = []
  let last = 0
  for (const match of text.matchAll(/\$\{([^}]*)\}/g)) {
    if (match.index > last) parts.push(text.slice(last, match.index))
    parts.push(parsePlace(match[1]!.trim()))
    last = match.index + match[0].length
  }
  if (last < text.length) parts.push(text.slice(last))
  return lookup =>
    parts
      .map(part => {
        if (typeof part === 'string') return part
        const value = lookup(part.root, part.path) ?? part.fallback
        if (value === undefined) throw new TypeError(`\${${part.source}} has no value and no !default`)
        return value
      })
      .join('')
}

function parsePlace(source: string): Part {
  const [, place = '', , fallback] = /^([^!]+?)(!(?:"([^"]*)"|'[^']*')?)?$/.exec(source) ?? []
  const [, root = '', rest = ''] = /^([A-Za-z_]\w*)(.*)$/s.exec(place.trim()) ?? []
  if (!ROOTS.has(root)) throw new TypeError(`the FreeMarker expression \${${source}} is not supported`)
  const path: (string | number)[] = []
  let left = rest
  while (left !== '') {
    const step = /^(?:\.([\w-]+)|\[(\d+)\]|\["([^"]*)"\]|\['([^']*)'\])/.exec(left)
    if (!step) throw new TypeError(`the FreeMarker expression \${${source}} is not supported`)
    path.push(step[2] === undefined ? (step[1] ?? step[3] ?? step[4])! : Number(step[2]))
    left = left.slice(step[0].length)
  }
  const hasDefault = /!(?:"[^"]*"|'[^']*')?$/.test(source)
  return { root, path, fallback: hasDefault ? (fallback ?? /!'([^']*)'$/.exec(source)?.[1] ?? '') : undefined, source }
}
