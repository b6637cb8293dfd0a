import type { JournalQueue, Lease } from '../drivers/journal/contracts.ts'

/** What a broker queue needs of what holds its messages: the journal, or memory for a temporary queue. */
export type Backing = Pick<JournalQueue, 'name' | 'held' | 'waiting' | 'lease' | 'onWaiting' | 'page'>

interface Entry {
  readonly slot: number
  readonly id: string
  readonly body: Uint8Array
  leased: boolean
  note: Uint8Array | null
}

/** Messages of a temporary queue: replies that nobody wants once the asker is gone, so they are not written down. */
export class MemoryBacking implements Backing {
  readonly name: string
  readonly #entries: Entry[] = []
  readonly #listeners = new Set<() => void>()
  #next = 0
  #leased = 0

  constructor(name: string) {
    this.name = name
  }

  get held(): number {
    return this.#entries.length
  }

  get waiting(): number {
    return this.#entries.length - this.#leased
  }

  add(id: string, chunks: readonly Uint8Array[]): void {
    this.#entries.push({ slot: this.#next++, id, body: Buffer.concat(chunks), leased: false, note: null })
    this.#announce()
  }

  lease(): Lease | null {
    const entry = this.#entries.find(({ leased }) => !leased)
    if (!entry) return null
    entry.leased = true
    this.#leased++
    return {
      slot: entry.slot,
      note: entry.note,
      read: () => entry,
      ack: () => {
        if (entry.leased) this.remove(entry.slot)
        return Promise.resolve()
      },
      keep: note => {
        entry.note = note
        return Promise.resolve()
      },
      release: () => {
        if (!entry.leased) return
        entry.leased = false
        this.#leased--
        this.#announce()
      },
    }
  }

  remove(slot: number): void {
    const index = this.#entries.findIndex(entry => entry.slot === slot)
    if (index < 0) return
    const [entry] = this.#entries.splice(index, 1)
    if (entry!.leased) this.#leased--
    entry!.leased = false
  }

  onWaiting(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  page(after: string | undefined, limit: number): ReturnType<Backing['page']> {
    const start = after === undefined ? 0 : this.#entries.findIndex(({ id }) => id === after) + 1
    const page = this.#entries.slice(start, start + limit)
    return Promise.resolve(
      page.map(entry => ({
        id: entry.id,
        slot: entry.slot,
        inFlight: entry.leased,
        note: entry.note,
        read: () => entry,
      })),
    )
  }

  #announce(): void {
    for (const listener of this.#listeners) listener()
  }
}
