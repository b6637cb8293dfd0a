/** URI templates read backwards: does a path fit, and what do its variables stand for (synapse-language G.1). */

type Token =
  | { readonly kind: 'text'; readonly text: string }
  /** `open`: `{+v}` and `*` take anything, `{v}` stays within its segment or query parameter. */
  | { readonly kind: 'variable'; readonly name: string; readonly open: boolean }

export interface UriPattern {
  readonly source: string
  /** Names and raw values alternating, or null if the path or query does not fit. */
  match(path: string, query: string): readonly string[] | null
}

/** Throws a TypeError that says what is wrong with the template. */
export function parseUriPattern(source: string): UriPattern {
  const { path, query, named } = divided(source)
  const pathTokens = tokensOf(path)
  const queryTokens = query === undefined ? undefined : tokensOf(query)
  // `/orders/*` is for `/orders`, too.
  const openEnd = path.endsWith('/*')
  return {
    source,
    match(given, givenQuery) {
      const found: string[] = []
      if (!fits(pathTokens, given, '/', found)) {
        found.length = 0
        if (!openEnd || !fits(pathTokens, `${given}/`, '/', found)) return null
      }
      if (queryTokens && !fits(queryTokens, givenQuery, '&', found)) return null
      if (named.length > 0) collect(named, givenQuery, found)
      return found
    },
  }
}

/** The path, the query written as text, and the variables of `{?a,b}`, which may be there or not. */
function divided(source: string): { path: string; query: string | undefined; named: readonly string[] } {
  const named: string[] = []
  const plain = source.replace(/\{[?&]([^}]*)\}/g, (_all, names: string) => {
    named.push(...names.split(',').map(name => name.trim().replace(/[*]$|:\d+$/, '')))
    return ''
  })
  const question = questionOutside(plain)
  return question < 0
    ? { path: plain, query: undefined, named }
    : { path: plain.slice(0, question), query: plain.slice(question + 1), named }
}

function questionOutside(text: string): number {
  let inside = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{') inside = true
    else if (character === '}') inside = false
    else if (character === '?' && !inside) return at
  }
  return -1
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = []
  const put = (plain: string): void => {
    plain.split('*').forEach((piece, index) => {
      if (index > 0) tokens.push({ kind: 'variable', name: '', open: true })
      if (piece !== '') tokens.push({ kind: 'text', text: piece })
    })
  }
  let at = 0
  while (at < text.length) {
    const open = text.indexOf('{', at)
    if (open < 0) break
    const close = text.indexOf('}', open)
    if (close < 0) throw new TypeError(`the brace opened at character ${open + 1} is not closed`)
    put(text.slice(at, open))
    const inner = text.slice(open + 1, close)
    const [, operator = '', name] = /^([+#]?)([\w.%~-]+)(?:\*|:\d{1,4})?$/.exec(inner.trim()) ?? []
    if (name === undefined) throw new TypeError(`"{${inner}}" is not a variable; write {name} or {+name}`)
    if (tokens.at(-1)?.kind === 'variable' && at === open) {
      throw new TypeError(`nothing tells {${name}} from the variable before it`)
    }
    tokens.push({ kind: 'variable', name, open: operator !== '' })
    at = close + 1
  }
  put(text.slice(at))
  return tokens
}

/**
 * Never goes back on a decision, so that no path however long costs more than reading it: a variable ends where the
 * text after it begins first, one that takes anything where it begins last.
 */
function fits(tokens: readonly Token[], text: string, border: string, found: string[]): boolean {
  let at = 0
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!
    if (token.kind === 'text') {
      if (!text.startsWith(token.text, at)) return false
      at += token.text.length
      continue
    }
    const end = endOf(token.open, tokens, index, text, at, border)
    // A segment without anything in it is none; a parameter may be empty.
    if (end < at || (end === at && border === '/' && !token.open)) return false
    if (token.name !== '') found.push(token.name, text.slice(at, end))
    at = end
  }
  return at === text.length
}

function endOf(
  open: boolean,
  tokens: readonly Token[],
  index: number,
  text: string,
  at: number,
  border: string,
): number {
  const next = tokens[index + 1]
  const stop = open ? text.length : bordered(text, at, border)
  if (next?.kind !== 'text') return stop
  if (index + 2 === tokens.length) {
    const end = text.length - next.text.length
    return end <= stop ? end : -1
  }
  const end = open ? text.lastIndexOf(next.text) : text.indexOf(next.text, at)
  return end <= stop ? end : -1
}

function bordered(text: string, at: number, border: string): number {
  const end = text.indexOf(border, at)
  return end < 0 ? text.length : end
}

function collect(names: readonly string[], query: string, found: string[]): void {
  for (const part of query.split('&')) {
    const equals = part.indexOf('=')
    const name = equals < 0 ? part : part.slice(0, equals)
    if (names.includes(name)) found.push(name, equals < 0 ? '' : part.slice(equals + 1))
  }
}
