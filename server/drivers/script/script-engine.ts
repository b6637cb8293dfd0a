import type * as quickjs from 'quickjs-emscripten'
import { optionalPackage } from '../../kernel/optional-package.ts'

/** One loaded interpreter, in WebAssembly: nothing in it can reach anything outside but by what it is given. */
export interface ScriptEngine {
  readonly module: quickjs.QuickJSWASMModule
  /** Its memory is broken: what ran in it is lost, and so is whatever would. */
  lost: boolean
}

let engine: ScriptEngine | undefined
let loading: Promise<ScriptEngine> | undefined

/** The interpreter, loaded on first use and again after it was lost. */
export function scriptEngine(): ScriptEngine | Promise<ScriptEngine> {
  if (engine && !engine.lost) return engine
  loading ??= load().finally(() => (loading = undefined))
  return loading
}

async function load(): Promise<ScriptEngine> {
  const { newQuickJSWASMModule } = await optionalPackage(
    'quickjs-emscripten',
    'the script mediator',
    () => import('quickjs-emscripten'),
  )
  engine = { module: await newQuickJSWASMModule(), lost: false }
  return engine
}
