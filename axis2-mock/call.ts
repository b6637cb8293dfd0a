/** What a service host makes of a request before any service sees it: format, action, addressing, parameters. */
import { textOf } from '../server/kernel/errors.ts'
import { parseXml } from '../server/xml/reader.ts'
import type { XmlElement } from '../server/xml/tree.ts'
import { descendants } from '../server/xml/tree.ts'

export type Format = 'soap11' | 'soap12' | 'pox' | 'json'

export const ENVELOPES = {
  soap11: 'http://schemas.xmlsoap.org/soap/envelope/',
  soap12: 'http://www.w3.org/2003/05/soap-envelope',
} as const

export interface HttpRequest {
  readonly method: string
  /** Without query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly contentType: string
  readonly soapAction: string | undefined
  readonly cookie: string | undefined
  readonly host: string
  readonly body: Buffer
}

/** Parameters are matched by local name, wherever they stand below the payload element. */
export interface Parameters {
  /** Local name of the payload element; empty for a query. */
  readonly name: string
  readonly namespace: string
  first(name: string): string | undefined
  all(name: string): readonly string[]
  readonly text: string
}

export interface Addressing {
  readonly namespace: string
  readonly action: string | undefined
  readonly messageId: string | undefined
  readonly replyTo: string | undefined
}

export interface Call {
  readonly request: HttpRequest
  readonly format: Format
  /** As written, without quotes; empty when the request names none. */
  readonly action: string
  readonly parameters: Parameters | undefined
  readonly addressing: Addressing | undefined
  /** Why the body could not be read; the call can only be answered with a fault then. */
  readonly unreadable: string | undefined
}

export function readCall(request: HttpRequest, understandsJson: boolean): Call {
  const media = request.contentType.split(';', 1)[0]!.trim().toLowerCase()
  const bare = {
    request,
    action: unquote(request.soapAction) || unquote(parameterOf(request.contentType, 'action')),
    parameters: undefined,
    addressing: undefined,
    unreadable: undefined,
  }
  if (request.method !== 'POST' && request.method !== 'PUT') {
    return { ...bare, format: 'pox', parameters: fromPairs(request.query) }
  }
  try {
    if (media === 'application/x-www-form-urlencoded') {
      const pairs = new URLSearchParams([...request.query, ...new URLSearchParams(request.body.toString('utf8'))])
      return { ...bare, format: 'pox', parameters: fromPairs(pairs) }
    }
    if (media === 'application/json') {
      if (!understandsJson) return { ...bare, format: 'soap11', unreadable: 'JSON is switched off; start with --json' }
      return { ...bare, format: 'json', parameters: fromJson(JSON.parse(request.body.toString('utf8'))) }
    }
    const xml = media.startsWith('multipart/') ? rootPart(request) : request.body
    if (xml.length === 0) return { ...bare, format: formatOf(media) }
    const charset = unquote(parameterOf(request.contentType, 'charset'))
    return fromXml(bare, parseXml(xml, charset ? { charset } : {}).root)
  } catch (thrown) {
    return { ...bare, format: media === 'application/json' ? 'json' : formatOf(media), unreadable: textOf(thrown) }
  }
}

function formatOf(media: string): Format {
  if (media === 'application/soap+xml') return 'soap12'
  return media === 'application/xml' ? 'pox' : 'soap11'
}

function fromXml(bare: Omit<Call, 'format'>, root: XmlElement): Call {
  const version = (['soap11', 'soap12'] as const).find(name => ENVELOPES[name] === root.uri)
  if (root.local !== 'Envelope' || !version) return { ...bare, format: 'pox', parameters: fromElement(root) }
  const header = root.child('Header', root.uri)
  const payload = root.child('Body', root.uri)?.firstElement
  const addressing = header && readAddressing(header)
  return {
    ...bare,
    format: version,
    action: bare.action || addressing?.action || '',
    parameters: payload && fromElement(payload),
    addressing,
  }
}

function readAddressing(header: XmlElement): Addressing | undefined {
  const blocks = header.childElements.filter(block => block.uri.includes('/addressing'))
  if (blocks.length === 0) return undefined
  const text = (name: string): string | undefined => {
    const block = blocks.find(candidate => candidate.local === name)
    return block && (block.child('Address', block.uri) ?? block).text.trim()
  }
  return {
    namespace: blocks[0]!.uri,
    action: text('Action'),
    messageId: text('MessageID'),
    replyTo: text('ReplyTo'),
  }
}

function fromElement(element: XmlElement): Parameters {
  const all = (name: string): string[] => {
    const found: string[] = []
    for (const node of descendants(element)) if (node.kind === 'element' && node.local === name) found.push(node.text)
    return found
  }
  return {
    name: element.local,
    namespace: element.uri,
    all,
    first: name => all(name)[0],
    text: element.text,
  }
}

function fromPairs(pairs: URLSearchParams): Parameters {
  return {
    name: '',
    namespace: '',
    all: name => pairs.getAll(name),
    first: name => pairs.get(name) ?? undefined,
    text: '',
  }
}

/** `{"getQuote": {"request": {"symbol": "IBM"}}}` read as the element it stands for. */
function fromJson(value: unknown): Parameters {
  const root = value !== null && typeof value === 'object' ? Object.entries(value)[0] : undefined
  const all = (name: string): string[] => {
    const found: string[] = []
    const walk = (inside: unknown): void => {
      if (inside === null || typeof inside !== 'object') return
      for (const [key, child] of Object.entries(inside)) {
        if (key === name) found.push(...(Array.isArray(child) ? child : [child]).map(scalarText))
        walk(child)
      }
    }
    walk(root?.[1])
    return found
  }
  return {
    name: root?.[0] ?? '',
    namespace: '',
    all,
    first: name => all(name)[0],
    text: scalarText(root?.[1]),
  }
}

function scalarText(value: unknown): string {
  return value === null || typeof value === 'object' ? '' : String(value)
}

/** The first part of a MIME package is its root unless `start` says otherwise, which the samples never do. */
function rootPart(request: HttpRequest): Buffer {
  const boundary = parameterOf(request.contentType, 'boundary')
  if (!boundary) throw new Error('a multipart body needs a boundary')
  const { body } = request
  const opening = body.indexOf(`--${unquote(boundary)}`)
  const start = opening < 0 ? -1 : body.indexOf('\r\n\r\n', opening)
  const end = start < 0 ? -1 : body.indexOf(`\r\n--${unquote(boundary)}`, start)
  if (end < 0) throw new Error('the multipart body has no complete first part')
  return body.subarray(start + 4, end)
}

function parameterOf(contentType: string, name: string): string | undefined {
  return new RegExp(`;\\s*${name}\\s*=\\s*("[^"]*"|[^;\\s]+)`, 'i').exec(contentType)?.[1]
}

function unquote(text: string | undefined): string {
  const trimmed = text?.trim() ?? ''
  return trimmed.length > 1 && trimmed.startsWith('"') && trimmed.endsWith('"') ? trimmed.slice(1, -1) : trimmed
}
