/** One target in a thread of its own, whose time and memory its parent watches. */
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../kernel/clock.ts'
import { Dice } from './dice.ts'
import { targets } from './targets.ts'

export interface Work {
  readonly target: string
  readonly seed: number
  readonly from: number
  /** Only this case, if `only`; otherwise until the time is over. */
  readonly only: boolean
  readonly ms: number
  /** `[number of the case, Date.now() of its begin modulo 2 ** 31]`. */
  readonly progress: SharedArrayBuffer
}

export interface Finding {
  readonly number: number
  readonly text: string
}

const { target, seed, from, only, ms, progress } = workerData as Work
const view = new Int32Array(progress)
const end = systemClock.monotonic() + ms

/** Neighbouring cases have nothing in common. */
export function diceFor(seed: number, number: number): Dice {
  return new Dice(Math.imul(seed, 0x01000193) ^ Math.imul(number + 1, 0x9e3779b1))
}

const fuzzed = await targets[target]!()
for (let number = from; only ? number === from : systemClock.monotonic() < end; number++) {
  Atomics.store(view, 1, systemClock.now() & 0x7fff_ffff)
  Atomics.store(view, 0, number)
  try {
    await fuzzed.once(diceFor(seed, number))
  } catch (thrown) {
    const text =
      thrown instanceof Error ? `${thrown.stack}${thrown.cause ? `\n${String(thrown.cause)}` : ''}` : String(thrown)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort!.postMessage({ number, text } satisfies Finding)
  }
}
Atomics.store(view, 1, -1)
await fuzzed[Symbol.asyncDispose]()
process.exit(0)
