import { NO_DATABASES } from './sql-rig.ts'
import { LocalFiles } from '../drivers/files/local-files.ts'
import { WaitingCallers } from '../kernel/waiting-callers.ts'
import type { Json, JournalLedger, JournalTable, LedgerEntry } from '../drivers/journal/contracts.ts'
import { payloads } from '../codecs/payloads.ts'
import { buildArtifact } from '../deploy/build.ts'
import { ManualClock } from '../kernel/clock.ts'
import { MessageContext } from '../kernel/context.ts'
import type {
  Diagnostic,
  Endpoint,
  MessageProcessor,
  MessageStore,
  Outcome,
  Registry,
  RoleName,
  Roles,
  SendOptions,
  Sequence,
  StoredMessage,
} from '../kernel/contracts.ts'
import { Body, HeaderMap, Message } from '../kernel/message.ts'
import { encodeStored, newMessageId } from '../kernel/stored-message.ts'
import messageProcessor from '../kinds/artifacts/message-processor.ts'
import messageStore from '../kinds/artifacts/message-store.ts'
import failover from '../kinds/processors/failover.ts'
import forwarding from '../kinds/processors/forwarding.ts'
import sampling from '../kinds/processors/sampling.ts'
import journal from '../kinds/stores/journal.ts'
import memory from '../kinds/stores/memory.ts'
import { Snapshot, type SnapshotEntry } from '../runtime/snapshot.ts'
import { Catalog } from '../schema/catalog.ts'
import { decodeFile } from '../schema/decode.ts'
import type { AnyKind } from '../schema/kinds.ts'
import type { Services } from '../schema/services.ts'
import { MemoryDisk, MemoryJournal } from './memory-journal.ts'
import { memoryLog, type MemoryLog } from './memory-log.ts'
import { noQueues } from './no-queues.ts'

const AT = { file: 'test.xml', line: 1, column: 1 }

/** What survives a restart in tests: queues, tables and ledgers. */
export class RigDisk extends MemoryDisk {
  readonly tables = new Map<string, Map<string, Json>>()
  readonly windows = new Map<string, Map<string, LedgerEntry>>()
}

/** The journal without a disk, with tables and whole ledgers. */
export class RigJournal extends MemoryJournal {
  /** What the next writes of values fail with. */
  failValues: Error | null = null
  readonly #disk: RigDisk

  constructor(disk = new RigDisk()) {
    super(disk)
    this.#disk = disk
  }

  override table(name: string): JournalTable {
    const values = this.#disk.tables.get(name) ?? new Map<string, Json>()
    this.#disk.tables.set(name, values)
    return {
      name,
      get: key => values.get(key),
      keys: () => [...values.keys()],
      set: async (key, value) => {
        if (this.failValues) throw this.failValues
        values.set(key, value)
      },
      delete: async key => void values.delete(key),
    }
  }

  override ledger(name: string): JournalLedger {
    const entries = this.#disk.windows.get(name) ?? new Map<string, LedgerEntry>()
    this.#disk.windows.set(name, entries)
    const write = async (id: string, entry: LedgerEntry): Promise<void> => {
      if (this.failValues) throw this.failValues
      entries.set(id, entry)
    }
    return {
      name,
      get size() {
        return entries.size
      },
      get: id => entries.get(id),
      isDone: id => entries.get(id)?.done === true,
      done: (id, at) => write(id, { done: true, at, note: null }),
      remember: (id, note, at) => write(id, { done: false, at, note }),
    }
  }
}

export interface Sent {
  readonly text: string
  readonly message: Message
  readonly options: SendOptions
  /** Elapsed milliseconds of the clock. */
  readonly at: number
}

/** What the back end does with the n-th request, counted from 1. */
export type Answer = (n: number, request: Message, ctx: MessageContext) => Message | null | Promise<Message | null>

export interface RigEndpoint extends Endpoint {
  readonly sent: readonly Sent[]
  answer: Answer
  /** Clock milliseconds until which it rests. */
  restsUntil: number | undefined
}

/** A reply as an HTTP endpoint gives it. */
export function replyOf(status: number, text = '<reply/>', contentType = 'text/xml'): Message {
  const message = new Message({
    body: Body.ofBytes(Buffer.from(text), contentType),
    headers: HeaderMap.of({ 'Content-Type': contentType }),
    isResponse: true,
  })
  message.axis2.set('HTTP_SC', status)
  return message
}

export function textOfBody(message: Message): string {
  return Buffer.from(message.body.raw ?? new Uint8Array(0)).toString()
}

export function stored(
  text: string,
  properties: Record<string, unknown> = {},
  id: string = newMessageId(),
): StoredMessage {
  return {
    id,
    storedAt: Date.UTC(2026, 0, 1),
    contentType: 'text/xml',
    body: Buffer.from(text),
    headers: ['Content-Type', 'text/xml'],
    envelope: { properties, axis2: {}, soap: 'soap11' },
  }
}

export interface RigOptions {
  readonly kinds?: readonly AnyKind[]
  readonly disk?: RigDisk
  readonly clock?: ManualClock
}

/** A server's middle part for tests: artifacts from XML, fake back ends, time that stands still. */
export class StoreRig implements AsyncDisposable {
  readonly clock: ManualClock
  readonly log: MemoryLog = memoryLog()
  readonly disk: RigDisk
  readonly journal: RigJournal
  readonly quarantined: { readonly store: string; readonly record: Uint8Array; readonly reason: string }[] = []
  /** What setting a message aside fails with. */
  failQuarantine: Error | null = null
  readonly services: Services
  readonly #catalog: Catalog
  readonly #entries = new Map<string, SnapshotEntry>()
  readonly #listeners = new Set<() => void>()
  #snapshot: Registry = new Snapshot(0, [])

  constructor(options: RigOptions = {}) {
    this.clock = options.clock ?? new ManualClock()
    this.disk = options.disk ?? new RigDisk()
    this.journal = new RigJournal(this.disk)
    this.#catalog = new Catalog(
      options.kinds ?? [messageStore, messageProcessor, memory, journal, forwarding, failover, sampling],
    )
    this.services = {
      clock: this.clock,
      log: this.log,
      journal: this.journal,
      registry: () => this.#snapshot,
      onDeploy: listener => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
      callers: new WaitingCallers(this.clock),
      payloads,
      faultReason: () => undefined,
      resources: { read: () => undefined },
      databases: NO_DATABASES,
      extensions: { find: () => undefined, folders: ['HOME/extensions'], timeout: 30_000 },
      makeEndpoint: (_xml, name) => {
        throw new Error(`nobody makes ${name} here`)
      },
      writeResource: () => undefined,
      ports: { open: () => Promise.reject(new Error('there are no ports here')) },
      files: new LocalFiles('/nowhere', [], this.clock),
      documents: { read: uri => Promise.reject(new Error(`there is no ${uri}`)) },
      settings: {
        globalEndpointTimeout: 30_000,
        deliveryIdHeader: 'Idempotency-Key',
        storeConfirmDeadline: 10_000,
        maxBodySize: 1 << 20,
      },
      jms: noQueues,
      rabbitmq: noQueues,
      http: { send: () => Promise.reject(new TypeError('there is no HTTP in this rig')) },
      defaultEndpoint: { name: 'default', send: () => Promise.resolve(null) },
      quarantine: async (store, record, reason) => {
        if (this.failQuarantine) throw this.failQuarantine
        this.quarantined.push({ store, record, reason })
      },
      encode: encodeStored,
    }
  }

  get registry(): Registry {
    return this.#snapshot
  }

  /** What decoding says about these artifacts. */
  check(xml: string): readonly Diagnostic[] {
    return this.#decode(xml).flatMap(({ diagnostics }) => diagnostics)
  }

  /** Decodes, builds and deploys; what had the same name is replaced and closed. */
  async deploy(xml: string): Promise<void> {
    const replaced: Roles[RoleName][] = []
    for (const { node, role, name, diagnostics } of this.#decode(xml)) {
      const errors = diagnostics.filter(({ severity }) => severity === 'error')
      if (!node || !role) throw new Error(errors.map(({ message }) => message).join('\n'))
      const before = this.#entries.get(`${role}:${name}`)
      if (before) replaced.push(before.instance)
      this.#add(role, name, buildArtifact(node, this.services))
    }
    this.#swap()
    for (const instance of replaced) await (instance as Partial<AsyncDisposable>)[Symbol.asyncDispose]?.()
  }

  endpoint(name: string, answer: Answer = () => replyOf(200)): RigEndpoint {
    const sent: Sent[] = []
    const endpoint: RigEndpoint = {
      name,
      sent,
      answer,
      restsUntil: undefined,
      readyAt: () => endpoint.restsUntil,
      send: async (request, ctx, options = {}) => {
        sent.push({ text: textOfBody(request), message: request, options, at: this.clock.monotonic() })
        return endpoint.answer(sent.length, request, ctx)
      },
    }
    this.#add('endpoint', name, endpoint)
    this.#swap()
    return endpoint
  }

  sequence(
    name: string,
    mediate: (ctx: MessageContext) => Outcome | Promise<Outcome> = () => 'next',
  ): { runs: string[] } {
    const runs: string[] = []
    const sequence: Sequence = {
      name,
      steps: [],
      mediate(ctx) {
        runs.push(textOfBody(ctx.message))
        return mediate(ctx)
      },
    }
    this.#add('sequence', name, sequence)
    this.#swap()
    return { runs }
  }

  store(name: string): MessageStore {
    return this.#snapshot.get({ role: 'message-store', name, at: AT })
  }

  /** A store of the test's own making. */
  addStore(store: MessageStore): void {
    this.#add('message-store', store.name, store)
    this.#swap()
  }

  processor(name: string): MessageProcessor {
    return this.#snapshot.get({ role: 'message-processor', name, at: AT })
  }

  context(text = '<order/>'): MessageContext {
    return new MessageContext({
      message: new Message({ body: Body.ofBytes(Buffer.from(text), 'text/xml'), format: 'soap11' }),
      runtime: this.#snapshot,
      log: this.log,
      origin: { label: 'proxy:Test', kind: 'proxy', name: 'Test' },
    })
  }

  /** Bodies waiting in the store, oldest first. */
  async waiting(store: string): Promise<string[]> {
    const texts: string[] = []
    for await (const { message } of this.store(store).browse()) texts.push(Buffer.from(message.body).toString())
    return texts
  }

  /** Lets everything happen that needs no time. */
  settle(): Promise<void> {
    return this.clock.advance(0)
  }

  /** Stops processors, then stores. Time goes on meanwhile, as it does for a real server that stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closing = (async () => {
      for (const role of ['message-processor', 'message-store']) {
        for (const [key, { instance }] of this.#entries) {
          if (key.startsWith(`${role}:`)) await (instance as unknown as AsyncDisposable)[Symbol.asyncDispose]()
        }
      }
    })()
    await this.clock.advance(30_000)
    await closing
  }

  #decode(xml: string) {
    const decoded = decodeFile(xml, 'test.xml', {
      catalog: this.#catalog,
      compile: source => {
        throw new Error(`this rig compiles no expressions: ${source}`)
      },
      substitute: value => ({ value }),
      resource: () => undefined,
    })
    const broken = decoded.diagnostics.filter(({ severity }) => severity === 'error')
    if (broken.length > 0) throw new Error(broken.map(({ message }) => message).join('\n'))
    return decoded.artifacts
  }

  #add(role: RoleName, name: string, instance: Roles[RoleName]): void {
    const artifact = { role, name, at: AT, digest: '', config: undefined, refs: [] }
    this.#entries.set(`${role}:${name}`, { artifact, instance })
  }

  #swap(): void {
    this.#snapshot = new Snapshot(this.#snapshot.revision + 1, this.#entries.values())
    for (const listener of this.#listeners) listener()
  }
}
