/**
 * A thread that asks a health check again and again and keeps the longest wait, so that a busy test does not take its own
 * slowness for the server's. `workerData`: `{ url, pid, everyMs, timeoutMs }`; told anything, it answers and begins anew.
 * On a machine with much else to do a process waits for its turn; `busyMs` is what of a wait the server itself has worked.
 */
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'

/** @type {{ url: string, pid: number, everyMs: number, timeoutMs: number }} */
const { url, pid, everyMs, timeoutMs } = workerData
const nothing = () => ({ asked: 0, slowestMs: 0, busyMs: 0, failed: 0, reason: '' })
let seen = nothing()
parentPort?.on('message', () => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(seen)
  seen = nothing()
})
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })

function ask() {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, timeout: timeoutMs }, response => {
      response.resume()
      response.on('end', () => resolve(undefined))
      response.on('error', reject)
    })
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)))
    request.on('error', reject)
  })
}

/** Processor time of the server so far: user and system, in ticks of 10 ms. */
function worked() {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  } catch {
    return Number.NaN
  }
}

for (;;) {
  const since = performance.now()
  const before = worked()
  try {
    await ask()
    seen.asked++
    const took = performance.now() - since
    const busy = worked() - before
    seen.slowestMs = Math.max(seen.slowestMs, took)
    // Where nobody tells, it counts as working all the time.
    seen.busyMs = Math.max(seen.busyMs, Number.isNaN(busy) ? took : Math.min(took, busy))
  } catch (thrown) {
    seen.failed++
    seen.reason = String(thrown)
  }
  await sleep(everyMs)
}
