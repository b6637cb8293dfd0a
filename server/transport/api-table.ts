import type { IncomingMessage } from 'node:http'
import type { Api, ApiRequest, Registry } from '../kernel/contracts.ts'

/** Which API a path belongs to: found by its first segment, the longest prefix first. Made once for a snapshot. */
export class ApiTable {
  readonly registry: Registry
  readonly #byFirst = new Map<string, Api[]>()
  readonly #everywhere: Api[] = []

  constructor(registry: Registry) {
    this.registry = registry
    const apis = registry.names('api').flatMap(name => registry.find('api', name) ?? [])
    apis.sort((a, b) => b.prefix.length - a.prefix.length)
    for (const api of apis) {
      if (api.prefix === '') {
        this.#everywhere.push(api)
        continue
      }
      const first = firstSegment(api.prefix)
      const known = this.#byFirst.get(first)
      if (known) known.push(api)
      else this.#byFirst.set(first, [api])
    }
  }

  get isEmpty(): boolean {
    return this.#byFirst.size === 0 && this.#everywhere.length === 0
  }

  find(request: ApiRequest): Api | undefined {
    const { url } = request
    for (const api of this.#byFirst.get(firstSegment(url)) ?? []) {
      if (begins(url, api.prefix) && api.accepts(request)) return api
    }
    // The page of services has a path that only somebody who wants it writes.
    if (SERVICES_PAGE.test(url)) return undefined
    return this.#everywhere.find(api => api.accepts(request))
  }
}

const SERVICES_PAGE = /^\/services\/?(?:\?|$)/

function firstSegment(path: string): string {
  const end = path.slice(1).search(/[/?#]/)
  return end < 0 ? path : path.slice(0, end + 1)
}

function begins(url: string, prefix: string): boolean {
  if (!url.startsWith(prefix)) return false
  const next = url[prefix.length]
  return next === undefined || next === '/' || next === '?' || next === '#'
}

/** A request as APIs look at it; its headers are read only if one asks. */
export class ArrivingRequest implements ApiRequest {
  readonly #request: IncomingMessage
  readonly scheme: 'http' | 'https'
  readonly inbound: string | undefined
  readonly onlyBound: boolean

  constructor(request: IncomingMessage, scheme: 'http' | 'https', inbound?: string, onlyBound = false) {
    this.#request = request
    this.scheme = scheme
    this.inbound = inbound
    this.onlyBound = onlyBound
  }

  get method(): string {
    return this.#request.method!
  }

  get url(): string {
    return this.#request.url!
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name]
    return Array.isArray(value) ? value[0] : value
  }
}
