import { NO_DATABASES } from './sql-rig.ts'
import { WaitingCallers } from '../kernel/waiting-callers.ts'
/** What tests of kinds need: artifacts from XML with the real catalog and expressions, contexts, and a fake outside. */
import { formatOf } from '../codecs/client-format.ts'
import { parseContentType } from '../codecs/content-type.ts'
import { payloads } from '../codecs/payloads.ts'
import { envelopeView } from '../codecs/envelope.ts'
import { readFault } from '../codecs/soap-version.ts'
import { messageViews } from '../codecs/views.ts'
import { buildArtifact } from '../deploy/build.ts'
import { endpointMaker } from '../deploy/on-demand.ts'
import { LocalFiles } from '../drivers/files/local-files.ts'
import { expressionCompiler } from '../expr/expression.ts'
import { ManualClock } from '../kernel/clock.ts'
import { Exchange, MessageContext, type Origin } from '../kernel/context.ts'
import type { Artifact, Diagnostic, MessageStore, Outcome, Registry, RoleName, Roles } from '../kernel/contracts.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { Body, HeaderMap, Message, type Format } from '../kernel/message.ts'
import { encodeStored } from '../kernel/stored-message.ts'
import { kinds } from '../kinds/all.ts'
import { leafEndpoint } from '../runtime/leaf-endpoint.ts'
import { Snapshot } from '../runtime/snapshot.ts'
import { Catalog } from '../schema/catalog.ts'
import { decodeFile, type DecodedArtifact, type DecodedFile } from '../schema/decode.ts'
import type { DecodeEnv } from '../schema/element-site.ts'
import type { HttpTarget, Services } from '../schema/services.ts'
import { QueueTransport } from '../transport/jms/transport.ts'
import { RabbitQueues } from '../transport/rabbitmq/transport.ts'
import { memoryLog, type MemoryLog } from './memory-log.ts'
import { replyOf, RigJournal, stored, textOfBody } from './store-rig.ts'

export { replyOf, stored, textOfBody }

export const SYNAPSE = 'http://ws.apache.org/ns/synapse'
export const catalog = new Catalog(kinds)
const AT = { file: 'test.xml', line: 1, column: 1 }

/** Decoding as the server does it; variables and registry resources are what the test says. */
export function testDecodeEnv(changes: Partial<DecodeEnv> = {}): DecodeEnv {
  return {
    catalog,
    compile: expressionCompiler({ views: messageViews, clock: new ManualClock() }),
    substitute: value => ({ value }),
    resource: () => undefined,
    // Examples may name classes of Acme, and elements that only an extension can be for.
    hasExtension: className => /\bacme\b/.test(className) || !className.includes('.'),
    ...changes,
  }
}

export function decode(xml: string, changes: Partial<DecodeEnv> = {}, file = 'test.xml'): DecodedFile {
  return decodeFile(xml, file, testDecodeEnv(changes))
}

/** Everything said about a file, in the order of decoding. */
export function diagnosticsOf(xml: string, changes: Partial<DecodeEnv> = {}): readonly Diagnostic[] {
  const { artifacts, diagnostics } = decode(xml, changes)
  return [...diagnostics, ...artifacts.flatMap(artifact => artifact.diagnostics)]
}

/** `line:col code` each: what most tests of diagnostics compare. */
export function placesOf(xml: string, changes: Partial<DecodeEnv> = {}): string[] {
  return diagnosticsOf(xml, changes).map(({ at, code }) => `${at.line}:${at.column} ${code}`)
}

/** The only artifact of a file, which must be without errors. */
export function decodeGood(xml: string, changes: Partial<DecodeEnv> = {}): DecodedArtifact {
  const { artifacts, diagnostics } = decode(xml, changes)
  const [artifact] = artifacts
  if (artifact?.node) return artifact
  const said = [...diagnostics, ...(artifact?.diagnostics ?? [])]
  throw new Error(said.map(({ at, message }) => `${at.line}:${at.column} ${message}`).join('\n'))
}

/** The running thing an artifact describes. */
export function build<R extends RoleName>(
  _role: R,
  xml: string,
  services: Services = fakeServices(),
  env: Partial<DecodeEnv> = {},
): Roles[R] {
  return buildArtifact(decodeGood(xml, env).node!, services) as Roles[R]
}

/** A store written as `<messageStore …>`. */
export function openStore(xml: string, services: Services = fakeServices()): MessageStore {
  return build('message-store', xml, services)
}

export interface SentRequest {
  readonly target: HttpTarget
  readonly request: Message
  readonly timeoutMs: number
  readonly oneWay: boolean
}

export interface FakeServices extends Services {
  readonly clock: ManualClock
  readonly log: MemoryLog
  readonly journal: RigJournal
  /** Requests that left over HTTP, oldest first. */
  readonly sent: SentRequest[]
  /** What the back end says to a request; throws what a failed exchange would be rejected with. */
  answer: (request: Message, target: HttpTarget) => Message | null
}

export function fakeServices(changes: Partial<Services> = {}): FakeServices {
  const log = memoryLog()
  const sent: SentRequest[] = []
  const clock = new ManualClock()
  const services: FakeServices = {
    clock,
    log,
    journal: new RigJournal(),
    sent,
    answer: () => replyOf(200),
    registry: () => memoryRegistry({}),
    onDeploy: () => () => undefined,
    callers: new WaitingCallers(clock),
    payloads,
    faultReason(message) {
      const { fault } = message.body.view(envelopeView)
      return fault && readFault(fault).reason
    },
    resources: { read: () => undefined },
    databases: NO_DATABASES,
    extensions: { find: () => undefined, folders: ['HOME/extensions'], timeout: 30_000 },
    makeEndpoint: endpointMaker(testDecodeEnv(), () => services),
    writeResource: () => undefined,
    ports: { open: () => Promise.reject(new Error('there are no ports here')) },
    files: new LocalFiles('/nowhere', [], clock),
    documents: { read: uri => Promise.reject(new Error(`there is no ${uri}`)) },
    settings: {
      globalEndpointTimeout: 120_000,
      deliveryIdHeader: 'Idempotency-Key',
      storeConfirmDeadline: 10_000,
      maxBodySize: 1 << 20,
    },
    jms: new QueueTransport(() => services),
    rabbitmq: new RabbitQueues(() => services),
    http: {
      async send(request, target, _ctx, { timeoutMs, oneWay = false }) {
        sent.push({ target, request, timeoutMs, oneWay })
        return services.answer(request, target)
      },
    },
    get defaultEndpoint() {
      return implicit
    },
    quarantine: async () => undefined,
    encode: encodeStored,
    ...(changes as object),
  }
  const implicit = leafEndpoint(
    [],
    {
      at: AT,
      name: 'AnonymousEndpoint',
      owner: { role: 'endpoint', name: 'AnonymousEndpoint' },
      services,
      log,
      flow: () => ({ steps: [], mediate: () => 'next' }),
      endpoint: () => implicit,
      prepare: () => undefined,
    },
    request => ({ url: request.addressing.to! }),
  )
  return services
}

type Named = { readonly [R in RoleName]?: Readonly<Record<string, Roles[R]>> }

/** A snapshot of what the test made, by role and name. */
export function memoryRegistry(things: Named): Registry {
  const entries = Object.entries(things).flatMap(([role, named]) =>
    Object.entries(named as Record<string, Roles[RoleName]>).map(([name, instance]) => {
      const artifact: Artifact = { role: role as RoleName, name, at: AT, digest: name, config: undefined, refs: [] }
      return { artifact, instance }
    }),
  )
  return new Snapshot(1, entries)
}

/** A snapshot of artifacts written as XML, and of whatever else the test made. */
export function deployed(
  services: Services,
  xmls: readonly string[],
  things: Named = {},
  env: Partial<DecodeEnv> = {},
): Registry {
  const made: Partial<Record<RoleName, Record<string, Roles[RoleName]>>> = {}
  for (const [role, named] of Object.entries(things)) made[role as RoleName] = { ...named }
  for (const xml of xmls) {
    const { node, role, name } = decodeGood(xml, env)
    made[role!] = { ...made[role!], [name]: buildArtifact(node!, services) }
  }
  return memoryRegistry(made as Named)
}

export interface Given {
  /** Text, or an object sent as JSON. */
  readonly body?: string | object
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly properties?: Readonly<Record<string, unknown>>
  readonly axis2?: Readonly<Record<string, unknown>>
  readonly method?: string
  readonly format?: Format
  readonly to?: string
  readonly action?: string
  readonly isResponse?: boolean
  /** False: nobody waits for an answer. */
  readonly caller?: boolean
  readonly runtime?: Registry
  readonly log?: MemoryLog
  readonly origin?: Partial<Origin>
  /** The body arrives as a stream, so that a test sees whether anybody looked into it. */
  readonly streamed?: boolean
}

export interface TestContext extends MessageContext {
  /** Messages the caller was answered with: one at most. */
  readonly answers: readonly Message[]
  /** Statuses the caller was acknowledged with. */
  readonly acknowledged: readonly number[]
  readonly log: MemoryLog
}

/** A request that has just arrived, as the given parts describe it; a SOAP 1.1 order without any. */
export function contextOf(given: Given = {}): TestContext {
  const { body = '<order xmlns="urn:test"><id>7</id></order>', headers = {}, properties = {}, axis2 = {} } = given
  const contentType = given.contentType ?? (typeof body === 'string' ? 'application/xml' : 'application/json')
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  const message = new Message({
    body: given.streamed ? Body.ofStream(streamOf(bytes), contentType) : Body.ofBytes(bytes, contentType),
    headers: HeaderMap.of({ 'Content-Type': contentType, ...headers }),
    method: given.method ?? 'POST',
    format: given.format ?? formatOf(parseContentType(contentType)),
    isResponse: given.isResponse ?? false,
    addressing: {
      ...(given.to !== undefined && { to: given.to }),
      ...(given.action !== undefined && { action: given.action }),
    },
  })
  for (const [name, value] of Object.entries(axis2)) message.axis2.set(name, value)
  const answers: Message[] = []
  const acknowledged: number[] = []
  const sink = {
    reply: (reply: Message) => void answers.push(reply),
    acknowledge: (status: number) => void acknowledged.push(status),
  }
  const ctx = new MessageContext({
    message,
    runtime: given.runtime ?? memoryRegistry({}),
    log: given.log ?? memoryLog(),
    exchange: new Exchange(given.caller === false ? null : sink),
    origin: { label: 'proxy:Test', kind: 'proxy', name: 'Test', ...given.origin },
  })
  for (const [name, value] of Object.entries(properties)) ctx.properties.set(name, value)
  return Object.assign(ctx, { answers, acknowledged }) as unknown as TestContext
}

function streamOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  return {
    async *[Symbol.asyncIterator]() {
      yield bytes
    },
  }
}

export interface Mediated {
  readonly ctx: TestContext
  readonly outcome: Outcome
  readonly services: FakeServices
}

/** Decodes mediators written as XML, runs them on a message, and tells what became of it. Faults are thrown. */
export async function mediate(
  xml: string,
  given: Given | TestContext = {},
  services: FakeServices = fakeServices(),
): Promise<Mediated> {
  const sequence = build('sequence', `<sequence xmlns="${SYNAPSE}" name="test">${xml}</sequence>`, services)
  const ctx = given instanceof MessageContext ? given : contextOf(given)
  return { ctx, outcome: await sequence.mediate(ctx), services }
}

/** The fault mediators end in; fails if there is none. */
export async function faultOf(running: Promise<unknown>): Promise<IntegrationError> {
  try {
    await running
  } catch (thrown) {
    if (thrown instanceof IntegrationError) return thrown
    throw thrown
  }
  throw new Error('there was no fault')
}

/** A mediator for tests: notes that it ran. `<log level="custom">` would do, but says less about when. */
export function marks(ctx: TestContext): readonly string[] {
  return ctx.log.texts('info').map(text => text.replace(/^\{[^}]*\} /, ''))
}

/** Mediators that leave a mark on the context. */
export function mark(text: string): string {
  return `<log level="custom"><property name="mark" value="${text}"/></log>`
}
