/** Which resource of an API a request is for (synapse-language G.1, row "Dispatch"). */
import type { ApiRequest } from '../kernel/contracts.ts'

/** Names and raw values of a template's variables alternating, or null if it does not fit. */
export interface PathPattern {
  readonly source: string
  match(path: string, query: string): readonly string[] | null
}

export interface ResourceRule {
  /** Empty: every method. */
  readonly methods: readonly string[]
  readonly urlMapping?: string | undefined
  readonly template?: PathPattern | undefined
  readonly protocol?: 'http' | 'https' | undefined
  /** What the request's Content-Type has to begin with. */
  readonly contentType?: string | undefined
  readonly userAgent?: RegExp | undefined
}

export type Dispatched<R> =
  | { readonly kind: 'resource'; readonly resource: R; readonly variables: readonly string[] }
  /** A resource has the path, none of those the method. */
  | { readonly kind: 'method'; readonly allowed: readonly string[] }
  | { readonly kind: 'options'; readonly allowed: readonly string[] }
  /** Path and method fit, the content type, the client or the transport does not. */
  | { readonly kind: 'filtered' }
  | { readonly kind: 'nothing' }

export const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH'] as const

const NONE: readonly string[] = []

/** `resources` in document order; `subPath` begins with a slash. */
export function dispatch<R extends ResourceRule>(
  resources: readonly R[],
  request: ApiRequest,
  subPath: string,
  query: string,
): Dispatched<R> {
  const { method } = request
  const wanted = resources.filter(resource => hasMethod(resource, method))
  const found = byPath(wanted, subPath, query, resource => allows(resource, request))
  if (found) return found
  if (byPath(wanted, subPath, query, () => true)) return { kind: 'filtered' }
  const allowed = resources.filter(resource => byPath([resource], subPath, query, () => true)).flatMap(methodsOf)
  if (allowed.length > 0) {
    if (method === 'HEAD' && allowed.includes('GET')) {
      const { url, scheme } = request
      const asGet = { method: 'GET', url, scheme, header: (name: string) => request.header(name) }
      return dispatch(resources, asGet, subPath, query)
    }
    return { kind: method === 'OPTIONS' ? 'options' : 'method', allowed: [...new Set([...allowed, 'OPTIONS'])] }
  }
  return { kind: 'nothing' }
}

/** OPTIONS is answered for a resource that does not ask for it by name. */
function hasMethod({ methods }: ResourceRule, method: string): boolean {
  return methods.length === 0 ? method !== 'OPTIONS' : methods.includes(method)
}

export function methodsOf({ methods }: ResourceRule): readonly string[] {
  return methods.length === 0 ? METHODS : methods
}

function allows({ protocol, contentType, userAgent }: ResourceRule, request: ApiRequest): boolean {
  if (protocol !== undefined && protocol !== request.scheme) return false
  if (contentType !== undefined && !request.header('content-type')?.toLowerCase().startsWith(contentType)) return false
  return userAgent === undefined || userAgent.test(request.header('user-agent') ?? '')
}

/** Exact mapping, longest path mapping, extension; then templates in document order; then the default resource. */
function byPath<R extends ResourceRule>(
  resources: readonly R[],
  path: string,
  query: string,
  fits: (resource: R) => boolean,
): Dispatched<R> | undefined {
  let best: R | undefined
  let rank = 0
  for (const resource of resources) {
    const found = resource.urlMapping === undefined ? 0 : rankOf(resource.urlMapping, path)
    if (found > rank && fits(resource)) {
      best = resource
      rank = found
    }
  }
  if (best) return { kind: 'resource', resource: best, variables: NONE }
  for (const resource of resources) {
    const variables = resource.template?.match(path, query)
    if (variables && fits(resource)) return { kind: 'resource', resource, variables }
  }
  for (const resource of resources) {
    const isDefault = resource.urlMapping === undefined && resource.template === undefined
    if (isDefault && fits(resource)) return { kind: 'resource', resource, variables: NONE }
  }
  return undefined
}

/** 0: does not fit; the higher the better. */
function rankOf(mapping: string, path: string): number {
  if (mapping === path) return Number.MAX_SAFE_INTEGER
  if (mapping.endsWith('/*')) {
    const stem = mapping.slice(0, -2)
    return path === stem || path.startsWith(`${stem}/`) ? 2 + stem.length : 0
  }
  return mapping.startsWith('*.') && path.endsWith(mapping.slice(1)) ? 1 : 0
}
