import type * as quickjs from 'quickjs-emscripten'
import { optionalPackage } from '../../kernel/optional-package.ts'

/** One loaded interpreter, in WebAssembly: nothing in it can reach anything outside but by what it is given. */
export interface ScriptEngine {
  readonly module: quickjs.QuickJSWASMModule
  /** Its memory is broken: what ran in it is lost, and so is whatever would. */
  lost: boolean
  /** Scripts that hold memory of it, the one not used for longest first. */
  readonly open: Set<OpenScript>
}

export interface OpenScript {
  close(): void
}

const PAGE = 64 * 1024

/** Bytes that all scripts have together: one of them may use nearly all while it runs. */
export const SCRIPT_MEMORY = 64 << 20

let engine: ScriptEngine | undefined
let loading: Promise<ScriptEngine> | undefined

/** The interpreter, loaded on first use and again after it was lost. */
export function scriptEngine(): ScriptEngine | Promise<ScriptEngine> {
  if (engine && !engine.lost) return engine
  loading ??= load().finally(() => (loading = undefined))
  return loading
}

/** What the interpreter starts with, in pages of WebAssembly; its build asks for no less. */
const FIRST_PAGES = 256

/**
 * The limit of the interpreter's own does not count what a script allocates (its build knows no sizes of blocks), so
 * that scripts would fill 2 GB: the memory as a whole is bounded instead.
 */
async function load(): Promise<ScriptEngine> {
  const { newQuickJSWASMModuleFromVariant, newVariant, RELEASE_SYNC } = await optionalPackage(
    'quickjs-emscripten',
    'the script mediator',
    () => import('quickjs-emscripten'),
  )
  const wasmMemory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: SCRIPT_MEMORY / PAGE })
  const module = await newQuickJSWASMModuleFromVariant(newVariant(RELEASE_SYNC, { wasmMemory }))
  engine = { module, lost: false, open: new Set() }
  return engine
}
