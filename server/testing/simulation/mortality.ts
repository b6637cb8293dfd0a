import type { DiskFault, DiskOperation } from '../scripted-disk.ts'
import type { Dice } from './dice.ts'
import type { FaultKind } from './faults.ts'
import type { CrashPlan } from './plan.ts'

const CALLED: Readonly<Record<CrashPlan['how'], FaultKind>> = {
  kill: 'crash',
  power: 'power loss',
  torn: 'torn write',
}

/** What {@link Mortality} asks of the world around it. */
export interface Fate {
  readonly dice: Dice
  note(kind: FaultKind): void
  die(how: CrashPlan['how']): void
}

/**
 * Decides when the server dies. It counts ways out of the server (each operation of the disk, each frame, request and
 * answer) and turns of the event loop, so that a crash can come at any `await`.
 */
export class Mortality {
  readonly #fate: Fate
  #crashes: CrashPlan[]
  #left: number
  #torn: 'write' | 'now' | null = null

  constructor(crashes: readonly CrashPlan[], fate: Fate) {
    this.#crashes = [...crashes]
    this.#fate = fate
    this.#left = this.#crashes[0]?.after ?? Infinity
  }

  heal(): void {
    this.#crashes = []
    this.#left = Infinity
    this.#torn = null
  }

  /** Within so many steps, before what was planned. */
  soon(how: CrashPlan['how'], after: number): void {
    const [next, ...later] = this.#crashes
    if (next) this.#crashes = [{ ...next, after: Math.max(1, this.#left) }, ...later]
    this.#crashes.unshift({ after, how })
    this.#left = after
    this.#torn = null
  }

  /** A turn of the event loop, or a way out that is not the disk. True if that was the end. */
  step(): boolean {
    if (this.#left === Infinity || --this.#left > 0 || this.#crashes[0]!.how === 'torn') return false
    this.#crash()
    return true
  }

  /** An operation of the disk: a torn write waits for one it can leave half done. */
  onDisk({ kind, bytes }: DiskOperation): DiskFault | undefined {
    if (this.#torn === 'now') return this.#crash()
    if (this.#left === Infinity || --this.#left > 0) return undefined
    if (this.#crashes[0]!.how !== 'torn') return this.#crash()
    if (kind !== 'write' || bytes <= 1) return undefined
    this.#torn = 'now'
    return this.#fate.dice.between(1, bytes - 1)
  }

  #crash(): 'crash' {
    const { how } = this.#crashes.shift()!
    this.#left = this.#crashes[0]?.after ?? Infinity
    this.#torn = null
    this.#fate.note(CALLED[how])
    this.#fate.die(how)
    return 'crash'
  }
}
