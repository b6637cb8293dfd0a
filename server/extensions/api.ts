/**
 * What a module in the folder `extensions` may export, and what it is given (server/docs/extensions.md). Imports
 * nothing, so that a module can take its types from here wherever it lies:
 * `import type { ExtensionContext } from 'holdfast/extension'`.
 */

/** Properties as written in the artifact, expressions evaluated for this message; XML as its text. */
export type ExtensionProperties = Readonly<Record<string, string>>

/** Where a property lives. */
export type ExtensionScope = 'default' | 'axis2' | 'transport' | 'operation'

/** `false` ends the flow here; anything else lets it go on. */
export type ExtensionResult = boolean | void | Promise<boolean | void>

export interface ExtensionModule {
  /** Java class names the module stands for. Absent: the name of the file without its ending. */
  readonly classes?: readonly string[]
  /** False: the body is not brought into memory, and may only be replaced. */
  readonly needsBody?: boolean
  /** For `<class>`, `<spring>`, `<bean>`, `<pojoCommand>`, `<ejb>` and elements no mediator of ours is for. */
  mediate?(ctx: ExtensionContext, properties: ExtensionProperties): ExtensionResult
  /** For `<handler>` of an API: before the resource, and when the reply of a back end is there. */
  handleRequest?(ctx: ExtensionContext, properties: ExtensionProperties): ExtensionResult
  handleResponse?(ctx: ExtensionContext, properties: ExtensionProperties): ExtensionResult
  /** For `<task class="…">`. */
  execute?(task: ExtensionTask, properties: ExtensionProperties): void | Promise<void>
}

export interface ExtensionLog {
  debug(text: string): void
  info(text: string): void
  warn(text: string): void
  error(text: string): void
}

/** Transport headers; names in any letter case. */
export interface ExtensionHeaders {
  get(name: string): string | undefined
  set(name: string, value: string): void
  delete(name: string): void
  names(): readonly string[]
}

/** One message in one flow. Of no use any more when the function it was given to has ended. */
export interface ExtensionContext {
  readonly messageId: string
  /** `proxy:Orders`, `api:Shop`, …: whose flow it is. */
  readonly service: string
  /** On its way back to the caller. */
  readonly isResponse: boolean
  readonly method: string
  readonly contentType: string
  /** Aborts when the caller has gone, or the time is up. */
  readonly signal: AbortSignal
  readonly log: ExtensionLog
  readonly headers: ExtensionHeaders

  to: string | undefined
  from: string | undefined
  replyTo: string | undefined
  faultTo: string | undefined
  action: string | undefined

  getProperty(name: string, scope?: ExtensionScope): unknown
  setProperty(name: string, value: unknown, scope?: ExtensionScope): void
  removeProperty(name: string, scope?: ExtensionScope): void
  getVariable(name: string): unknown
  setVariable(name: string, value: unknown): void

  /** The first element of the body as text, the converted one if it is JSON; undefined if there is none. */
  xml(): string | undefined
  setXml(text: string): void
  /** The SOAP envelope as text. */
  envelope(): string
  /** The body as a JSON value, the converted one if it is XML; undefined if there is none. */
  json(): unknown
  setJson(value: unknown): void
  /** XML or JSON as text, or what a plain text says. */
  text(): string
  setText(text: string): void
  /** As it would be sent. */
  bytes(): Uint8Array
  setBytes(bytes: Uint8Array, contentType: string): void

  /** Text of a local entry or registry resource; undefined if there is none. */
  entry(key: string): string | undefined
  /** Runs a named sequence on this message; false if the flow has ended in it. */
  run(sequence: string): Promise<boolean>
  /** Answers the caller with this message, once. The flow goes on unless the function returns false. */
  respond(): void
  /** Ends in the fault sequence, with this text as ERROR_MESSAGE and the code as ERROR_CODE. */
  fault(message: string, code?: number): never
}

/** What a task is given for one run. */
export interface ExtensionTask {
  readonly name: string
  readonly log: ExtensionLog
  readonly signal: AbortSignal
  entry(key: string): string | undefined
  /** Runs a flow on a message of its own; resolves when it has ended, rejects with the fault it ended in. */
  inject(message: ExtensionMessage, into?: { readonly sequence: string } | { readonly proxy: string }): Promise<void>
}

export interface ExtensionMessage {
  readonly body: string | Uint8Array
  readonly contentType: string
  readonly headers?: Readonly<Record<string, string>>
  readonly to?: string
  readonly action?: string
}
