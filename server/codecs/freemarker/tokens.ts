/** The words and signs of an expression. */

const TOKEN =
  /\s*(?:(\d+(?:\.\d+)?)|(r?"(?:[^"\\]|\\.)*"|r?'(?:[^'\\]|\\.)*')|([A-Za-z_$@][\w$@]*)|(\.\.[<!*]?|\?\?|&&|\|\||[=!<>]=|[-+*/%<>=!?.()[\]{},:]))/y

export interface Token {
  readonly kind: 'number' | 'text' | 'name' | 'sign' | 'end'
  readonly text: string
}

/** Throws a TypeError at what cannot stand in an expression. */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  const end = source.trimEnd().length
  while (TOKEN.lastIndex < end) {
    const from = TOKEN.lastIndex
    const match = TOKEN.exec(source)
    if (!match) throw new TypeError(`"${source.slice(from).trim().slice(0, 20)}" cannot stand in an expression`)
    const [, number, string, name, sign] = match
    const kind = number !== undefined ? 'number' : string !== undefined ? 'text' : name !== undefined ? 'name' : 'sign'
    tokens.push({ kind, text: number ?? string ?? name ?? sign! })
  }
  return tokens
}

export const END: Token = { kind: 'end', text: 'the end' }
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  l: '<',
  g: '>',
  a: '&',
}

/** What a text in quotes says. */
export function literal(source: string): string {
  if (!source.startsWith('r') && source.includes('${'))
    throw new TypeError('${…} inside a text is not supported; write + between the parts')
  if (source.startsWith('r')) return source.slice(2, -1)
  return source.slice(1, -1).replace(/\\(?:x([0-9A-Fa-f]{1,4})|(.))/gs, (_, code: string | undefined, one: string) => {
    return code === undefined ? (ESCAPES[one] ?? one) : String.fromCharCode(Number.parseInt(code, 16))
  })
}
