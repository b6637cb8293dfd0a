/** One life of the server, from its start to its end or its death. */
import { LocalFiles } from '../../drivers/files/local-files.ts'
import { transportCodecs } from '../../transport/payload-codecs.ts'
import { payloads } from '../../codecs/payloads.ts'
import { messageViews } from '../../codecs/views.ts'
import { Deployer, type DeployReport } from '../../deploy/deployer.ts'
import { link } from '../../deploy/linker.ts'
import type { Journal } from '../../drivers/journal/contracts.ts'
import type { Disk } from '../../drivers/journal/disk.ts'
import { openJournal } from '../../drivers/journal/journal.ts'
import { expressionCompiler } from '../../expr/expression.ts'
import { ManualClock } from '../../kernel/clock.ts'
import { Exchange, MessageContext } from '../../kernel/context.ts'
import type { Log, MessageProcessor, MessageStore } from '../../kernel/contracts.ts'
import { Body, HeaderMap, Message } from '../../kernel/message.ts'
import { encodeStored, newMessageId } from '../../kernel/stored-message.ts'
import { WaitingCallers } from '../../kernel/waiting-callers.ts'
import { kinds } from '../../kinds/all.ts'
import jms, { jmsStore } from '../../kinds/stores/jms.ts'
import { Catalog } from '../../schema/catalog.ts'
import { decodeFile, type DecodedFile } from '../../schema/decode.ts'
import type { DecodeEnv } from '../../schema/element-site.ts'
import type { AnyKind } from '../../schema/kinds.ts'
import type { HttpSender, Services } from '../../schema/services.ts'
import type { LifeClock } from './life-clock.ts'
import type { ScriptedBroker } from './scripted-broker.ts'
import { noQueues } from '../no-queues.ts'
import { NO_DATABASES } from '../sql-rig.ts'

export const FOLDER = '/data'
const SEGMENT = 64 << 10
const DRAIN = 8_000

export interface LifeParts {
  readonly clock: LifeClock
  readonly log: Log
  readonly disk: Disk
  readonly broker: ScriptedBroker
  readonly http: HttpSender
}

/** A client's request: how it is answered, if it is. */
export type Answered = (status: number) => void

export class Life {
  readonly clock: LifeClock
  readonly journal: Journal
  readonly deployer: Deployer
  readonly callers: WaitingCallers
  readonly #log: Log
  readonly #listeners = new Set<() => void>()
  readonly #decoding: Decoder

  private constructor(parts: LifeParts, journal: Journal, decoding: Decoder) {
    const { clock, log } = parts
    this.clock = clock
    this.journal = journal
    this.callers = new WaitingCallers(clock)
    this.#log = log
    this.#decoding = decoding
    this.deployer = new Deployer({ services: this.#services(parts), log, drainMs: DRAIN })
  }

  /** As the composition root does it: the journal first, then the artifacts. */
  static async start(
    parts: LifeParts,
    files: ReadonlyMap<string, string>,
    opened: (life: Life) => Promise<void>,
  ): Promise<Life> {
    const { clock, log, disk, broker } = parts
    const journal = await openJournal({
      folder: FOLDER,
      clock,
      log,
      disk,
      segmentBytes: SEGMENT,
      reserveBytes: 8 << 10,
    })
    const life = new Life(parts, journal, decoderFor(broker))
    // Before anything can change what it holds.
    await opened(life)
    await life.deploy(files)
    return life
  }

  /** Listeners for deployments: nobody may forget to take his back. */
  get listeners(): number {
    return this.#listeners.size
  }

  async deploy(files: ReadonlyMap<string, string>): Promise<DeployReport> {
    const decoded = [...files].map(([path, xml]) => this.#decoding(path, xml))
    const report = await this.deployer.apply(link(decoded, { deployed: this.deployer.origins }))
    for (const listener of this.#listeners) listener()
    return report
  }

  store(name: string): MessageStore | undefined {
    return this.deployer.current.find('message-store', name)
  }

  processor(name: string): MessageProcessor | undefined {
    return this.deployer.current.find('message-processor', name)
  }

  has(service: string): boolean {
    return this.deployer.current.find('proxy', service) !== undefined
  }

  /** What the listener does with a POST, without the listener. */
  request(service: string, body: Uint8Array, headers: Readonly<Record<string, string>>, answered: Answered): void {
    const registry = this.deployer.current
    const proxy = registry.find('proxy', service)!
    const contentType = 'text/xml'
    const format = transportCodecs.clientFormat('POST', contentType)
    const message = new Message({
      body: Body.ofBytes(body, contentType),
      headers: HeaderMap.of({ 'Content-Type': contentType, ...headers }),
      addressing: { to: `/services/${service}` },
      method: 'POST',
      format,
    })
    const exchange = new Exchange({
      reply: reply => answered(Number(reply.flag('HTTP_SC') ?? 200)),
      acknowledge: answered,
    })
    const ctx = new MessageContext({ message, runtime: registry, log: this.#log, exchange, origin: proxy.origin })
    registry.enter()
    void proxy.handle(ctx).then(() => {
      registry.leave()
      if (exchange.answered) return
      if (exchange.fault) answered(500)
      else if (message.isOn('FORCE_SC_ACCEPTED') || !exchange.expected) exchange.acknowledge(202)
    })
  }

  /** In good order, as after SIGTERM. */
  async stop(): Promise<void> {
    this.callers.releaseAll()
    await this.deployer.stopProcessors()
    await this.deployer[Symbol.asyncDispose]()
    await this.journal[Symbol.asyncDispose]()
  }

  #services({ clock, log, http }: LifeParts): Services {
    const { journal } = this
    return {
      clock,
      log,
      journal,
      registry: () => this.deployer.current,
      onDeploy: listener => {
        this.#listeners.add(listener)
        return () => void this.#listeners.delete(listener)
      },
      callers: this.callers,
      payloads,
      databases: NO_DATABASES,
      extensions: { find: () => undefined, folders: [], timeout: 30_000 },
      faultReason: () => undefined,
      resources: { read: () => undefined },
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
      http,
      jms: noQueues,
      rabbitmq: noQueues,
      makeEndpoint: name => {
        throw new TypeError(`no flow here writes an endpoint such as ${name}`)
      },
      defaultEndpoint: { name: 'default', send: () => Promise.resolve(null) },
      quarantine: (store, record) => journal.queue(`${store}.quarantine`).put(newMessageId(), record),
      encode: encodeStored,
    }
  }
}

type Decoder = (path: string, xml: string) => DecodedFile

/** Texts that are kept decoded from seed to seed; twenty thousand seeds have some fifteen thousand. */
const MOST_DECODED = 4000

/** Decoding is pure: the same text is decoded once for all lives and for many seeds. */
const decoded = new Map<string, DecodedFile>()
let current: ScriptedBroker | undefined
let environment: DecodeEnv | undefined

/** The stores of a catalog reach whatever broker the running simulation has: one runs at a time. */
function decoderFor(broker: ScriptedBroker): Decoder {
  // Only between two seeds: within one, the same text stays the same object.
  if (current !== broker && decoded.size > MOST_DECODED) decoded.clear()
  current = broker
  return (path, xml) => {
    const key = `${path}\n${xml}`
    let found = decoded.get(key)
    if (!found) decoded.set(key, (found = decodeFile(xml, path, (environment ??= decodeEnv()))))
    return found
  }
}

function decodeEnv(): DecodeEnv {
  const dial: ScriptedBroker['dial'] = (...args) => current!.dial(...args)
  const access = { dialer: () => dial, random: () => 0.5 }
  const scripted = jmsStore(access) as AnyKind
  return {
    catalog: new Catalog(kinds.map(kind => (kind === (jms as AnyKind) ? scripted : kind))),
    compile: expressionCompiler({ views: messageViews, clock: new ManualClock() }),
    substitute: value => ({ value }),
    resource: () => undefined,
  }
}
