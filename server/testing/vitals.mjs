/**
 * Loaded before the program (`node --import`): writes what the process holds, after a full collection of garbage, into the
 * file its parent names over the channel, `{ vitals: FILE }`. Plain JavaScript: the built program runs without a loader.
 */
import { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import v8 from 'node:v8'
import vm from 'node:vm'

v8.setFlagsFromString('--expose-gc')
/** @type {() => void} */
const collect = vm.runInNewContext('gc')

process.on('message', async message => {
  const { vitals } = /** @type {{ vitals?: string }} */ (message)
  if (!vitals) return
  // What a finalizer lets go of is gone only after another collection.
  for (let times = 0; times < 3; times++) {
    collect()
    await sleep(20)
  }
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage()
  /** @type {Record<string, number>} */
  const resources = {}
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
  const { Timeout = 0, Immediate = 0, ...others } = resources
  const handles = Object.values(others).reduce((sum, count) => sum + count, 0)
  let descriptors = 0
  try {
    descriptors = readdirSync('/proc/self/fd').length
  } catch {
    // Not Linux.
  }
  const kept = { heapUsed, external, arrayBuffers, rss, timers: Timeout + Immediate, handles, descriptors, resources }
  writeFileSync(`${vitals}.new`, JSON.stringify(kept))
  renameSync(`${vitals}.new`, vitals)
})
process.channel?.unref()
