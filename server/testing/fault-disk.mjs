/**
 * Loaded before the program (`node --import`): makes the disk fail or dawdle as the parent says over the channel,
 * `{ disk: { under, calls, code?, delayMs? } }`, until `{ disk: null }`. For what cannot be done to a real disk that is
 * in use: turn it read-only, make its syncs fail, slow it down. Plain JavaScript: the built program runs without a loader.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { setTimeout as later } from 'node:timers'

/** @type {{ under: string, calls: string[], code?: string, delayMs?: number } | null} */
let fault = null
process.on('message', message => {
  fault = /** @type {{ disk: typeof fault }} */ (message).disk
})
process.channel?.unref()

/** @type {Map<number, string>} */
const paths = new Map()
/** @type {any} */
const patched = fs
/** @type {any} */
const promises = fs.promises

/** What is wrong with this call at the moment, if anything. */
function wrongWith(/** @type {string} */ call, /** @type {unknown} */ path) {
  return fault && fault.calls.includes(call) && String(path).includes(fault.under) ? fault : undefined
}

function failure(/** @type {string} */ code, /** @type {string} */ call) {
  return Object.assign(new Error(`${code}: made to fail, ${call}`), { code, syscall: call })
}

/** A call with a callback, of a path or of a descriptor that was opened here. */
function wrap(/** @type {string} */ name, /** @type {string} */ call) {
  const original = patched[name]
  patched[name] = (/** @type {any[]} */ ...args) => {
    const path = typeof args[0] === 'number' ? (paths.get(args[0]) ?? '') : args[0]
    const callback = args.at(-1)
    if (name === 'open') {
      args[args.length - 1] = (/** @type {unknown} */ error, /** @type {number} */ fd) => {
        if (!error) paths.set(fd, String(path))
        callback(error, fd)
      }
    }
    const wrong = wrongWith(call, path)
    if (wrong?.code !== undefined) process.nextTick(callback, failure(wrong.code, call))
    else if (wrong?.delayMs) later(() => original(...args), wrong.delayMs)
    else original(...args)
  }
}
wrap('open', 'open')
wrap('write', 'write')
wrap('fsync', 'sync')
wrap('fdatasync', 'sync')

for (const name of ['rename', 'unlink', 'mkdir']) {
  const original = promises[name]
  promises[name] = async (/** @type {any[]} */ ...args) => {
    const wrong = wrongWith(name, args[0])
    if (wrong?.code !== undefined) throw failure(wrong.code, name)
    if (wrong?.delayMs) await new Promise(resolve => later(resolve, wrong.delayMs))
    if (name === 'rename') for (const [fd, path] of paths) if (path === args[0]) paths.set(fd, args[1])
    return original(...args)
  }
}
for (const name of ['openSync', 'writeSync', 'renameSync']) {
  const original = patched[name]
  patched[name] = (/** @type {any[]} */ ...args) => {
    const call = name.slice(0, -4)
    const path = typeof args[0] === 'number' ? (paths.get(args[0]) ?? '') : args[0]
    const wrong = wrongWith(call, path)
    if (wrong?.code !== undefined) throw failure(wrong.code, call)
    const result = original(...args)
    if (name === 'openSync') paths.set(result, String(path))
    return result
  }
}
syncBuiltinESMExports()
