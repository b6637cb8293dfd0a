import { Arena } from './format.ts'

/** Room for a group of a few messages: larger ones grow their arena, which is used again. */
const FIRST_SIZE = 8 << 10
/** Larger arenas, made for one large message, are not kept. */
const LARGEST_KEPT = 2 << 20

interface Block {
  readonly segment: number
  /** Offset in the segment of the arena's first byte. */
  readonly base: number
  readonly arena: Arena
}

/**
 * The groups written last, in the memory they were encoded in: a message that is delivered as soon as it is stored need
 * not be read back. Arenas that fall out are used for new groups.
 */
export class RecentWrites {
  readonly #blocks: Block[] = []
  readonly #free: Arena[] = []
  readonly #limit: number
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** An empty arena. */
  arena(): Arena {
    const arena = this.#free.pop() ?? new Arena(FIRST_SIZE)
    arena.used = 0
    return arena
  }

  giveBack(arena: Arena): void {
    if (arena.bytes.length <= LARGEST_KEPT && this.#free.length < 2) this.#free.push(arena)
  }

  add(segment: number, base: number, arena: Arena): void {
    if (arena.bytes.length > LARGEST_KEPT) return
    this.#blocks.push({ segment, base, arena })
    this.#bytes += arena.bytes.length
    while (this.#bytes > this.#limit) {
      const { arena } = this.#blocks.shift()!
      this.#bytes -= arena.bytes.length
      this.giveBack(arena)
    }
  }

  /** A copy of these bytes of a segment, or null if they are no longer here. */
  copy(segment: number, offset: number, bytes: number): Buffer | null {
    for (let i = this.#blocks.length - 1; i >= 0; i--) {
      const { segment: number, base, arena } = this.#blocks[i]!
      if (number === segment && offset >= base && offset + bytes <= base + arena.used) {
        return Buffer.from(arena.bytes.subarray(offset - base, offset - base + bytes))
      }
    }
    return null
  }
}
