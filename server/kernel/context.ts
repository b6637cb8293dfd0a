import { randomUUID } from 'node:crypto'
import type { Log, Mediator, Ref, Registry, Step } from './contracts.ts'
import type { IntegrationError } from './errors.ts'
import type { DeliveryKeys, FlowWork } from './flow-work.ts'
import type { Message } from './message.ts'
import { Properties, type TransportFacts } from './properties.ts'

/** What a transport offers the flow for answering its caller. */
export interface AnswerSink {
  /** Writes the answer now. Called at most once. */
  reply(message: Message, ctx: MessageContext): void
  /** Writes an empty answer with this status now. Called at most once, and not after {@link reply}. */
  acknowledge(status: number): void
  /** Asked for every chunk of a reply that is collected for this caller; throws `OVERLOADED` where there is no room. */
  take?(bytes: number): void
}

/**
 * The caller's side of one request: answered once or never. A flow that stored, sent or responded has said that an
 * answer is written or coming; otherwise the listener answers 202 by itself (synapse-language E.4).
 */
export class Exchange {
  readonly #sink: AnswerSink | null
  #answered = false
  #expected = false
  #fault: IntegrationError | null = null
  #unhandled: IntegrationError | null = null
  #listeners: (() => void)[] | null = null

  /** Without a sink nobody waits for an answer (a message processor, a task). */
  constructor(sink: AnswerSink | null = null) {
    this.#sink = sink
  }

  get answered(): boolean {
    return this.#answered
  }

  /** Somebody waits at the other end. */
  get hasCaller(): boolean {
    return this.#sink !== null
  }

  /** Room in memory for so many bytes on behalf of this request; throws `OVERLOADED` where others need it. */
  take(bytes: number): void {
    this.#sink?.take?.(bytes)
  }

  /** True once something has promised to answer: the listener must not answer by itself. */
  get expected(): boolean {
    return this.#expected
  }

  /** What was sent has gone where nothing answers: unless the flow says something, the listener may. */
  expectNothing(): void {
    this.#expected = false
    this.#fault = null
  }

  /** A fault that no sequence has handled, or that a fault sequence itself came to: the message did not get where it should. */
  get unhandled(): IntegrationError | null {
    return this.#unhandled
  }

  noteUnhandled(error: IntegrationError): void {
    this.#unhandled ??= error
  }

  /** The last fault after which nothing promised an answer: without one, the caller is told of it (P1). */
  get fault(): IntegrationError | null {
    return this.#fault
  }

  noteFault(error: IntegrationError): void {
    this.#fault = error
  }

  expectAnswer(): void {
    this.#expected = true
    this.#fault = null
  }

  /** Calls back once when every flow of the exchange has ended; never for some that nobody waits for. */
  whenOver(listener: () => void): void {
    this.#listeners ??= []
    this.#listeners.push(listener)
  }

  /** The flows have ended, answered or not. */
  over(): void {
    const listeners = this.#listeners
    this.#listeners = null
    if (listeners) for (const listener of listeners) listener()
  }

  /** False if the caller has its answer already; the message is then ignored. */
  reply(message: Message, ctx: MessageContext): boolean {
    if (this.#answered || this.#sink === null) return false
    this.#answered = true
    this.#sink.reply(message, ctx)
    return true
  }

  /** An empty answer such as 202. False if the caller has its answer already. */
  acknowledge(status: number): boolean {
    if (this.#answered || this.#sink === null) return false
    this.#answered = true
    this.#sink.acknowledge(status)
    return true
  }
}

/** Who the flow runs for: decides the log label, what becomes of replies, and where URLs are relative to. */
export interface Origin {
  /** `proxy:Orders`, `messageprocessor:fwd`, … as Synapse prints it in log lines. */
  readonly label: string
  readonly kind: 'proxy' | 'api' | 'processor' | 'main' | 'task' | 'inbound'
  readonly name: string
  /** Runs a reply to a `send` that named no receiving sequence: the out flow, or straight back to the caller. */
  readonly onReply?: Mediator
  /** What becomes of a fault in a branch that no sequence inside has handled. Absent: it is logged. */
  readonly onFault?: (thrown: unknown, ctx: MessageContext) => Promise<void>
}

/**
 * One sequence a flow is inside of, the innermost first. Kept because a branch of `clone` or `iterate` that has made a
 * `call` goes on after the mediator that started it, and on outwards, all by itself (synapse-language C.14).
 */
export interface Place {
  readonly outer: Place | null
  readonly steps: readonly Step[]
  /** The step that is running. */
  index: number
  /** Handles faults of the places inside it. */
  readonly onError?: Ref<'sequence'>
  /** Puts back what was different inside, such as the parameters of a template. */
  readonly leave?: (ctx: MessageContext) => void
}

/** A parameter that is computed each time it is read, on the message of that moment. */
export class DeferredValue {
  readonly read: (ctx: MessageContext) => unknown

  constructor(read: (ctx: MessageContext) => unknown) {
    this.read = read
  }
}

export interface ContextParts {
  readonly message: Message
  readonly runtime: Registry
  readonly log: Log
  readonly exchange?: Exchange | undefined
  readonly origin: Origin
  readonly signal?: AbortSignal | LazySignal | undefined
  readonly facts?: TransportFacts | null
  /** For who must know the end of the last branch, or sends in a transaction. */
  readonly work?: FlowWork | null
  /** For a message that may come again: names what is sent because of it. */
  readonly keys?: DeliveryKeys | null
}

/**
 * What an AbortSignal says, without one: a controller with one listener costs some 4 µs, more than everything else a
 * context is made of. The signal is made when somebody asks for it.
 */
export interface LazySignal {
  readonly signal: AbortSignal
  readonly aborted: boolean
  /** Calls back once, when it aborts. */
  onAbort(listener: () => void): void
  offAbort(listener: () => void): void
}

const NEVER: LazySignal = { signal: new AbortController().signal, aborted: false, onAbort() {}, offAbort() {} }

/** Everything one flow knows. Lives from the arrival of a request to the end of its last flow. */
export class MessageContext {
  /** Current message: the request first, replaced by the reply of a `call` or `send`. */
  message: Message
  readonly exchange: Exchange
  /** The snapshot this flow entered with. */
  readonly runtime: Registry
  readonly origin: Origin
  readonly log: Log
  /** How many named sequences are running inside one another: stops endless recursion. */
  depth = 0
  /** Where the flow is; null outside of every sequence, and in flows that must not go back to where they began. */
  place: Place | null = null
  /** The reply of a `call` has brought this flow back: a branch goes on where its parent was. */
  resumed = false
  /** Shared by the branches of a flow. Absent in nearly all flows. */
  work: FlowWork | null
  /** The work that waits for this flow to end, if it is a branch that runs beside its parent: it cannot wait for that work in turn. */
  beside: FlowWork | null = null
  keys: DeliveryKeys | null
  /** Set on a branch by whoever started it. */
  onWaiting: (() => void) | null = null
  readonly #signal: AbortSignal | LazySignal
  readonly #facts: TransportFacts | null
  #properties: Properties | null = null
  #operation: Map<string, unknown> | null = null
  #variables: Map<string, unknown> | null = null
  #functionParams: ReadonlyMap<string, unknown> | null = null

  constructor(parts: ContextParts) {
    this.message = parts.message
    this.runtime = parts.runtime
    this.log = parts.log
    this.exchange = parts.exchange ?? new Exchange()
    this.origin = parts.origin
    this.#signal = parts.signal ?? NEVER
    this.#facts = parts.facts ?? null
    this.work = parts.work ?? null
    this.keys = parts.keys ?? null
  }

  /** Default-scope properties: request to reply, copied into branches. */
  get properties(): Map<string, unknown> {
    return (this.#properties ??= new Properties('default', this.#facts))
  }

  /** Aborts when the caller has gone or the server's patience ends. */
  get signal(): AbortSignal {
    return 'signal' in this.#signal ? this.#signal.signal : this.#signal
  }

  /** The same for those on the hot path, who can do with less than a signal. */
  get abort(): AbortSignal | LazySignal {
    return this.#signal
  }

  /** Operation-scope properties, shared by request and reply of the caller's exchange. */
  get operation(): Map<string, unknown> {
    return (this.#operation ??= new Map())
  }

  get variables(): Map<string, unknown> {
    return (this.#variables ??= new Map())
  }

  /** Parameters of the template being run, innermost call only. */
  get functionParams(): ReadonlyMap<string, unknown> | null {
    return this.#functionParams
  }

  set functionParams(params: ReadonlyMap<string, unknown> | null) {
    this.#functionParams = params
  }

  /** This flow now waits for somebody else, a back end for instance: what waits for it to get on may go on. */
  waiting(): void {
    this.onWaiting?.()
  }

  /** What `$func:name` means: a deferred parameter is computed now. */
  functionParam(name: string): unknown {
    const value = this.#functionParams?.get(name)
    return value instanceof DeferredValue ? value.read(this) : value
  }

  /** `urn:uuid:…`, made when first asked for unless the message brought one. */
  get messageId(): string {
    return (this.message.addressing.messageId ??= `urn:uuid:${randomUUID()}`)
  }

  /** A default-scope property that reads `true`, as Synapse tests its switches. */
  isOn(name: string): boolean {
    const value = this.#properties === null ? this.#facts?.fact('default', name) : this.#properties.get(name)
    return value === true || value === 'true'
  }

  /** A branch of this flow (clone, a stored copy): own message and properties, same exchange and snapshot. */
  fork(message: Message = this.message.fork()): MessageContext {
    const copy = new MessageContext({
      message,
      runtime: this.runtime,
      log: this.log,
      exchange: this.exchange,
      origin: this.origin,
      signal: this.#signal,
      facts: this.#facts,
      work: this.work && this.work.branch(),
      keys: this.keys && this.keys.branch(),
    })
    if (this.#properties) for (const [name, value] of this.#properties) copy.properties.set(name, value)
    if (this.#variables) for (const [name, value] of this.#variables) copy.variables.set(name, value)
    copy.#operation = this.operation
    copy.#functionParams = this.#functionParams
    copy.depth = this.depth
    copy.beside = this.beside
    return copy
  }
}
