import { randomUUID } from 'node:crypto'
import { NO_NOTES, type SentNote, type SentNotes } from './sent-notes.ts'

/** Messages under way at once. The broker remembers 64 producers, those of all its clients together. */
const SLOTS = 16

/** One producer, with one message under way at most. */
export interface Slot {
  readonly producer: number
  /** Of the last message; only ever grows, but for a message that is sent once more. */
  sequence: number
  busy: boolean
  /** A message that was sent and never answered: until it is sent again, nothing else may be (messaging-peers §7.2). */
  unanswered: string | null
}

/**
 * Who we are to a broker, over all connections to it. The broker notes for every producer the number of its last message
 * and drops what comes a second time. So a message that was not answered keeps its number, and its producer sends nothing
 * else before that: a later number would make the broker drop the unanswered one as done. An error is an answer, and
 * asks for a fresh number.
 */
export class Identity {
  readonly connectionId = `ID:holdfast-${randomUUID()}:1`
  readonly #notes: SentNotes
  #slots: Slot[] = []
  #producers = 0

  constructor(notes = NO_NOTES) {
    this.#notes = notes
  }

  /** How this message was sent by a process that is no more. */
  past(key: string | undefined): SentNote | undefined {
    const note = key === undefined ? undefined : this.#notes.get(key)
    return note?.connectionId === this.connectionId ? undefined : note
  }

  /** To be awaited before a message is sent that will be sent again after a crash. */
  async note(slot: Slot, key: string): Promise<void> {
    const { producer, sequence } = slot
    // A disk that takes nothing, of which the journal tells, must not keep messages from the broker: one may come twice then.
    await this.#notes.note(key, { connectionId: this.connectionId, producer, sequence }).catch(() => undefined)
  }

  /**
   * After an error answer: its number is used up. False if it could not be forgotten: nothing else may be sent by that
   * producer, or the message would pass for an earlier one after a crash, and be dropped.
   */
  async forget(key: string | undefined): Promise<boolean> {
    if (key === undefined || !this.#notes.get(key)) return true
    try {
      await this.#notes.forget(key)
      return true
    } catch {
      // The broker's error, which matters more, is what is told.
      return false
    }
  }

  /** This producer sends nothing more. */
  retire(slot: Slot): void {
    this.#slots = this.#slots.filter(other => other !== slot)
  }

  /** A free producer for this message, or undefined while all have one under way. */
  take(key: string | undefined): Slot | undefined {
    const slot = this.#slotOf(key)
    if (!slot) return undefined
    slot.busy = true
    if (slot.unanswered === null) slot.sequence++
    slot.unanswered = null
    return slot
  }

  /** `key` is left out for a message that nobody will send again. */
  give(slot: Slot, answered: boolean, key: string | undefined): void {
    slot.busy = false
    if (answered || key === undefined) return
    slot.unanswered = key
    // The longest unanswered one comes first.
    this.#slots = [...this.#slots.filter(other => other !== slot), slot]
  }

  #slotOf(key: string | undefined): Slot | undefined {
    if (key !== undefined) {
      const again = this.#slots.find(slot => !slot.busy && slot.unanswered === key)
      if (again) return again
    }
    const free = this.#slots.find(slot => !slot.busy && slot.unanswered === null)
    if (free) return free
    if (this.#slots.length >= SLOTS) {
      // Whoever did not send again so far may never do so; then this one can come twice, but none is lost.
      const oldest = this.#slots.findIndex(slot => !slot.busy)
      if (oldest < 0) return undefined
      this.#slots.splice(oldest, 1)
    }
    const slot: Slot = { producer: ++this.#producers, sequence: 0, busy: false, unanswered: null }
    this.#slots.push(slot)
    return slot
  }
}
