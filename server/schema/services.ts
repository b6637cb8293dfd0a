import type { Files } from '../drivers/files/contracts.ts'
import type { Databases } from '../drivers/sql/contracts.ts'
import type { Journal } from '../drivers/journal/contracts.ts'
import type { Clock } from '../kernel/clock.ts'
import type { MessageContext, Origin } from '../kernel/context.ts'
import type { DataSources } from '../kernel/data-sources.ts'
import type { Endpoint, Log, Registry, SendOptions, StoredMessage } from '../kernel/contracts.ts'
import type { Message } from '../kernel/message.ts'
import type { JmsTransport } from '../runtime/jms/contracts.ts'
import type { RabbitTransport } from '../runtime/rabbitmq/contracts.ts'
import type { WaitingCallers } from '../kernel/waiting-callers.ts'
import type { PayloadWriter } from '../kernel/stored-message.ts'

/** What the server lends to running kinds. One object for the whole server, made by the composition root. */
export interface Services {
  readonly clock: Clock
  readonly log: Log
  readonly journal: Journal
  /** The snapshot new work enters with. A flow uses its own: `ctx.runtime`. */
  registry(): Registry
  /** Calls back after every deployment: what was missing may be there now. */
  onDeploy(listener: () => void): () => void
  /** Callers that wait for the reply sequence of a processor. */
  readonly callers: WaitingCallers
  /** How a message's body and properties are written into a store and read back. */
  readonly payloads: PayloadWriter
  /** The reason of a SOAP fault message, or undefined if its body is none. The body must have been collected. */
  faultReason(message: Message): string | undefined
  /** Registry resources and local files of HOME; undefined if there is none. Never outside HOME. */
  readonly resources: { read(key: string): { contentType: string; bytes: Uint8Array } | undefined }
  /** Puts a text into the registry, or a property of what is there; null takes it away. Throws where it cannot. */
  writeResource(key: string, property: string | undefined, value: string | null): void
  readonly ports: Ports
  /** Files of this machine, as far as the settings let artifacts use them. */
  readonly files: Files
  readonly documents: Documents
  /** The endpoint written as XML, made while messages flow; throws an IntegrationError that says what is wrong with it. */
  makeEndpoint(xml: string, name: string): Endpoint
  readonly databases: Databases
  readonly extensions: Extensions
  readonly settings: KindSettings
  /** One HTTP exchange: formats the body, sends, makes the reply a message. Knows nothing of retries and suspension. */
  readonly http: HttpSender
  /** Queues at brokers as a transport; `http` hands `jms:/…` addresses to it. */
  readonly jms: JmsTransport
  /** RabbitMQ as a transport; `http` hands `rabbitmq:/…` addresses to it. */
  readonly rabbitmq: RabbitTransport
  /** Sends a message to its own `To` address: what a bare `<send/>` uses. */
  readonly defaultEndpoint: Endpoint
  /** Puts a message of `store` that cannot be used where an operator finds it (WF-10); resolves when it is durable. */
  quarantine(store: string, record: Uint8Array, reason: string): Promise<void>
  /** Puts a message of a store that cannot tell us its id through the same envelope as a journal store. */
  encode(message: StoredMessage): readonly Uint8Array[]
}

/** Ports for artifacts that listen by themselves. */
export interface Ports {
  /** Rejects where the port is taken. */
  open(wish: OwnPort): Promise<OpenPort>
}

export interface OwnPort {
  /** Of the artifact, for texts. */
  readonly name: string
  /** 0: any free one. */
  readonly port: number
  readonly secure: boolean
  /** Of its own, instead of the certificate of the server. */
  readonly keyStore?: KeyStore | undefined
  /** Whether callers show a certificate, and whose they may be. */
  readonly callers?: { readonly mustShow: boolean; readonly trusted: KeyStore } | undefined
  /** Requests for this path are for APIs and proxy services; all others are handled here. */
  claims(path: string): boolean
  readonly origin: Origin
  handle(ctx: MessageContext): Promise<void>
}

/** A file with a private key and certificates, or with certificates only. */
export interface KeyStore {
  /** Absolute, or relative to the home. */
  readonly location: string
  readonly type: 'PKCS12' | 'PEM'
  readonly password?: string
  /** Of the private key, where it has one of its own. */
  readonly keyPassword?: string
}

export interface OpenPort {
  readonly port: number
  close(): Promise<void>
}

/** Modules that stand for Java classes. */
export interface Extensions {
  /** The module registered under the class name, as it is now. */
  find(className: string): Extension | undefined
  /** Where modules are looked for, the first one first. */
  readonly folders: readonly string[]
  /** Milliseconds one call may take. */
  readonly timeout: number
}

export interface Extension {
  /** Absolute path. */
  readonly file: string
  /** As log lines and faults name it. */
  readonly shown: string
  readonly exports: Readonly<Record<string, unknown>>
}

/** WSDLs and other documents an artifact names by URI. */
export interface Documents {
  /** By http(s), relative to the home (`file:x.wsdl`), or a registry key. Rejects with what is wrong. */
  read(uri: string): Promise<Uint8Array>
}

/** Where and how a leaf endpoint sends. */
export interface HttpTarget {
  readonly url: string
  /** Absent: the message's own. */
  readonly method?: string
  /** Absent: the format of the message stays (synapse-language D.2). */
  readonly format?: 'soap11' | 'soap12' | 'pox' | 'get' | 'rest'
  /** WS-Addressing headers are added in this version. */
  readonly addressing?: 'final' | 'submission'
}

export interface HttpSender {
  /** Null for a one-way send. Rejects with an IntegrationError of the D.6 family; any status is a reply. */
  send(
    request: Message,
    target: HttpTarget,
    ctx: MessageContext,
    options: SendOptions & { timeoutMs: number },
  ): Promise<Message | null>
}

/** Which web pages of other origins may call APIs. */
export interface CorsSettings {
  /** `*`: all. */
  readonly origins: readonly string[]
  /** Request headers they may send, as the answer lists them. */
  readonly headers: string
}

/** Settings that kinds read; resolved once at start. */
export interface KindSettings {
  /** Absent: APIs say nothing about other origins. */
  readonly cors?: CorsSettings
  /** Milliseconds; an endpoint without a timeout of its own waits so long. */
  readonly globalEndpointTimeout: number
  /** Databases by the names artifacts may use. Absent: there are none. */
  readonly dataSources?: DataSources
  /** Name of the header that carries the message id to back ends; empty: none. */
  readonly deliveryIdHeader: string
  /** Milliseconds a store may take to confirm before the failover store is used. */
  readonly storeConfirmDeadline: number
  /** Bytes; a body that has to be collected may be no larger. */
  readonly maxBodySize: number
}
