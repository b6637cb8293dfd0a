/** URI templates (RFC 6570) whose variables are single texts; Synapse has no lists or maps there. */

interface Operator {
  readonly first: string
  readonly separator: string
  readonly named: boolean
  /** What stands for an empty value of a named variable. */
  readonly ifEmpty: string
  /** Reserved characters and percent signs are let through. */
  readonly reserved: boolean
}

const PLAIN: Operator = { first: '', separator: ',', named: false, ifEmpty: '', reserved: false }
const OPERATORS: Readonly<Record<string, Operator>> = {
  '+': { ...PLAIN, reserved: true },
  '#': { ...PLAIN, first: '#', reserved: true },
  '.': { ...PLAIN, first: '.', separator: '.' },
  '/': { ...PLAIN, first: '/', separator: '/' },
  ';': { ...PLAIN, first: ';', separator: ';', named: true },
  '?': { ...PLAIN, first: '?', separator: '&', named: true, ifEmpty: '=' },
  '&': { ...PLAIN, first: '&', separator: '&', named: true, ifEmpty: '=' },
}

type Part =
  | string
  | { readonly operator: Operator; readonly variables: readonly { readonly name: string; readonly prefix: number }[] }

export interface UriTemplate {
  readonly source: string
  /** A variable without a value expands to nothing. */
  expand(value: (name: string) => string | undefined): string
}

/** Throws a TypeError that says what is wrong with the template. `keepEncoded` leaves what is percent-encoded in values. */
export function parseUriTemplate(source: string, keepEncoded = false): UriTemplate {
  const parts: Part[] = []
  let at = 0
  while (at < source.length) {
    const open = source.indexOf('{', at)
    if (open < 0) {
      parts.push(source.slice(at))
      break
    }
    if (open > at) parts.push(source.slice(at, open))
    const close = source.indexOf('}', open)
    if (close < 0) throw new TypeError(`the brace opened at character ${open + 1} is not closed`)
    parts.push(parseExpression(source.slice(open + 1, close)))
    at = close + 1
  }
  if (parts.every(part => typeof part === 'string')) return { source, expand: () => source }
  return {
    source,
    expand: value =>
      parts.map(part => (typeof part === 'string' ? part : expandPart(part, value, keepEncoded))).join(''),
  }
}

function parseExpression(text: string): Part {
  const operator = OPERATORS[text[0] ?? '']
  const variables = (operator ? text.slice(1) : text).split(',').map(variable => {
    const [, name, prefix] = /^([\w.%-]+)(?::(\d{1,4})|\*)?$/.exec(variable.trim()) ?? []
    if (name === undefined) throw new TypeError(`"{${text}}" is not a URI template expression`)
    return { name, prefix: prefix === undefined ? 0 : Number(prefix) }
  })
  return { operator: operator ?? PLAIN, variables }
}

function expandPart(
  part: Exclude<Part, string>,
  value: (name: string) => string | undefined,
  keepEncoded: boolean,
): string {
  const { operator } = part
  const expanded: string[] = []
  for (const { name, prefix } of part.variables) {
    const given = value(name)
    if (given === undefined) continue
    const cut = prefix > 0 ? [...given].slice(0, prefix).join('') : given
    const encoded = operator.reserved ? encodeReserved(cut) : encodeUnreserved(cut, keepEncoded)
    if (operator.named) expanded.push(encoded === '' ? `${name}${operator.ifEmpty}` : `${name}=${encoded}`)
    else expanded.push(encoded)
  }
  return expanded.length === 0 ? '' : operator.first + expanded.join(operator.separator)
}

function encodeUnreserved(text: string, keepEncoded: boolean): string {
  const encoded = encodeURIComponent(text).replace(/[!'()*]/g, percent)
  return keepEncoded ? encoded.replace(/%25(?=[0-9a-f]{2})/gi, '%') : encoded
}

/** Keeps reserved characters and what is already percent-encoded. */
function encodeReserved(text: string): string {
  return text.replace(/%(?![0-9a-f]{2})|[^\w.~:/?#[\]@!$&'()*+,;=%-]+/gi, run =>
    run === '%' ? '%25' : encodeURIComponent(run),
  )
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}
