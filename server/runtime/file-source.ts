import type { FileAction, FoundFile, KeptFiles, Polling } from '../drivers/files/contracts.ts'
import { Exchange, type MessageContext, type Origin } from '../kernel/context.ts'
import type { Log, MessageSource, SourceState } from '../kernel/contracts.ts'
import { textOf } from '../kernel/errors.ts'
import { FlowWork } from '../kernel/flow-work.ts'
import { Body, HeaderMap, Message, type Format } from '../kernel/message.ts'
import type { Services } from '../schema/services.ts'
import { Injector, type Entrance } from './injection.ts'
import { withSubfolders, type VfsAction, type VfsConfig } from './vfs-parameters.ts'

export interface FileSourceParts {
  readonly origin: Pick<Origin, 'label' | 'kind' | 'name'>
  readonly entrance: Entrance
  readonly config: VfsConfig
  readonly intervalMs: number
  readonly services: Services
  readonly log: Log
  /** By a Java date pattern. */
  readonly formatDate: (time: number, pattern: string) => string
  readonly formatOf: (contentType: string) => Format
  /** The content of an answer, as it would be sent. */
  readonly write: (message: Message) => Promise<Uint8Array>
}

const TYPES: Readonly<Record<string, string>> = {
  xml: 'application/xml',
  json: 'application/json',
  txt: 'text/plain',
  csv: 'text/plain',
}

/** Files as messages, for a proxy or an inbound endpoint. */
export class FileSource implements MessageSource {
  readonly #parts: FileSourceParts
  readonly #injector: Injector
  readonly #subfolders: boolean
  /** Answers are added to what is in their file. */
  #append = false
  #poller: Polling | null = null
  #since: number

  constructor(parts: FileSourceParts) {
    this.#parts = parts
    const { origin, entrance, services, log } = parts
    this.#injector = new Injector(origin, entrance, services, log)
    this.#subfolders = withSubfolders(parts.config.fileUri ?? '').subfolders
    this.#since = services.clock.now()
  }

  get state(): SourceState {
    const found = this.#poller?.state
    const since = this.#since
    if (!found || found.observed === 'stopped') return { observed: 'stopped', since }
    if (found.reason === undefined) return { observed: 'listening', since }
    return { observed: 'listening', since, reason: found.reason }
  }

  /** Rejects where the folder may not be used at all. */
  async start(): Promise<void> {
    const { config, services, log, origin, intervalMs } = this.#parts
    const { uri, subfolders } = withSubfolders(config.fileUri ?? '')
    const { path } = services.files.locate(uri)
    if (config.replyUri !== undefined) {
      const { parameters } = services.files.locate(config.replyUri)
      this.#append = parameters.get('transport.vfs.Append') === 'true'
    }
    this.#poller = services.files.poller({
      name: origin.label,
      path,
      subfolders,
      pattern: config.pattern,
      intervalMs,
      locking: config.locking === 'enable',
      sort: sortOf(config),
      batch: config.batch,
      pauseMs: config.pause,
      minimumAgeMs: config.minimumAge * 1000,
      maximumAgeMs: config.maximumAge === undefined ? undefined : config.maximumAge * 1000,
      sizeLimit: config.sizeLimit < 0 ? undefined : config.sizeLimit,
      createFolder: config.createFolder,
      processed: this.#action(config.afterProcess, config.moveAfterProcess),
      kept: config.afterProcess === 'NONE' ? this.#kept() : undefined,
      failed: this.#failedAction(),
      handle: file => this.#handle(file),
      log,
    })
    this.#since = services.clock.now()
    this.#poller.start()
  }

  async stop(): Promise<void> {
    await this.#poller?.stop()
    this.#since = this.#parts.services.clock.now()
  }

  #failedAction(): FileAction | null {
    const { afterFailure, moveAfterFailure, afterErrors, moveAfterErrors } = this.#parts.config
    const kind = afterFailure ?? afterErrors
    return kind === undefined || kind === 'NONE' ? null : this.#action(kind, moveAfterFailure ?? moveAfterErrors)
  }

  /** Over restarts, and for as long as the files are there. */
  #kept(): KeptFiles {
    const { services, origin } = this.#parts
    const table = services.journal.table(`files:${origin.label}`)
    return {
      get: path => table.get(path) as string | undefined,
      paths: () => table.keys(),
      set: (path, stamp) => table.set(path, stamp),
      delete: path => table.delete(path),
    }
  }

  #action(kind: VfsAction, folder: string | undefined): FileAction {
    if (kind === 'DELETE') return { kind: 'delete' }
    if (kind === 'NONE') return { kind: 'keep' }
    const { services, config, formatDate } = this.#parts
    const { moveStamp, subfolderStamp } = config
    const { uri, subfolders } = withSubfolders(folder ?? '')
    const { path } = services.files.locate(uri)
    const stamped = (now: number): string => {
      const [address, ...query] = uri.split('?')
      return services.files.locate([`${address}${formatDate(now, subfolderStamp!)}`, ...query].join('?')).path
    }
    return {
      kind: 'move',
      folder: subfolderStamp === undefined ? () => path : stamped,
      subfolders,
      ...(moveStamp !== undefined && { prefix: (now: number) => `${formatDate(now, moveStamp)}_` }),
    }
  }

  async #handle(file: FoundFile): Promise<boolean> {
    const { config, log } = this.#parts
    const answers: Message[] = []
    const sink = { reply: (message: Message) => void answers.push(message), acknowledge: () => undefined }
    const exchange = new Exchange(config.replyUri === undefined ? null : sink)
    // The file is let go of only when nothing works with its message any more (P1).
    const work = new FlowWork()
    const { ctx, fault } = await this.#injector.inject(
      this.#message(file),
      made => void (made.work = work),
      undefined,
      exchange,
    )
    const failure = fault ?? exchange.unhandled
    if (failure) {
      log.warn(`${file.path}: ${failure.message}`)
      return false
    }
    if (wantsRollback(ctx)) {
      log.warn(`${file.path}: the flow asked for a rollback (SET_ROLLBACK_ONLY)`)
      return false
    }
    const [answer] = answers
    return answer === undefined || this.#reply(answer, ctx, file)
  }

  async #reply(answer: Message, ctx: MessageContext, file: FoundFile): Promise<boolean> {
    const { services, config, write, log } = this.#parts
    const header = ctx.message.headers.get('transport.vfs.ReplyFileName')
    const name = header !== undefined && header !== '' ? header : config.replyName
    try {
      await services.files.write({ address: config.replyUri!, name, append: this.#append }, await write(answer))
      return true
    } catch (thrown) {
      log.error(`${file.path}: the answer cannot be written: ${textOf(thrown)}`)
      return false
    }
  }

  #message(file: FoundFile): Message {
    const { config, services, formatOf } = this.#parts
    const contentType = config.contentType ?? typeOf(file.name)
    return new Message({
      body: Body.ofStream(file.open(), contentType, { limit: services.settings.maxBodySize }),
      headers: HeaderMap.of({
        'Content-Type': contentType,
        FILE_NAME: file.name,
        FILE_PATH: file.path,
        FILE_URI: file.uri,
        ...(this.#subfolders && { RELATIVE_PATH: file.subfolder }),
        FILE_LENGTH: String(file.size),
        LAST_MODIFIED: String(Math.floor(file.modified)),
      }),
      format: formatOf(contentType),
    })
  }
}

function sortOf({ sortBy, sortAscending }: VfsConfig): { by: 'name' | 'size' | 'modified'; ascending: boolean } {
  const by = sortBy === 'Size' ? 'size' : sortBy === 'Lastmodifiedtimestamp' ? 'modified' : 'name'
  return { by, ascending: sortAscending }
}

function typeOf(name: string): string {
  return TYPES[name.slice(name.lastIndexOf('.') + 1).toLowerCase()] ?? 'application/octet-stream'
}

/** As a property of the message, kept over replies in the operation scope, or of the flow. */
function wantsRollback(ctx: MessageContext): boolean {
  const kept = ctx.operation.get('SET_ROLLBACK_ONLY')
  return kept === true || kept === 'true' || ctx.message.isOn('SET_ROLLBACK_ONLY') || ctx.isOn('SET_ROLLBACK_ONLY')
}
