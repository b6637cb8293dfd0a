/** Calls what a module exports: with a deadline, and with faults that name the class, the file and the place. */
import type { Clock } from '../kernel/clock.ts'
import type { MessageContext } from '../kernel/context.ts'
import type { Log, Outcome, SourceRef } from '../kernel/contracts.ts'
import { IntegrationError, textOf } from '../kernel/errors.ts'
import { fileURLToPath } from 'node:url'
import type { Extension, Extensions } from '../schema/services.ts'
import type { ExtensionContext, ExtensionProperties } from './api.ts'
import { CallContext } from './context.ts'

/** What calling needs of the server. */
export interface CallServices {
  readonly clock: Clock
  readonly extensions: Extensions
}

const FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ['execute', 'a function execute(task, properties)'],
  ['handleRequest', 'functions handleRequest(ctx, properties) and handleResponse(ctx, properties)'],
])

/** A function of a module, found for each message anew: the module may have come, or changed, since the deployment. */
export class Callee {
  readonly className: string
  readonly #function: string
  readonly #services: CallServices
  readonly #at: SourceRef
  readonly #what: string

  /** `what` is the element that asks, for faults: `<class name="com.acme.X">`. */
  constructor(className: string, name: string, what: string, services: CallServices, at: SourceRef) {
    this.className = className
    this.#function = name
    this.#what = what
    this.#services = services
    this.#at = at
  }

  /** Throws EXTENSION_MISSING if no module is registered under the name. */
  get extension(): Extension {
    const found = this.#services.extensions.find(this.className)
    if (found) return found
    throw new IntegrationError(
      'EXTENSION_MISSING',
      `${this.#what}: ${missing(this.className, this.#services.extensions, FUNCTIONS.get(this.#function))}`,
      { at: this.#at },
    )
  }

  /** Whether the module has the function. Throws EXTENSION_MISSING as {@link extension} does. */
  get isThere(): boolean {
    return typeof this.extension.exports[this.#function] === 'function'
  }

  /** Runs the function on a message. The result `false` ends the flow. */
  async mediate(ctx: MessageContext, properties: ExtensionProperties, log: Log): Promise<Outcome> {
    const { extension } = this
    if (extension.exports.needsBody !== false) await ctx.message.body.collect()
    const outcome = await this.onMessage(ctx, log, (run, call) => run(call, properties))
    return outcome === false ? 'done' : 'next'
  }

  /** Calls the function with whatever `pass` hands it; the message is its own until it ends. */
  onMessage(
    ctx: MessageContext,
    log: Log,
    pass: (run: (...args: unknown[]) => unknown, call: ExtensionContext) => unknown,
  ): Promise<unknown> {
    let call: CallContext | undefined
    return this.within(ctx.signal, (run, signal) => {
      call = new CallContext(ctx, signal, log, this.#at)
      return pass(run, call)
    }).finally(() => call?.close())
  }

  /** Calls the function, and waits no longer than the settings say. */
  async within(
    outer: AbortSignal | undefined,
    work: (run: (...args: unknown[]) => unknown, signal: AbortSignal) => unknown,
  ): Promise<unknown> {
    const { extension } = this
    const { clock, extensions } = this.#services
    const found = extension.exports[this.#function]
    if (typeof found !== 'function') {
      throw this.#failure(extension, `it does not export a function ${this.#function}`)
    }
    const limit = extensions.timeout
    const patience = new AbortController()
    const abort = (): void => patience.abort()
    outer?.addEventListener('abort', abort, { once: true })
    let timer: { cancel(): void } | undefined
    try {
      const late = new Promise<never>((_, reject) => {
        timer = clock.after(limit, () => {
          reject(this.#failure(extension, `it did not end within ${limit} ms (extension.timeout)`))
          patience.abort()
        })
      })
      const running = work((...args) => (found as (...args: unknown[]) => unknown)(...args), patience.signal)
      return await (isPromise(running) ? Promise.race([running, late]) : running)
    } catch (thrown) {
      if (thrown instanceof IntegrationError) throw thrown
      throw this.#failure(extension, `${textOf(thrown)}${placeIn(extension.file, thrown)}`, thrown)
    } finally {
      timer?.cancel()
      outer?.removeEventListener('abort', abort)
    }
  }

  #failure(extension: Extension, why: string, cause?: unknown): IntegrationError {
    return new IntegrationError(
      'EXTENSION_FAILED',
      `${this.#what}: the extension ${this.className} (${extension.shown}) failed: ${why}`,
      { cause, at: this.#at },
    )
  }
}

/** What is missing, and how to bring it. */
export function missing(
  className: string,
  extensions: Pick<Extensions, 'folders'>,
  functions = 'a function mediate(ctx, properties)',
): string {
  return `${className} is Java, which cannot run here, and no extension is registered under that name; put ${className}.mjs with ${functions} into ${extensions.folders[0] ?? 'HOME/extensions'}`
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

/** Where in the module it happened: the first line of the stack that is in it. */
function placeIn(file: string, thrown: unknown): string {
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : ''
  for (const [, url, line, column] of stack.matchAll(/(file:\/\/[^\s()]*?|\/[^\s()]*?)(?:\?[^\s():]*)?:(\d+):(\d+)/g)) {
    const path = url!.startsWith('file:') ? fileURLToPath(url!) : url
    if (path === file) return ` (line ${line}, column ${column})`
  }
  return ''
}
