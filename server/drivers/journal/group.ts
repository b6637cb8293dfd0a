import type { IntegrationError } from '../../kernel/errors.ts'
import { type Arena, HEAD, Kind, MARK, RecordView, walk } from './format.ts'

/**
 * What a record needs room for, and so which go on when the disk is full: removals may use everything that is claimed,
 * notes and values leave what the removals of all messages held need, bodies leave the reserve as well.
 */
export const Class = { removal: 0, value: 1, body: 2 } as const
export type Class = (typeof Class)[keyof typeof Class]

interface Settler {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** One sync's worth of records. All records of one class share their promise: they succeed or fail together. */
export class Group {
  readonly arena: Arena
  /** Highest class in it. */
  top: Class = Class.removal
  puts = 0
  readonly #settlers: (Settler | undefined)[] = []

  constructor(arena: Arena) {
    this.arena = arena
    arena.skipMark()
  }

  /** Call after encoding a record of this class. */
  outcome(of: Class): Promise<void> {
    if (of > this.top) this.top = of
    const known = this.#settlers[of]
    if (known) return known.promise
    let resolve!: () => void
    let reject!: (error: unknown) => void
    const promise = new Promise<void>((yes, no) => {
      resolve = yes
      reject = no
    })
    this.#settlers[of] = { promise, resolve, reject }
    return promise
  }

  get empty(): boolean {
    return this.arena.used <= MARK
  }

  succeed(): void {
    for (const settler of this.#settlers) settler?.resolve()
  }

  fail(error: IntegrationError): void {
    for (const settler of this.#settlers) settler?.reject(error)
  }

  /** Takes the records of class `from` and above out again, calling `undo` for each; {@link failFrom} tells their callers. */
  takeOut(from: Class, undo: (record: RecordView) => void): void {
    const { arena } = this
    const { bytes } = arena
    const view = new RecordView()
    let to: number = MARK
    for (let at = MARK; at < arena.used;) {
      view.load(bytes, at, arena.used)
      const { end } = view
      if (classOf(view) < from) {
        bytes.copyWithin(to, at, end)
        to += end - at
      } else walk(bytes, at, end, view, undo)
      at = end
    }
    arena.used = to
    this.puts = 0
  }

  failFrom(from: Class, error: IntegrationError): void {
    for (let of = from; of < this.#settlers.length; of++) {
      this.#settlers[of]?.reject(error)
      this.#settlers[of] = undefined
    }
  }
}

/** A batch is of the highest class in it: it is refused as a whole. */
function classOf(record: RecordView): Class {
  switch (record.kind) {
    case Kind.put:
      return Class.body
    case Kind.remove:
    case Kind.removeRanges:
    case Kind.define:
    case Kind.drop:
      return Class.removal
    case Kind.batch: {
      let highest: Class = Class.removal
      const inner = new RecordView()
      for (let at = record.at + HEAD; at < record.end; at = inner.end) {
        inner.load(record.bytes, at, record.end)
        const of = classOf(inner)
        if (of > highest) highest = of
      }
      return highest
    }
    default:
      return Class.value
  }
}
