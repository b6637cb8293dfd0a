/**
 * Where the messages of one queue are: a sorted list of chunks of typed arrays, 21 bytes a message, so that a million
 * waiting messages cost 21 MB and no work for the garbage collector. Slots only grow; a chunk is freed when its last
 * message is gone, so what it costs follows the messages that are there, not the ones that were.
 */
const ROWS = 512
/** Segment, offset, bytes of the record, hash of the id (two halves). */
const COLUMNS = 5

/** `leaving`: a removal is on its way to the disk, and comes back to the state before it if that fails. */
export const SlotState = { absent: 0, waiting: 1, leased: 2, leasedLeaving: 3, waitingLeaving: 4 } as const

export interface Place {
  readonly segment: number
  readonly offset: number
  readonly bytes: number
}

interface Chunk {
  /** Slot of the first row. */
  base: number
  readonly rows: Uint32Array
  readonly states: Uint8Array
  held: number
  waiting: number
  /** No row before this one is waiting. */
  hint: number
}

export class SlotIndex {
  held = 0
  waiting = 0
  /** One more than the highest slot ever used. */
  next = 1
  readonly #chunks: Chunk[] = []
  /** No chunk before this one has a waiting message. */
  #from = 0
  #spare: Chunk | null = null

  /** A new message, waiting; or one that has moved: its state stays. Returns where it was before. */
  put(slot: number, segment: number, offset: number, bytes: number, hashLow: number, hashHigh: number): Place | null {
    const chunk = this.#chunkFor(slot)
    const row = slot - chunk.base
    const at = row * COLUMNS
    const { rows, states } = chunk
    let before: Place | null = null
    if (states[row] === SlotState.absent) {
      states[row] = SlotState.waiting
      chunk.held++
      chunk.waiting++
      this.held++
      this.waiting++
      if (row < chunk.hint) chunk.hint = row
      this.#lower(chunk)
      if (slot >= this.next) this.next = slot + 1
    } else {
      before = { segment: rows[at]!, offset: rows[at + 1]!, bytes: rows[at + 2]! }
    }
    rows[at] = segment
    rows[at + 1] = offset
    rows[at + 2] = bytes
    rows[at + 3] = hashLow
    rows[at + 4] = hashHigh
    return before
  }

  place(slot: number): Place | null {
    const chunk = this.#find(slot)
    if (!chunk || chunk.states[slot - chunk.base] === SlotState.absent) return null
    const at = (slot - chunk.base) * COLUMNS
    return { segment: chunk.rows[at]!, offset: chunk.rows[at + 1]!, bytes: chunk.rows[at + 2]! }
  }

  state(slot: number): number {
    const chunk = this.#find(slot)
    return chunk ? chunk.states[slot - chunk.base]! : SlotState.absent
  }

  setState(slot: number, state: number): void {
    const chunk = this.#find(slot)
    if (!chunk) return
    const row = slot - chunk.base
    const before = chunk.states[row]!
    if (before === state || before === SlotState.absent) return
    chunk.states[row] = state
    if (before === SlotState.waiting) {
      chunk.waiting--
      this.waiting--
    } else if (state === SlotState.waiting) {
      chunk.waiting++
      this.waiting++
      if (row < chunk.hint) chunk.hint = row
      this.#lower(chunk)
    }
  }

  /** Forgets the message; returns where it was. */
  remove(slot: number): Place | null {
    const place = this.place(slot)
    if (!place) return null
    const chunk = this.#find(slot)!
    const row = slot - chunk.base
    if (chunk.states[row] === SlotState.waiting) {
      chunk.waiting--
      this.waiting--
    }
    chunk.states[row] = SlotState.absent
    chunk.held--
    this.held--
    if (chunk.held === 0) this.#free(chunk)
    return place
  }

  /** Marks the oldest waiting message as leased and returns its slot, or 0 if there is none. */
  lease(): number {
    const chunks = this.#chunks
    while (this.#from < chunks.length) {
      const chunk = chunks[this.#from]!
      if (chunk.waiting > 0) {
        let row = chunk.hint
        while (chunk.states[row] !== SlotState.waiting) row++
        chunk.states[row] = SlotState.leased
        chunk.hint = row + 1
        chunk.waiting--
        this.waiting--
        return chunk.base + row
      }
      this.#from++
    }
    return 0
  }

  /** Slots in order, from `first` on. Removing or adding messages while iterating is allowed. */
  *from(first: number): Generator<number> {
    let slot = first
    for (;;) {
      const chunk = this.#chunks[this.#indexFrom(slot)]
      if (!chunk) return
      for (let row = Math.max(0, slot - chunk.base); row < ROWS; row++) {
        if (chunk.states[row] !== SlotState.absent) yield chunk.base + row
      }
      slot = chunk.base + ROWS
    }
  }

  /** Slots whose id has this hash, oldest first; nearly always one or none. */
  withHash(low: number, high: number): number[] {
    const found: number[] = []
    for (const chunk of this.#chunks) {
      const { rows, states } = chunk
      for (let row = 0, at = 3; row < ROWS; row++, at += COLUMNS) {
        if (rows[at] === low && rows[at + 1] === high && states[row] !== SlotState.absent) found.push(chunk.base + row)
      }
    }
    return found
  }

  /**
   * Slots from `first` on whose record is in `segment`, looking at no more than `chunks` chunks: the caller goes on at
   * `next` (Infinity: all seen) after it has let others work.
   */
  inSegment(segment: number, first: number, chunks: number): { slots: number[]; next: number } {
    const slots: number[] = []
    let index = this.#indexFrom(first)
    for (let seen = 0; seen < chunks && index < this.#chunks.length; seen++, index++) {
      const chunk = this.#chunks[index]!
      for (let row = 0, at = 0; row < ROWS; row++, at += COLUMNS) {
        if (chunk.rows[at] === segment && chunk.states[row] !== SlotState.absent && chunk.base + row >= first) {
          slots.push(chunk.base + row)
        }
      }
    }
    return { slots, next: this.#chunks[index]?.base ?? Infinity }
  }

  hash(slot: number): { low: number; high: number } {
    const chunk = this.#find(slot)!
    const at = (slot - chunk.base) * COLUMNS
    return { low: chunk.rows[at + 3]!, high: chunk.rows[at + 4]! }
  }

  #chunkFor(slot: number): Chunk {
    const found = this.#find(slot)
    if (found) return found
    const base = slot - (slot % ROWS)
    const chunk = this.#spare ?? {
      base: 0,
      rows: new Uint32Array(ROWS * COLUMNS),
      states: new Uint8Array(ROWS),
      held: 0,
      waiting: 0,
      hint: 0,
    }
    this.#spare = null
    chunk.base = base
    chunk.hint = 0
    const index = this.#indexFrom(base)
    this.#chunks.splice(index, 0, chunk)
    if (index < this.#from) this.#from = index
    return chunk
  }

  #free(chunk: Chunk): void {
    const index = this.#indexFrom(chunk.base)
    this.#chunks.splice(index, 1)
    if (index < this.#from) this.#from--
    this.#spare = chunk
  }

  #lower(chunk: Chunk): void {
    // The newest chunk is the common case and never comes before `#from`, unless all before it were empty.
    if (this.#chunks[this.#from] === chunk) return
    const index = this.#indexFrom(chunk.base)
    if (index < this.#from) this.#from = index
  }

  #find(slot: number): Chunk | undefined {
    const chunks = this.#chunks
    const last = chunks[chunks.length - 1]
    if (!last) return undefined
    const base = slot - (slot % ROWS)
    if (last.base === base) return last
    const first = chunks[0]!
    if (first.base === base) return first
    const chunk = chunks[this.#indexFrom(slot)]
    return chunk?.base === base ? chunk : undefined
  }

  /** Index of the first chunk that reaches `slot` or lies behind it. */
  #indexFrom(slot: number): number {
    const chunks = this.#chunks
    let low = 0
    let high = chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (chunks[middle]!.base + ROWS <= slot) low = middle + 1
      else high = middle
    }
    return low
  }
}
