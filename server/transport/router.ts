import type { Proxy, Registry } from '../kernel/contracts.ts'

const PREFIX = '/services/'
const DOCUMENT = /^(?:wsdl2?|xsd|info|policy)(?:=|$)/i

/** A path below `/services/` taken apart. */
export interface ServicePath {
  /** As written, still with a suffix such as `.SOAP11Endpoint`. */
  readonly name: string
  /** What follows the name: a path with its leading slash, a query with its question mark, or `''`. */
  readonly rest: string
}

/** Null for any other path. */
export function servicePath(url: string): ServicePath | null {
  if (!url.startsWith(PREFIX) || url.length === PREFIX.length) return null
  let end = PREFIX.length
  for (; end < url.length; end++) {
    const code = url.charCodeAt(end)
    if (code === 0x2f || code === 0x3f) break
  }
  if (end === PREFIX.length) return null
  const name = url.slice(PREFIX.length, end)
  return { name: name.includes('%') ? decoded(name) : name, rest: end === url.length ? '' : url.slice(end) }
}

/** Clients of a WSDL call its ports (`Orders.SOAP11Endpoint`, `Orders.OrdersHttpSoap12Endpoint`): all are the proxy. */
export function findProxy(registry: Registry, name: string): Proxy | undefined {
  const exact = registry.find('proxy', name)
  if (exact) return exact
  const dot = name.indexOf('.')
  return dot > 0 ? registry.find('proxy', name.slice(0, dot)) : undefined
}

/** True for `?wsdl` and its kin, which describe a service instead of calling it. Only meaningful for GET. */
export function asksForDocument(rest: string): boolean {
  return rest.startsWith('?') && DOCUMENT.test(rest.slice(1))
}

/** A proxy in the request line sends the whole URL (RFC 9112 §3.2.2): only path and query matter here. */
export function originForm(url: string): string {
  if (url.startsWith('/')) return url
  const authority = url.indexOf('://')
  if (authority < 0) return url
  const path = url.slice(authority + 3).search(/[/?]/)
  if (path < 0) return '/'
  const rest = url.slice(authority + 3 + path)
  return rest.startsWith('/') ? rest : `/${rest}`
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
