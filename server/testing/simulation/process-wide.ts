/** What a simulation takes into its hands for as long as it runs, though it belongs to the whole process. */
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import type { Dice } from './dice.ts'

export interface ProcessWide {
  /** Lets one turn of the event loop pass. True: nobody else has asked for another one, so nothing more happens by itself. */
  turn(): Promise<boolean>
  restore(): void
}

interface Run {
  readonly dice: Dice
  /** Turns of the event loop that somebody waits for. */
  waiting: number
}

/** The simulation that runs now; null: everything is as Node made it. */
let current: Run | null = null
let native: typeof setImmediate | undefined

/**
 * Ids of messages come from the seed, so that a replay prints the same ones. Turns of the event loop are counted: when
 * nobody waits for one, all that is left to happen waits for the clock.
 */
export function takeOver(dice: Dice): ProcessWide {
  const immediate = (native ??= install())
  const run = { dice, waiting: 0 }
  current = run
  return {
    turn: () => new Promise(resolve => immediate(() => resolve(run.waiting === 0))),
    restore: () => {
      current = null
    },
  }
}

/** Once for the process: code that was compiled for a function that is exchanged would be compiled again for each seed. */
function install(): typeof setImmediate {
  const { setImmediate } = globalThis
  const { randomUUID } = crypto
  const counted = (run: (...args: unknown[]) => void, ...args: unknown[]): NodeJS.Immediate => {
    // What one simulation leaves behind may come in the next one: it is not counted there.
    const counting = current
    if (counting) counting.waiting++
    return setImmediate(() => {
      if (counting) counting.waiting--
      run(...args)
    })
  }
  globalThis.setImmediate = counted as typeof setImmediate
  crypto.randomUUID = options => (current ? idFrom(current.dice) : randomUUID(options))
  syncBuiltinESMExports()
  return setImmediate
}

function idFrom(dice: Dice): ReturnType<typeof crypto.randomUUID> {
  return `${hex(dice, 8)}-${hex(dice, 4)}-4${hex(dice, 3)}-8${hex(dice, 3)}-${hex(dice, 12)}`
}

/** One throw for each digit: ids of the same seed stay the same. */
function hex(dice: Dice, digits: number): string {
  let text = ''
  while (text.length < digits) text += '0123456789abcdef'[dice.below(16)]!
  return text
}
