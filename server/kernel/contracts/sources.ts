/** What works or brings messages in by itself: processors, tasks, inbound endpoints. */
import type { IntegrationError } from '../errors.ts'

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

/** What an operator sees of a task; `finished` has run as often as it was told to. */
export interface TaskState {
  readonly wanted: 'active' | 'inactive'
  readonly observed: 'waiting' | 'running' | 'finished' | 'stopped'
  readonly reason?: string
  readonly since: number
  /** Since the server started, or since it was deployed. */
  readonly runs: number
  readonly failures: number
  /** Clock milliseconds. */
  readonly nextRun?: number
  readonly lastRun?: { readonly at: number; readonly error?: string }
}

/** Puts a message into a flow by a timetable. */
export interface Task extends AsyncDisposable {
  readonly name: string
  readonly group: string
  readonly className: string
  readonly timetable: TaskTimetable
  /** As written; what is XML, as text. */
  readonly properties: Readonly<Record<string, string>>
  readonly state: TaskState
  start(): Promise<void>
  activate(by: Actor): Promise<void>
  deactivate(by: Actor, reason: string): Promise<void>
  /** Runs once more, outside of the timetable; resolves with the fault it ended in, if any. */
  run(by: Actor): Promise<IntegrationError | undefined>
}

export type TaskTimetable =
  | { readonly kind: 'cron'; readonly expression: string }
  /** Milliseconds between two runs; `count` absent: for ever. */
  | { readonly kind: 'interval'; readonly interval: number; readonly count?: number }

/** P7 for everything that waits for messages from outside: queues, files, ports of its own. */
export interface SourceState {
  /** `connecting`: it cannot be reached, and is tried again; `waiting`: nothing is taken for a while, on purpose. */
  readonly observed: 'listening' | 'connecting' | 'waiting' | 'stopped'
  /** There whenever it is not listening. */
  readonly reason?: string
  readonly since: number
  /** Clock milliseconds. */
  readonly nextTry?: number
}

/** Started and stopped any number of times, one after the other. */
export interface MessageSource {
  readonly state: SourceState
  /** Begins to take messages. Rejects where nothing but a change by somebody can help; whatever passes is in `state`. */
  start(): Promise<void>
  /** Takes nothing new; resolves when what was taken has come to its end or is given back. */
  stop(): Promise<void>
}

export interface InboundState extends SourceState {
  readonly wanted: 'active' | 'inactive'
}

export interface InboundEndpoint extends AsyncDisposable {
  readonly name: string
  readonly protocol: string
  readonly sequence: string | undefined
  readonly onError: string | undefined
  readonly parameters: Readonly<Record<string, string>>
  readonly state: InboundState
  start(): Promise<void>
  activate(by: Actor): Promise<void>
  deactivate(by: Actor, reason: string): Promise<void>
}
