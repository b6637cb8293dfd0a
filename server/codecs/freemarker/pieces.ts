/** A template cut into text, interpolations and directives. */

export interface Piece {
  readonly kind: 'text' | 'value' | 'open' | 'close'
  /** The text, the expression, or the name of the directive. */
  text: string
  readonly inside: string
}

const BEYOND = new Set([
  'macro',
  'function',
  'include',
  'import',
  'nested',
  'return',
  'visit',
  'recurse',
  'escape',
  'attempt',
  'outputformat',
])

/** Throws a TypeError where a directive is beyond what is offered, or does not end. */
export function piecesOf(source: string): readonly Piece[] {
  return withoutDirectiveLines(cut(source))
}

function cut(source: string): Piece[] {
  const pieces: Piece[] = []
  const mark = /<#--|<\/?[#@]|\$\{/g
  let last = 0
  for (let found = mark.exec(source); found; found = mark.exec(source)) {
    if (found.index > last) pieces.push({ kind: 'text', text: source.slice(last, found.index), inside: '' })
    last = takePiece(source, found[0], found.index + found[0].length, pieces)
    mark.lastIndex = last
  }
  if (last < source.length) pieces.push({ kind: 'text', text: source.slice(last), inside: '' })
  return pieces
}

/** Returns where it ends. */
function takePiece(source: string, mark: string, from: number, pieces: Piece[]): number {
  if (mark === '<#--') {
    const end = source.indexOf('-->', from)
    if (end < 0) throw new TypeError('the comment <#-- does not end')
    return end + 3
  }
  if (mark === '${') {
    const end = endOf(source, from, '}')
    pieces.push({ kind: 'value', text: source.slice(from, end).trim(), inside: '' })
    return end + 1
  }
  const name = /^[A-Za-z_]*/.exec(source.slice(from, from + 40))![0].toLowerCase()
  if (mark.endsWith('@') || name === '' || BEYOND.has(name))
    throw new TypeError(`the FreeMarker directive ${mark}${name}…> is not supported`)
  const end = endOf(source, from + name.length, '>')
  const inside = source
    .slice(from + name.length, end)
    .trim()
    .replace(/\/$/, '')
    .trim()
  if (name === 'noparse' || name === 'comment') {
    const close = source.indexOf(`</#${name}>`, end)
    if (close < 0) throw new TypeError(`<#${name}> has no end`)
    if (name === 'noparse') pieces.push({ kind: 'text', text: source.slice(end + 1, close), inside: '' })
    return close + name.length + 4
  }
  pieces.push({ kind: mark === '</#' ? 'close' : 'open', text: name, inside })
  return end + 1
}

/** Where the expression ends: not inside texts and brackets. */
function endOf(source: string, from: number, sign: string): number {
  let depth = 0
  for (let at = from; at < source.length; at++) {
    const one = source[at]!
    if (one === '"' || one === "'") {
      at = endOfText(source, at)
      continue
    }
    if (one === sign && depth === 0) return at
    if ('([{'.includes(one)) depth++
    else if (')]}'.includes(one)) depth--
  }
  throw new TypeError(`"${source.slice(from, from + 30)}…" does not end with ${sign}`)
}

function endOfText(source: string, from: number): number {
  const quote = source[from]
  const isRaw = source[from - 1] === 'r' && !/\w/.test(source[from - 2] ?? '')
  for (let at = from + 1; at < source.length; at++) {
    if (source[at] === '\\' && !isRaw) at++
    else if (source[at] === quote) return at
  }
  throw new TypeError(`"${source.slice(from, from + 30)}…" does not end`)
}

/** Lines that hold nothing but directives leave nothing behind. */
function withoutDirectiveLines(pieces: readonly Piece[]): readonly Piece[] {
  const written = pieces.map(({ text }) => text)
  const isTag = (index: number): boolean => pieces[index]?.kind === 'open' || pieces[index]?.kind === 'close'
  const isGap = (index: number): boolean => pieces[index]?.kind === 'text' && /^[ \t]*$/.test(written[index]!)
  const startsLine = (index: number): boolean =>
    index < 0 ||
    (pieces[index]!.kind === 'text' && (index === 0 ? /(?:^|\n)[ \t]*$/ : /\n[ \t]*$/).test(written[index]!))
  const endsLine = (index: number): boolean =>
    index >= pieces.length ||
    (pieces[index]!.kind === 'text' &&
      (index === pieces.length - 1 ? /^[ \t]*(?:\r?\n|$)/ : /^[ \t]*\r?\n/).test(written[index]!))
  for (let first = 0; first < pieces.length; first++) {
    if (!isTag(first)) continue
    let last = first
    while (isTag(last + 1) || (isGap(last + 1) && isTag(last + 2))) last++
    if (startsLine(first - 1) && endsLine(last + 1)) {
      const [before, after] = [pieces[first - 1], pieces[last + 1]]
      if (before) before.text = before.text.replace(/[ \t]*$/, '')
      if (after) after.text = after.text.replace(/^[ \t]*(?:\r?\n)?/, '')
    }
    first = last
  }
  return pieces
}
