/** What people call, and what their flows lean on: proxies, APIs, local entries, templates. */
import type { MessageContext, Origin } from '../context.ts'
import type { Endpoint } from './endpoints.ts'
import type { Mediator } from './flows.ts'
import type { SourceState } from './sources.ts'

/** A service people call over HTTP. */
export interface Proxy {
  readonly name: string
  readonly transports: readonly string[]
  readonly startOnLoad: boolean
  /** True: the ports of the server do not lead to it, those of inbound endpoints do. */
  readonly inboundOnly?: boolean
  readonly description?: string
  /** For contexts of its requests: made once, so that the listener need not. */
  readonly origin: Origin
  /** What brings it messages besides HTTP; absent: nothing. */
  readonly sources?: readonly ({ readonly transport: string } & SourceState)[]
  /** Begins to take those; ended by disposing of the proxy. */
  start?(): Promise<void>
  /** Runs the whole exchange: in flow, target endpoint, out flow, faults. Never throws: faults end in the exchange. */
  handle(ctx: MessageContext): Promise<void>
  /** The service's WSDL with its own addresses, or the document that it calls `part`; null if there is none. */
  wsdl(addresses: readonly string[], part?: string): Promise<Uint8Array | null>
}

/** What an API looks at before there is a message. */
export interface ApiRequest {
  readonly method: string
  /** Path and query as they came. */
  readonly url: string
  readonly scheme: 'http' | 'https'
  /** The inbound endpoint whose port it came to; absent: a port of the server. */
  readonly inbound?: string | undefined
  /** Only an API that is bound to that inbound endpoint may have it. */
  readonly onlyBound?: boolean
  /** By lower-case name. */
  header(name: string): string | undefined
}

/** A request on its way to one resource of an API. */
export interface ApiRoute {
  readonly origin: Origin
  /** What follows context and version: `REST_URL_POSTFIX`. */
  readonly rest: string
  /** Written on the answer whatever the flow says, names and values alternating. */
  readonly answerHeaders?: readonly string[]
  /** As {@link Proxy.handle}. */
  handle(ctx: MessageContext): Promise<void>
}

/** Resources below one path. */
export interface Api {
  readonly name: string
  /** The path its requests begin with, version included; `''` for every path. */
  readonly prefix: string
  readonly context: string
  /** `''` for none. */
  readonly version: string
  readonly hostname?: string
  readonly port?: number
  readonly resources: readonly { readonly methods: readonly string[]; readonly url: string }[]
  /** False if host, port or transport say no, so that another API may want the request. */
  accepts(request: ApiRequest): boolean
  route(request: ApiRequest): ApiRoute
}

/** Text, XML or JSON under a key (`localEntry`, registry resource). */
export interface LocalEntry {
  readonly key: string
  readonly contentType: string
  text(): string
}

/** A sequence with parameters, run by `call-template`. */
export interface Template {
  readonly name: string
  readonly parameters: readonly TemplateParameter[]
  /** Absent in a template for endpoints. */
  readonly sequence?: Mediator
  /** The endpoint of that name with these values in place of `$name`; absent in a template for sequences. */
  endpoint?(name: string, values: ReadonlyMap<string, string>): Endpoint
}

export interface TemplateParameter {
  readonly name: string
  readonly mandatory: boolean
  /** What an optional parameter is where the caller does not say; absent: it is not there. */
  readonly fallback?: string
}
