import type { QuickJSContext, QuickJSHandle, QuickJSRuntime } from 'quickjs-emscripten'
import type { Clock } from '../../kernel/clock.ts'
import { textOf } from '../../kernel/errors.ts'
import { SCRIPT_MEMORY, type OpenScript, type ScriptEngine } from './script-engine.ts'

/** What crosses the border of the sandbox. */
export type Plain = string | number | boolean | null | undefined

/** What a script can ask of the outside: one function, by the name of an operation. */
export type Host = (operation: string, args: readonly Plain[]) => Plain

export interface ScriptSource {
  /** Shown in messages of errors. */
  readonly name: string
  readonly text: string
}

export interface Program {
  /** Evaluated in order; what they declare is seen by those after them. Each can call `host(operation, …)`. */
  readonly sources: readonly ScriptSource[]
  /** An expression for the function that is called for each message. */
  readonly entry: ScriptSource
}

/** More than this throws inside WebAssembly, and loses the interpreter with everything in it. */
const STACK = 256 * 1024

/** Scripts that stay evaluated at the same time; one that was closed is evaluated again when it is called. */
const MOST_OPEN = 64

/** What a script leaves behind in global variables goes after so many calls. */
const CALLS = 1000

/** A script was refused, threw, or met a limit. */
export class ScriptFailure extends Error {
  override readonly name = 'ScriptFailure'
}

interface Machine {
  readonly runtime: QuickJSRuntime
  readonly context: QuickJSContext
  readonly entry: QuickJSHandle
  calls: number
}

/** What outlives the sandbox object until its memory, which the garbage collector does not see, is given back. */
class Holder implements OpenScript {
  machine: Machine | null = null
  host: Host | null = null
  deadline = 0
  readonly engine: ScriptEngine

  constructor(engine: ScriptEngine) {
    this.engine = engine
  }

  close(): void {
    const { machine, engine } = this
    this.machine = null
    engine.open.delete(this)
    if (!machine || engine.lost) return
    machine.entry.dispose()
    machine.context.dispose()
    machine.runtime.dispose()
  }

  /** The one used last goes last when room has to be made. */
  touch(): void {
    const { open } = this.engine
    open.delete(this)
    open.add(this)
    if (open.size <= MOST_OPEN) return
    const [oldest] = open
    oldest?.close()
  }
}

const abandoned = new FinalizationRegistry<Holder>(holder => holder.close())

/**
 * A script with limits. It is evaluated once and called for many messages; after a failure it begins anew, so that no
 * message meets what an interrupted one has left half done.
 */
export class Sandbox {
  readonly engine: ScriptEngine
  readonly #program: Program
  readonly #time: number
  readonly #clock: Clock
  readonly #holder: Holder

  /** `time` is what one call may take, in milliseconds: nothing else of this server runs during them. */
  constructor(engine: ScriptEngine, program: Program, time: number, clock: Clock) {
    this.engine = engine
    this.#program = program
    this.#time = time
    this.#clock = clock
    this.#holder = new Holder(engine)
    abandoned.register(this, this.#holder)
  }

  /** Evaluates the sources; throws ScriptFailure for what is no JavaScript. Calling does it, too. */
  prepare(): void {
    this.#guarded(() => this.#machine())
  }

  /** Calls the entry; what it returns if that is plain, else undefined. Throws ScriptFailure. */
  call(host: Host): Plain {
    return this.#guarded(() => {
      this.#holder.host = host
      const machine = this.#machine()
      const { context, entry } = machine
      const result = context.callFunction(entry, context.undefined)
      machine.calls++
      if (result.error) throw this.#failure(context, result.error)
      const value = plainOf(context, result.value)
      result.value.dispose()
      return value
    })
  }

  #guarded<T>(work: () => T): T {
    const holder = this.#holder
    holder.deadline = this.#clock.monotonic() + this.#time
    try {
      const done = work()
      if (holder.machine && holder.machine.calls >= CALLS) holder.close()
      return done
    } catch (thrown) {
      if (thrown instanceof ScriptFailure) {
        holder.close()
        throw thrown
      }
      // The interpreter itself has failed. Nothing in its memory can be trusted, nor given back.
      this.engine.lost = true
      holder.close()
      throw new ScriptFailure(`the script interpreter failed and is started again: ${textOf(thrown)}`)
    } finally {
      holder.host = null
    }
  }

  #machine(): Machine {
    const holder = this.#holder
    holder.touch()
    holder.machine ??= this.#open(holder)
    return holder.machine
  }

  #open(holder: Holder): Machine {
    const clock = this.#clock
    const runtime = this.engine.module.newRuntime()
    runtime.setMaxStackSize(STACK)
    runtime.setInterruptHandler(() => clock.monotonic() > holder.deadline)
    const context = runtime.newContext()
    try {
      const host = context.newFunction('host', (operation, ...args) => {
        const given = args.map(arg => plainOf(context, arg))
        return handleOf(context, holder.host?.(context.getString(operation), given))
      })
      context.setProp(context.global, 'host', host)
      host.dispose()
      for (const source of this.#program.sources) this.#evaluate(context, source).dispose()
      return { runtime, context, entry: this.#evaluate(context, this.#program.entry), calls: 0 }
    } catch (thrown) {
      if (thrown instanceof ScriptFailure) {
        context.dispose()
        runtime.dispose()
      }
      throw thrown
    }
  }

  #evaluate(context: QuickJSContext, { name, text }: ScriptSource): QuickJSHandle {
    const result = context.evalCode(text, name)
    if (result.error) throw this.#failure(context, result.error)
    return result.value
  }

  #failure(context: QuickJSContext, error: QuickJSHandle): ScriptFailure {
    const said = describe(context.dump(error))
    error.dispose()
    if (said.includes('InternalError: interrupted'))
      return new ScriptFailure(`it ran longer than ${this.#time} ms and was stopped`)
    if (said.includes('InternalError: out of memory'))
      return new ScriptFailure(`it used more than ${SCRIPT_MEMORY >> 20} MiB of memory`)
    return new ScriptFailure(said)
  }
}

function describe(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  const { name, message, stack } = error as { name?: string; message?: string; stack?: string }
  const place = /\(?([^\s()]+:\d+(?::\d+)?)\)?/.exec(stack ?? '')?.[1]
  const what = name === undefined ? JSON.stringify(error) : `${name}: ${message ?? ''}`
  return place === undefined ? what : `${what} (at ${place})`
}

function plainOf(context: QuickJSContext, handle: QuickJSHandle): Plain {
  switch (context.typeof(handle)) {
    case 'string':
      return context.getString(handle)
    case 'number':
      return context.getNumber(handle)
    case 'boolean':
      return context.sameValue(handle, context.true)
    case 'object':
      return context.sameValue(handle, context.null) ? null : undefined
    default:
      return undefined
  }
}

function handleOf(context: QuickJSContext, value: Plain): QuickJSHandle {
  switch (typeof value) {
    case 'string':
      return context.newString(value)
    case 'number':
      return context.newNumber(value)
    case 'boolean':
      return value ? context.true : context.false
    default:
      return value === null ? context.null : context.undefined
  }
}
