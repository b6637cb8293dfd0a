/**
 * Loaded before the program (`node --import`), so that the program itself need not know of it: makes the process kill
 * itself with SIGKILL at a point that its parent names over the channel, `{ kill: { point, when, nth } }`, or that
 * `KILL_AT` names at its start (`point:when:nth`). It wraps what Node offers to everybody: files, answers, and the
 * channels on which the HTTP client says what it does. Plain JavaScript: the built program runs without a loader.
 */
import { subscribe } from 'node:diagnostics_channel'
import fs from 'node:fs'
import http from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'

/** @type {{ point: string, when: string, nth: number } | undefined} */
let armed
const asked = process.env['KILL_AT']
if (asked) {
  const [point, when, nth] = asked.split(':')
  armed = { point: /** @type {string} */ (point), when: /** @type {string} */ (when), nth: Number(nth) }
}
process.on('message', message => {
  armed = /** @type {{ kill: typeof armed }} */ (message).kill
})
// A listener for messages would keep the process alive.
process.channel?.unref()

function die() {
  process.kill(process.pid, 'SIGKILL')
}

/** Whether this passage of the point is the one to die at, in the way that was asked for; a passage counts once. */
function due(/** @type {string} */ point) {
  if (armed?.point !== point || --armed.nth > 0) return undefined
  return armed.when
}

/** Runs a step that is over when it returns. */
function around(/** @type {string} */ point, /** @type {() => any} */ step) {
  const when = due(point)
  if (when === undefined) return step()
  if (when === 'before') die()
  const result = step()
  die()
  return result
}

/** @type {Map<number, string>} */
const paths = new Map()
const SEGMENT = /[\\/]\d{8}\.log$/

const original = {
  open: fs.open,
  close: fs.close,
  write: fs.write,
  fdatasync: fs.fdatasync,
  rename: fs.promises.rename,
  unlink: fs.promises.unlink,
  readFileSync: fs.readFileSync,
  rmSync: fs.rmSync,
  end: http.ServerResponse.prototype.end,
  socketWrite: net.Socket.prototype.write,
}
/** @type {any} */
const patched = fs
/** @type {any} */
const promises = fs.promises

/** A call with a callback: dies before it, or when it has done its work and nobody knows yet. */
function called(/** @type {string | undefined} */ point, /** @type {Function} */ call, /** @type {any[]} */ args) {
  const when = point === undefined ? undefined : due(point)
  if (when === undefined) return call(...args)
  if (when === 'before') die()
  return call(...args.slice(0, -1), die)
}

patched.open = (/** @type {any[]} */ ...args) => {
  const path = String(args[0])
  const callback = args.at(-1)
  const named = (/** @type {unknown} */ error, /** @type {number} */ fd) => {
    if (!error) paths.set(fd, path)
    callback(error, fd)
  }
  return called(path.endsWith('.claim') ? 'claim' : undefined, original.open, [...args.slice(0, -1), named])
}
patched.close = (/** @type {any[]} */ ...args) => {
  paths.delete(args[0])
  return /** @type {any} */ (original.close)(...args)
}
patched.write = (/** @type {any[]} */ ...args) => {
  const [fd, bytes, from, length, position] = args
  const path = paths.get(fd) ?? ''
  if (!SEGMENT.test(path)) return /** @type {any} */ (original.write)(...args)
  const when = due('append')
  if (when === undefined) return /** @type {any} */ (original.write)(...args)
  if (when === 'before') die()
  if (when === 'half') {
    fs.writeSync(fd, bytes, from, length >> 1, position)
    die()
  }
  return /** @type {any} */ (original.write)(fd, bytes, from, length, position, die)
}
patched.fdatasync = (/** @type {any[]} */ ...args) =>
  called(SEGMENT.test(paths.get(args[0]) ?? '') ? 'sync' : undefined, original.fdatasync, args)

/** By what the new name is: a claimed spare, a segment that begins, the footer of one that is sealed. */
function renaming(/** @type {string} */ to) {
  if (to.endsWith('.spare')) return 'claimed'
  if (SEGMENT.test(to)) return 'roll'
  return to.endsWith('.footer') ? 'footer' : undefined
}

async function awaited(/** @type {string | undefined} */ point, /** @type {() => Promise<any>} */ step) {
  const when = point === undefined ? undefined : due(point)
  if (when === 'before') die()
  const result = await step()
  if (when !== undefined) die()
  return result
}

promises.rename = (/** @type {any} */ from, /** @type {any} */ to) => {
  // A segment keeps its descriptor through its names: claim, spare, log.
  for (const [fd, path] of paths) if (path === String(from)) paths.set(fd, String(to))
  return awaited(renaming(String(to)), () => original.rename(from, to))
}
promises.unlink = (/** @type {any} */ path) =>
  awaited(SEGMENT.test(String(path)) ? 'delete' : undefined, () => original.unlink(path))
patched.readFileSync = (/** @type {any[]} */ ...args) =>
  String(args[0]).endsWith('.xml')
    ? around('deploy', () => /** @type {any} */ (original.readFileSync)(...args))
    : /** @type {any} */ (original.readFileSync)(...args)
patched.rmSync = (/** @type {any} */ path, /** @type {any} */ options) =>
  String(path).endsWith('lock')
    ? around('unlock', () => original.rmSync(path, options))
    : original.rmSync(path, options)
syncBuiltinESMExports()

/** @type {any} */ http.ServerResponse.prototype.end = function (/** @type {any[]} */ ...args) {
  const step = () => /** @type {any} */ (original.end).apply(this, args)
  return this.statusCode === 202 ? around('answer', step) : step()
}
/** @type {any} */ net.Socket.prototype.write = function (/** @type {any[]} */ ...args) {
  return around('frame', () => /** @type {any} */ (original.socketWrite).apply(this, args))
}

for (const [channel, point] of /** @type {const} */ ([
  ['undici:client:sendHeaders', 'send'],
  ['undici:request:bodySent', 'sent'],
  ['undici:request:trailers', 'settle'],
])) {
  subscribe(channel, () => {
    if (due(point) !== undefined) die()
  })
}
