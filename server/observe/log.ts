import process from 'node:process'
import type { Clock } from '../kernel/clock.ts'
import type { Log, LogFields } from '../kernel/contracts.ts'
import type { Settings } from '../settings/fields.ts'
import { ConsoleLines } from './console-lines.ts'
import type { Layout, Severity } from './layout.ts'
import { jsonLayout, textLayout } from './layout.ts'
import type { Category } from './levels.ts'
import { LogLevels } from './levels.ts'
import type { Rank } from './lines.ts'
import type { LogDisk } from './log-file.ts'
import { LogFile } from './log-file.ts'

export interface LogOptions {
  readonly settings: Settings['log']
  readonly clock: Clock
  readonly stdout?: NodeJS.WritableStream
  readonly stderr?: NodeJS.WritableStream
  readonly disk?: LogDisk
}

export interface LogSystem extends AsyncDisposable {
  readonly log: Log
  readonly levels: LogLevels
  /** Resolves when every line so far is written, as far as it can be. */
  flush(): Promise<void>
  /** The same at once, for a process that is about to end. Also runs on `exit`. */
  flushSync(): void
}

/** Where finished lines go. */
interface Sink {
  write(line: string, rank: Rank): void
  flush(): Promise<void>
  flushSync(): void
  close(): Promise<void>
}

/** Logger name of lines that were given none. */
const DEFAULT_CATEGORY = 'Holdfast'
const SEVERITIES: Readonly<Record<Severity, number>> = { fatal: 0, error: 1, warn: 2, info: 3, debug: 4, trace: 5 }

/**
 * Field `category` names the logger (`{LogMediator}` in the line), `severity` makes an `error` a `fatal` and a `debug`
 * a `trace`, `error` holds what was thrown. Start it early: loading winston takes longer than anything else here.
 */
export async function createLog(options: LogOptions): Promise<LogSystem> {
  const [{ default: winston }, { default: Transport }] = await Promise.all([
    import('winston'),
    import('winston-transport'),
  ])
  const { settings, clock } = options
  const stdout = options.stdout ?? process.stdout
  const stderr = options.stderr ?? process.stderr
  const sinks: Sink[] = []
  const transports: InstanceType<typeof Transport>[] = []
  const add = (sink: Sink, level: Severity): void => {
    sinks.push(sink)
    transports.push(
      new Transport({
        level,
        log(info: { level: Severity; message: string }, next: () => void) {
          sink.write(info.message, rankOf(info.level))
          next()
        },
      }),
    )
  }
  if (settings.quiet) add(new ConsoleLines(stderr, clock), 'fatal')
  else add(new ConsoleLines(stdout, clock), 'trace')
  if (settings.file !== '') {
    const onTrouble = (text: string): void => void stderr.write(`holdfast: ${text}\n`)
    const { file: path, maxSize, keep } = settings
    const { disk } = options
    add(new LogFile({ path, maxSize, keep, clock, onTrouble, ...(disk && { disk }) }), 'trace')
  }
  const logger = winston.createLogger({
    levels: { ...SEVERITIES },
    level: 'trace',
    format: winston.format(info => info)(),
    transports,
    exitOnError: false,
  })
  const levels = new LogLevels(settings.level, settings.levels)
  const output: Output = {
    clock,
    levels,
    layout: settings.format === 'json' ? jsonLayout : textLayout,
    write: (severity, line) => void logger.log({ level: severity, message: line }),
  }
  const flushSync = (): void => {
    for (const sink of sinks) sink.flushSync()
  }
  process.on('exit', flushSync)
  return {
    log: new CategoryLog(output, levels.category(DEFAULT_CATEGORY), {}),
    levels,
    flush: async () => void (await Promise.all(sinks.map(sink => sink.flush()))),
    flushSync,
    async [Symbol.asyncDispose]() {
      process.off('exit', flushSync)
      await Promise.all(sinks.map(sink => sink.close()))
      logger.close()
    },
  }
}

interface Output {
  readonly clock: Clock
  readonly levels: LogLevels
  readonly layout: Layout
  readonly write: (severity: Severity, line: string) => void
}

class CategoryLog implements Log {
  readonly #output: Output
  readonly #category: Category
  readonly #fields: LogFields

  constructor(output: Output, category: Category, fields: LogFields) {
    this.#output = output
    this.#category = category
    this.#fields = fields
  }

  get debugOn(): boolean {
    return this.#category.debugOn
  }

  error(text: string, fields?: LogFields): void {
    this.#write('error', text, fields)
  }

  warn(text: string, fields?: LogFields): void {
    this.#write('warn', text, fields)
  }

  info(text: string, fields?: LogFields): void {
    this.#write('info', text, fields)
  }

  debug(text: string, fields?: LogFields): void {
    if (this.#category.debugOn || fields?.['category'] !== undefined) this.#write('debug', text, fields)
  }

  child(fields: LogFields): Log {
    return new CategoryLog(this.#output, this.#categoryOf(fields), { ...this.#fields, ...fields })
  }

  #write(usual: Severity, text: string, fields: LogFields | undefined): void {
    const { clock, layout, write } = this.#output
    const category = this.#categoryOf(fields)
    const severity = severityOf(usual, fields)
    if (!category.lets(severity)) return
    write(
      severity,
      layout({ now: clock.now(), severity, category: category.name, text, inherited: this.#fields, fields }),
    )
  }

  #categoryOf(fields: LogFields | undefined): Category {
    const name = fields?.['category']
    return typeof name === 'string' ? this.#output.levels.category(name) : this.#category
  }
}

function severityOf(usual: Severity, fields: LogFields | undefined): Severity {
  const named = fields?.['severity']
  if (typeof named !== 'string') return usual
  const severity = named.toLowerCase()
  return Object.hasOwn(SEVERITIES, severity) ? (severity as Severity) : usual
}

function rankOf(severity: Severity): Rank {
  if (severity === 'debug' || severity === 'trace') return 'debug'
  return severity === 'info' ? 'info' : 'warn'
}
