import { createHash, type Hash } from 'node:crypto'
import type { Message } from '../kernel/message.ts'
import type { XmlElement } from '../xml/tree.ts'
import { parseContentType } from './content-type.ts'
import { envelopeView } from './envelope.ts'
import { jsonView } from './json.ts'
import { printJson } from './json-text.ts'

/** What of a request tells it from another one. */
export interface HashRules {
  /** Address and method count. */
  readonly address: boolean
  /** Headers that count, by name in lower case. */
  headers(name: string): boolean
}

/** They say nothing about what is wanted. */
const NEVER = new Set(['date', 'user-agent', 'connection', 'content-length', 'transfer-encoding', 'keep-alive'])
const BODILESS = new Set(['GET', 'HEAD', 'DELETE'])

/**
 * The same for requests that ask for the same: XML counts by its names, attributes in any order, and texts; JSON without
 * its white space; anything else byte for byte. The body must have been collected.
 */
export function requestHash(message: Message, { address, headers }: HashRules): string {
  const hash = createHash('sha256')
  if (address) {
    add(hash, message.method)
    add(hash, String(message.flag('TransportInURL') ?? message.addressing.to ?? ''))
  }
  const counted = [...message.headers]
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !NEVER.has(name) && headers(name))
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  for (const [name, value] of counted) {
    add(hash, name)
    add(hash, value)
  }
  if (!(address && BODILESS.has(message.method))) addBody(hash, message)
  return hash.digest('base64')
}

function addBody(hash: Hash, { body }: Message): void {
  if (body.isEmpty) return
  const { kind } = parseContentType(body.contentType)
  const isPlain = body.changed === null && !['json', 'pox', 'soap11', 'soap12'].includes(kind)
  if (isPlain && body.raw) hash.update(body.raw)
  else if (body.changed === jsonView || (body.changed === null && kind === 'json')) {
    const { value } = body.view(jsonView)
    if (value !== undefined) add(hash, printJson({ value }))
  } else for (const element of body.view(envelopeView).body.childElements) addElement(hash, element)
}

function addElement(hash: Hash, top: XmlElement): void {
  // An explicit stack: a tree may be deeper than the call stack.
  const pending: (XmlElement | string)[] = [top]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next === 'string') {
      add(hash, next)
      continue
    }
    add(hash, `<${next.uri}}${next.local}`)
    const attributes = next.attributes.map(({ uri, local, value }) => `@${uri}}${local}=${value}`)
    for (const attribute of attributes.sort()) add(hash, attribute)
    pending.push('>')
    for (const child of next.children.toReversed()) {
      if (child.kind === 'element') pending.push(child)
      else if (child.kind === 'text' && /\S/.test(child.value)) pending.push(child.value)
    }
  }
}

/** Length first, so that no two lists of texts come to the same. */
function add(hash: Hash, text: string): void {
  hash.update(`${Buffer.byteLength(text)}:`).update(text)
}
