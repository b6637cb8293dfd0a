import type { Sender } from 'rhea'
import type { Log } from '../kernel/contracts.ts'
import { CreditedSender, writeNow } from '../drivers/amqp/rhea.ts'
import type { BrokerQueue } from './queue.ts'
import { deliverable, failuresOf, heldOf } from './record.ts'

const PAGE = 100

/** A link that looks without taking (`distribution-mode: copy`): copies go out, oldest first, once each. */
export class Browser {
  readonly #link: Sender
  readonly #queue: BrokerQueue
  readonly #log: Log
  readonly #out: CreditedSender
  #after: string | undefined
  #lastSlot = -1
  #walking = false
  #again = false
  #draining = false
  #over = false

  constructor(link: Sender, queue: BrokerQueue, log: Log) {
    this.#link = link
    this.#queue = queue
    this.#log = log
    this.#out = new CreditedSender(link, () => this.flowed())
    link.on('sender_flow', () => this.flowed())
    link.on('sender_draining', () => {
      this.#draining = true
      this.flowed()
    })
  }

  flowed(): void {
    this.#again = true
    if (!this.#walking && !this.#over) void this.#walk()
  }

  end(): void {
    this.#over = true
  }

  async #walk(): Promise<void> {
    this.#walking = true
    try {
      while (this.#again && !this.#over) {
        this.#again = false
        if (this.#out.room > 0 && !(await this.#page(Math.min(PAGE, this.#out.room)))) this.#answerDrain()
      }
    } catch (thrown) {
      this.#log.warn('a queue could not be browsed', { queue: this.#queue.name, error: thrown })
      if (!this.#over)
        this.#link.close({ condition: 'amqp:internal-error', description: 'the queue could not be read' })
    } finally {
      this.#walking = false
    }
  }

  /** False at the end of the queue. */
  async #page(room: number): Promise<boolean> {
    const page = await this.#queue.page(this.#after, room)
    for (const entry of page) {
      this.#after = entry.id
      // When the message we stopped at is gone the page begins at the front again.
      if (entry.slot <= this.#lastSlot) continue
      this.#lastSlot = entry.slot
      const { body } = await entry.read()
      if (this.#over) return false
      this.#out.send(deliverable(heldOf(body), failuresOf(entry.note)))
    }
    if (page.length > 0) this.#again = true
    return page.length > 0
  }

  #answerDrain(): void {
    if (!this.#draining || this.#over) return
    this.#draining = false
    this.#link.set_drained(true)
    writeNow(this.#link.connection)
  }
}
