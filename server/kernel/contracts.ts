/** The shapes everything else is built from. No behaviour lives here. */
import type { MessageContext, Origin } from './context.ts'
import type { IntegrationError } from './errors.ts'
import type { Message } from './message.ts'

// ── where in an artifact, and what is wrong there ────────────────────────────────────────────────────────────────

export interface SourceRef {
  readonly file: string
  /** 1-based. */
  readonly line: number
  /** 1-based, in UTF-16 units. */
  readonly column: number
}

export interface Diagnostic {
  /** Permanent name such as `unknown-attribute`; people filter on it. */
  readonly code: string
  readonly severity: 'error' | 'warning' | 'hint'
  readonly message: string
  readonly at: SourceRef
  /** What to do, as a sentence. */
  readonly hint?: string
}

// ── logging ──────────────────────────────────────────────────────────────────────────────────────────────────────

export type LogFields = Readonly<Record<string, unknown>>

export interface Log {
  /** Test this before building an expensive debug line. */
  readonly debugOn: boolean
  error(text: string, fields?: LogFields): void
  warn(text: string, fields?: LogFields): void
  info(text: string, fields?: LogFields): void
  debug(text: string, fields?: LogFields): void
  /** Same log with these fields on every line. */
  child(fields: LogFields): Log
}

// ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────

/** A compiled XPath, JSONPath or constant. Evaluation is synchronous: the flow has collected the body if `needsBody`. */
export interface Expression {
  readonly source: string
  readonly at: SourceRef
  /** True if evaluating may look into the message body (synapse-language F.2, content-aware rule). */
  readonly needsBody: boolean
  /** The string Synapse would give (F.2): missing is `''`. */
  string(ctx: MessageContext): string
  boolean(ctx: MessageContext): boolean
  number(ctx: MessageContext): number
  /** The raw result: string, number, boolean, an array of XML nodes, a JSON value, or undefined for no match. */
  value(ctx: MessageContext): unknown
}

// ── flows ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `next`: the flow goes on; `done`: nothing after it in any enclosing sequence runs. Faults are thrown. */
export type Outcome = 'next' | 'done'

export interface Mediator {
  /** The flow runner collects the body first if this is true, so that `mediate` may look into it synchronously. */
  readonly needsBody?: boolean
  mediate(ctx: MessageContext): Outcome | Promise<Outcome>
}

export interface Step {
  readonly mediator: Mediator
  /** The element's name, for logs and traces. */
  readonly kind: string
  readonly at: SourceRef
}

export interface Sequence extends Mediator {
  readonly name: string
  readonly steps: readonly Step[]
  readonly onError?: Ref<'sequence'>
}

// ── endpoints ────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Where messages go. {@link Endpoint.send} resolves with what the back end said, of any status; for a one-way send that
 * is a status without a body, or null where the transport has no such thing.
 */
export interface Endpoint {
  readonly name: string
  send(request: Message, ctx: MessageContext, options?: SendOptions): Promise<Message | null>
  /** Where the WSDL of the back end is, if it can be told: what a proxy may publish. */
  readonly wsdlLocation?: string
  /** State for operators and for P8; absent where the endpoint has none (a group reports its members). */
  readonly status?: EndpointStatus
  /** When the endpoint will next be ready, in clock milliseconds; undefined when it is ready now. */
  readyAt?(ctx: MessageContext): number | undefined
  /** What a group chooses from, for operators; a member by key has the name of what it refers to and no state. */
  readonly members?: readonly Endpoint[]
  /** The group this is sends a copy to each of these, and every reply goes its own way; sending to the group yields one. */
  recipients?(ctx: MessageContext): readonly Endpoint[] | undefined
  /** False for a failure after which a group must not try its next member; absent: never false. */
  mayTryElsewhere?(error: IntegrationError): boolean
}

export interface SendOptions {
  /** No reply body is wanted: the exchange ends when the back end has taken the request. */
  readonly oneWay?: boolean | undefined
  /** Identity of a stored message being delivered; becomes the delivery id header (P5). */
  readonly deliveryId?: string | undefined
  /** 1 for the first send of a stored message; sent along from the second on. */
  readonly attempt?: number | undefined
}

export interface EndpointStatus {
  readonly state: 'active' | 'timeout' | 'suspended' | 'off'
  readonly since: number
  readonly nextTry?: number | undefined
  readonly lastError?: string | undefined
  switchOn(): void
  switchOff(): void
}

export type Send = Endpoint['send']
/** Folded once at deploy around one exchange: timeout, suspension, retry, addressing, security. */
export type EndpointLayer = (next: Send) => Send

// ── stores ───────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A message as a store keeps it: the original bytes, how to read them, and what the flow knew. Never changed after it
 * was made (P4). `id` is given once, when the store promises to keep it, and travels every later hop (P5).
 */
export interface StoredMessage {
  readonly id: string
  /** Milliseconds since the epoch at which it was first accepted. */
  readonly storedAt: number
  readonly contentType: string
  readonly body: Uint8Array
  /** Transport headers in order, name and value alternating, names as received. */
  readonly headers: readonly string[]
  /** Everything else worth keeping; see `kernel/stored-message.ts`. */
  readonly envelope: StoredEnvelope
}

export interface StoredEnvelope {
  readonly to?: string
  readonly action?: string
  readonly replyTo?: string
  readonly faultTo?: string
  readonly relatesTo?: string
  readonly messageId?: string
  /** What the body is when somebody looks: decides the builder after restore. */
  readonly soap?: 'soap11' | 'soap12'
  readonly rest?: boolean
  readonly method?: string
  /** Name of the proxy or API that took it. */
  readonly service?: string
  /** How often it was moved on because it could not be used where it was; absent: never. */
  readonly hop?: number
  /** Default-scope properties that are strings, numbers, booleans or JSON; XML as `{ xml: text }`. */
  readonly properties: Readonly<Record<string, unknown>>
  /** Simple axis2-scope properties. */
  readonly axis2: Readonly<Record<string, unknown>>
}

export interface StoreTraits {
  /** Survives kill -9 and power loss once `put` has resolved. */
  readonly durable: boolean
  readonly ordered: boolean
  readonly browsable: boolean
  readonly sharedBetweenNodes: boolean
}

export interface Producer {
  /** Resolves once the store's traits hold for the message; rejects with an IntegrationError otherwise. */
  put(message: StoredMessage, signal?: AbortSignal): Promise<void>
}

export interface FailedTry {
  readonly error: string
  readonly errorCode: string
  /** Clock milliseconds before which it is not tried again. */
  readonly notBefore: number
}

/** One message on loan. Settling belongs to the delivery, so that only what was delivered can be acknowledged (P4). */
export interface Delivery {
  readonly message: StoredMessage
  /** Real sends that failed so far; survives a restart where the store is durable. */
  readonly attempts: number
  /** What the last failed try said, if any. */
  readonly lastTry?: FailedTry | undefined
  /** Aborts when the store has taken the message back (its connection broke): somebody else may have it by now. */
  readonly ended?: AbortSignal | undefined
  /** Delivered: the message leaves the store. Resolves when that is durable; if it rejects the loan goes on. */
  ack(): Promise<void>
  /** A real send failed: counted, and kept with the message; the loan goes on and the worker tries again. */
  fail(why: FailedTry): Promise<void>
  /** Gives the message back uncounted (pause, stop, deactivation). It keeps its place in the order. */
  release(): Promise<void>
  /** Puts it to `target` and takes it from here as one durable step, or resolves false where that is not possible. */
  moveTo?(target: MessageStore, message: StoredMessage): Promise<boolean>
}

export interface Consumer extends AsyncDisposable {
  /** The next message, or null when none came within `waitMs` (0: at once) or `signal` aborted. Rejects if the store is down. */
  take(waitMs: number, signal?: AbortSignal): Promise<Delivery | null>
}

export interface StoreState {
  readonly state: 'ready' | 'connecting' | 'full' | 'failed'
  readonly reason?: string
  readonly since: number
}

export interface BrowsedMessage {
  readonly message: StoredMessage
  readonly attempts: number
  readonly lastTry?: FailedTry
  readonly inFlight: boolean
}

export interface MessageStore extends AsyncDisposable {
  readonly name: string
  /** `in-memory-message-store`, `jms-message-store`, … as the management API prints it. */
  readonly type: string
  readonly traits: StoreTraits
  readonly producer: Producer
  /** Next store of the failover chain, by name, if guaranteed delivery is on. */
  readonly failover?: string
  readonly status: StoreState
  /** One per worker; disposal releases its loans. */
  consumer(options?: { window?: number }): Promise<Consumer>
  /** Oldest first. Empty for a store that cannot be browsed. */
  browse(page?: { after?: string; limit?: number }): AsyncIterable<BrowsedMessage>
  find(id: string): Promise<BrowsedMessage | undefined>
  /** Removes a message that is not in flight; false if it is not there. */
  remove(id: string): Promise<boolean>
  clear(): Promise<number>
  /** Messages held, in flight included; -1 where it cannot be known. */
  depth(): Promise<number>
  /** Calls back whenever the store goes from not usable to usable; wakes processors that wait for it. */
  onReady(listener: () => void): () => void
}

// ── processors ───────────────────────────────────────────────────────────────────────────────────────────────────

export interface Actor {
  /** `operator:NAME`, `processor` (gave up by itself), `deploy`. */
  readonly by: string
}

/** P7: what is wanted (XML, operator; durable) and what is observed are two things. */
export interface ProcessorState {
  readonly wanted: 'active' | 'inactive'
  readonly observed: 'working' | 'idle' | 'waiting' | 'stopping' | 'stopped'
  readonly reason?: string
  readonly since: number
  readonly nextTry?: number
  readonly messageId?: string
  readonly attempts?: number
}

export interface MessageProcessor extends AsyncDisposable {
  readonly name: string
  readonly type: string
  readonly store: string
  readonly parameters: Readonly<Record<string, string>>
  readonly state: ProcessorState
  start(): Promise<void>
  activate(by: Actor): Promise<void>
  deactivate(by: Actor, reason: string): Promise<void>
}

// ── the registry snapshot ────────────────────────────────────────────────────────────────────────────────────────

/** A service people call over HTTP. */
export interface Proxy {
  readonly name: string
  readonly transports: readonly string[]
  readonly startOnLoad: boolean
  readonly description?: string
  /** For contexts of its requests: made once, so that the listener need not. */
  readonly origin: Origin
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

export interface Roles {
  sequence: Sequence
  template: Template
  endpoint: Endpoint
  'local-entry': LocalEntry
  'message-store': MessageStore
  'message-processor': MessageProcessor
  proxy: Proxy
  api: Api
}
export type RoleName = keyof Roles

export interface Ref<R extends RoleName = RoleName> {
  readonly role: R
  readonly name: string
  readonly at: SourceRef
  /** One link of a chain that has to come to an end. */
  readonly chain?: true
}

export interface Artifact<C = unknown> {
  readonly role: RoleName
  readonly name: string
  readonly at: SourceRef
  /** Of the canonical content: unchanged digest, unchanged instance. */
  readonly digest: string
  readonly config: C
  readonly refs: readonly Ref[]
}

/** An immutable snapshot: a flow keeps the one it began with. */
export interface Registry {
  readonly revision: number
  /** Throws `SEQUENCE_UNKNOWN`, `ENDPOINT_UNKNOWN`, `STORE_UNKNOWN` or `ENTRY_UNKNOWN` for a dangling reference. */
  get<R extends RoleName>(ref: Ref<R>): Roles[R]
  find<R extends RoleName>(role: R, name: string): Roles[R] | undefined
  names(role: RoleName): readonly string[]
  list(role?: RoleName): readonly Artifact[]
  /** A flow begins on this snapshot: nothing in it is closed before the matching {@link leave}. */
  enter(): void
  leave(): void
}

export type { IntegrationError }
