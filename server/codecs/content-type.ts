/** How a body of some media type is read and written (synapse-language E.3). */
export type PayloadKind =
  | 'soap11'
  | 'soap12'
  | 'pox'
  | 'json'
  | 'form'
  | 'form-data'
  | 'related'
  | 'text'
  | 'binary'
  /** A type nobody knows: the first byte decides between XML and the rest. */
  | 'other'
  | 'none'

export interface ContentType {
  /** `text/xml`, in lower case and without parameters; `''` if there is none. */
  readonly type: string
  readonly kind: PayloadKind
  readonly charset: string | undefined
  readonly action: string | undefined
  /** Names in lower case, values without quotes, in the order written. */
  readonly parameters: ReadonlyMap<string, string>
}

const NO_PARAMETERS: ReadonlyMap<string, string> = new Map()
const NONE: ContentType = { type: '', kind: 'none', charset: undefined, action: undefined, parameters: NO_PARAMETERS }

// A server sees the same few types over and over. What differs with every message (boundaries) is not worth keeping.
const MOST_REMEMBERED = 256
const LONGEST_REMEMBERED = 160
const remembered = new Map<string, ContentType>()

/** Reads what people send, not only what the grammar allows: single quotes, blanks, missing values, empty parts. */
export function parseContentType(text: string): ContentType {
  const known = remembered.get(text)
  if (known) return known
  const parsed = parse(text)
  if (text.length <= LONGEST_REMEMBERED && !parsed.type.startsWith('multipart/')) {
    if (remembered.size >= MOST_REMEMBERED) remembered.clear()
    remembered.set(text, parsed)
  }
  return parsed
}

export function mediaType(text: string): string {
  return parseContentType(text).type
}

function parse(text: string): ContentType {
  const semicolon = text.indexOf(';')
  const type = (semicolon < 0 ? text : text.slice(0, semicolon)).trim().toLowerCase()
  if (type === '' && semicolon < 0) return NONE
  const parameters = semicolon < 0 ? NO_PARAMETERS : readParameters(text, semicolon + 1)
  return {
    type,
    kind: kindOf(type),
    charset: parameters.get('charset') || undefined,
    action: parameters.get('action') || undefined,
    parameters,
  }
}

/** `; name=value; name="quoted \"value\""`, from `start` on. Also what Content-Disposition uses. */
export function readParameters(text: string, start: number): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  let at = start
  while (at < text.length) {
    const end = endOfName(text, at)
    const name = text.slice(at, end).trim().toLowerCase()
    if (text[end] !== '=') {
      at = end + 1
      continue
    }
    at = end + 1
    while (text[at] === ' ' || text[at] === '\t') at++
    const quote = text[at]
    let value = ''
    if (quote === '"' || quote === "'") {
      at++
      while (at < text.length && text[at] !== quote) {
        if (text[at] === '\\' && at + 1 < text.length) at++
        value += text[at++]
      }
      const next = text.indexOf(';', at)
      at = next < 0 ? text.length : next + 1
    } else {
      const next = text.indexOf(';', at)
      const stop = next < 0 ? text.length : next
      value = text.slice(at, stop).trim()
      at = stop + 1
    }
    if (name !== '' && !found.has(name)) found.set(name, value)
  }
  return found
}

function endOfName(text: string, from: number): number {
  let at = from
  while (at < text.length && text[at] !== '=' && text[at] !== ';') at++
  return at
}

export function kindOf(type: string): PayloadKind {
  switch (type) {
    case '':
      return 'none'
    case 'text/xml':
      return 'soap11'
    case 'application/soap+xml':
      return 'soap12'
    case 'application/xml':
      return 'pox'
    case 'application/json':
    case 'text/json':
      return 'json'
    case 'application/x-www-form-urlencoded':
      return 'form'
    case 'multipart/form-data':
      return 'form-data'
    case 'multipart/related':
      return 'related'
    case 'text/plain':
      return 'text'
    case 'application/octet-stream':
    case 'application/binary':
      return 'binary'
    default:
      if (type.endsWith('+xml')) return 'pox'
      if (type.endsWith('+json')) return 'json'
      return 'other'
  }
}

const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/** Parameters whose value is undefined are left out; values that are no token are quoted. */
export function printContentType(type: string, parameters: Readonly<Record<string, string | undefined>>): string {
  let text = type
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) text += printParameter(name, value)
  return text
}

/** With the semicolon before it. */
export function printParameter(name: string, value: string): string {
  const printed = TOKEN.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&').replace(/[\r\n]/g, ' ')}"`
  return `; ${name}=${printed}`
}
