import type { BreakerPolicy } from '../kernel/breaker.ts'
import type { ConnectionFactories } from '../kernel/connection-factories.ts'
import type {
  Endpoint,
  Expression,
  Log,
  Mediator,
  MessageProcessor,
  MessageSource,
  MessageStore,
  Ref,
  RoleName,
  Roles,
  SourceRef,
  Step,
  StoreTraits,
} from '../kernel/contracts.ts'
import type { ResourceManager } from '../kernel/transaction.ts'
import type { XmlElement } from '../xml/tree.ts'
import type { ElementSite } from './element-site.ts'
import type { ConfigOf, Fields } from './fields.ts'
import type { Services } from './services.ts'
import type { EndpointNode, SessionNode } from './endpoint-structure.ts'
import type { StepNode } from './structure.ts'

/** A piece of XML that shows the kind at work. Every example is decoded, checked and written back by a test. */
export interface Example {
  readonly title: string
  readonly xml: string
}

interface Described<F extends Fields> {
  /** One sentence, as a list would show it. */
  readonly summary: string
  /** Paragraphs for the reference page. */
  readonly details?: string
  readonly fields: F
  readonly examples: readonly Example[]
  /** Who would manage a transaction that this takes part in; undefined where nothing says so at deployment. */
  manager?(config: ConfigOf<F>, factories: ConnectionFactories): ResourceManager | undefined
  /** Rules across fields; reports on the element it is given. */
  check?(config: ConfigOf<F>, site: ElementSite): void
}

/** Nested mediators as one. The steps stay visible, so that a proxy that only passes through can be told at deploy. */
export interface Flow extends Mediator {
  readonly steps: readonly Step[]
}

/** What every kind is given when it is made, once per place in an artifact. */
export interface KindEnv {
  /** Where it is written. */
  readonly at: SourceRef
  /** The artifact it belongs to. */
  readonly owner: { readonly role: RoleName; readonly name: string }
  readonly services: Services
  readonly log: Log
  /** The nested mediators as one; `mediate` runs them in order. */
  flow(steps: readonly StepNode[]): Flow
  /** The endpoint written here, or the one referred to. An inline endpoint is made once and keeps its state. */
  endpoint(node: EndpointNode): Endpoint
  /** Work that has to succeed before the artifact goes into service, such as reading a WSDL: a rejection keeps it out. */
  prepare(work: () => Promise<void>): void
}

export interface MediatorKind<F extends Fields = Fields> extends Described<F> {
  readonly role: 'mediator'
  readonly tag: string
  create(config: ConfigOf<F>, env: KindEnv): Mediator
}

export interface EndpointKind<F extends Fields = Fields> extends Described<F> {
  readonly role: 'endpoint-kind'
  readonly tag: string
  create(config: ConfigOf<F>, env: EndpointEnv): Endpoint
}

export interface EndpointEnv extends KindEnv {
  /** Name of the endpoint, or where an anonymous one is written: what log lines call it. */
  readonly name: string
  /** `<session>` beside the element of the kind. */
  readonly session?: SessionNode
}

/** Settings around a leaf endpoint; each contributes to one policy (synapse-language D.5). */
export interface LayerKind<F extends Fields = Fields> extends Described<F> {
  readonly role: 'endpoint-layer'
  readonly tag: string
  apply(config: ConfigOf<F>, policy: EndpointPolicy): EndpointPolicy
}

/** How a leaf endpoint waits, retries and rests. Built from its layers at deploy, never changed afterwards. */
export interface EndpointPolicy extends BreakerPolicy {
  /** Undefined: the server's global timeout applies. */
  readonly timeout?: {
    /** Milliseconds, or computed for each message. */
    readonly duration: number | Expression
    readonly action: 'fault' | 'discard' | 'none'
  }
  readonly retry: { readonly disabled: readonly number[]; readonly enabled: readonly number[] }
}

export const DEFAULT_POLICY: EndpointPolicy = {
  suspend: { errorCodes: [], progressionFactor: 1, maximumDuration: Number.MAX_SAFE_INTEGER },
  mark: { errorCodes: [101504, 101505], retriesBeforeSuspension: 0, retryDelay: 0 },
  retry: { disabled: [], enabled: [] },
}

export interface StoreKind<F extends Fields = Fields> extends Described<F> {
  readonly role: 'message-store'
  /** Short name: the file's, and what the console calls it. */
  readonly name: string
  /** Class names that mean this kind; `''` for an absent class. */
  readonly classes: readonly string[]
  /** As the management API prints it. */
  readonly type: string
  readonly traits: StoreTraits
  /** Where its broker or database is, `host:port` each, as far as the artifact says; absent: nowhere outside. */
  hosts?(config: ConfigOf<F>): readonly string[]
  create(config: ConfigOf<F>, env: StoreEnv): MessageStore
}

export interface StoreEnv extends KindEnv {
  readonly name: string
  /** Keeps what cannot be decoded where an operator finds it; only when this has resolved may it leave its queue. */
  quarantine(record: Uint8Array, reason: string): Promise<void>
}

export interface ProcessorKind<F extends Fields = Fields> extends Described<F> {
  readonly role: 'message-processor'
  readonly name: string
  readonly classes: readonly string[]
  readonly type: string
  create(config: ConfigOf<F>, env: ProcessorEnv): MessageProcessor
}

export interface ProcessorEnv extends KindEnv {
  readonly name: string
  /** Store and target endpoint as written on the element, every parameter as text. */
  readonly store: Ref<'message-store'>
  readonly targetEndpoint: Ref<'endpoint'> | undefined
  readonly parameters: Readonly<Record<string, string>>
}

/** A protocol that brings messages in; its fields are the parameters of `<inboundEndpoint>`. */
export interface InboundKind<F extends Fields = Fields> extends Described<F> {
  readonly role: 'inbound-endpoint'
  readonly name: string
  /** What may stand in `protocol="…"` for it. */
  readonly classes: readonly string[]
  create(config: ConfigOf<F>, env: InboundEnv): MessageSource
}

export interface InboundEnv extends KindEnv {
  readonly name: string
  readonly protocol: string
  /** Absent: the sequence `main`. */
  readonly sequence: Ref<'sequence'> | undefined
  /** Absent: the sequence `fault`. */
  readonly onError: Ref<'sequence'> | undefined
  /** Every parameter as written. */
  readonly parameters: Readonly<Record<string, string>>
}

export interface ArtifactKind<R extends RoleName = RoleName, F extends Fields = Fields> extends Described<F> {
  readonly role: R
  readonly tag: string
  /** `name`, or `key` for a local entry. */
  readonly nameAttribute: string
  nameOf(config: ConfigOf<F>, element: XmlElement): string
  /** What only one artifact can have besides its name, in words: `URL context /orders`. */
  claims?(config: ConfigOf<F>): readonly string[]
  /** Makes the running thing. It must not start working before its `start`, where it has one. */
  create(config: ConfigOf<F>, env: ArtifactEnv): Roles[R]
}

export interface ArtifactEnv extends KindEnv {
  readonly name: string
}

export function defineMediator<F extends Fields>(kind: Omit<MediatorKind<F>, 'role'>): MediatorKind<F> {
  return { role: 'mediator', ...kind }
}

export function defineEndpoint<F extends Fields>(kind: Omit<EndpointKind<F>, 'role'>): EndpointKind<F> {
  return { role: 'endpoint-kind', ...kind }
}

export function defineEndpointLayer<F extends Fields>(kind: Omit<LayerKind<F>, 'role'>): LayerKind<F> {
  return { role: 'endpoint-layer', ...kind }
}

export function defineStore<F extends Fields>(kind: Omit<StoreKind<F>, 'role'>): StoreKind<F> {
  return { role: 'message-store', ...kind }
}

export function defineProcessor<F extends Fields>(kind: Omit<ProcessorKind<F>, 'role'>): ProcessorKind<F> {
  return { role: 'message-processor', ...kind }
}

export function defineInbound<F extends Fields>(kind: Omit<InboundKind<F>, 'role'>): InboundKind<F> {
  return { role: 'inbound-endpoint', ...kind }
}

export function defineArtifact<R extends RoleName, F extends Fields>(kind: ArtifactKind<R, F>): ArtifactKind<R, F> {
  return kind
}

// The erased forms the catalog holds: a kind's own `create` and `check` know their fields, nobody else does.
/* oxlint-disable typescript/no-explicit-any */
export type AnyMediatorKind = MediatorKind<any>
export type AnyEndpointKind = EndpointKind<any>
export type AnyLayerKind = LayerKind<any>
export type AnyStoreKind = StoreKind<any>
export type AnyProcessorKind = ProcessorKind<any>
export type AnyInboundKind = InboundKind<any>
export type AnyClassKind = AnyStoreKind | AnyProcessorKind | AnyInboundKind
export type AnyArtifactKind = ArtifactKind<any, any>
export type AnyKind = AnyMediatorKind | AnyEndpointKind | AnyLayerKind | AnyClassKind | AnyArtifactKind
/* oxlint-enable typescript/no-explicit-any */
