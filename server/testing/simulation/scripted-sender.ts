import { Lost, type JmsMessage, type Outgoing, type SendingParts } from '../../drivers/jms/index.ts'
import type { ScriptedLive } from './scripted-connection.ts'
import { bodyOf, unavailable } from './scripted-queue.ts'

/** Puts messages into a queue of the scripted broker. */
export class ScriptedOutgoing implements Outgoing {
  readonly live: ScriptedLive
  readonly #parts: SendingParts
  #closed = false

  constructor(live: ScriptedLive, parts: SendingParts) {
    this.live = live
    this.#parts = parts
  }

  get over(): boolean {
    return this.#closed || this.live.gone !== null
  }

  send(message: JmsMessage, confirmMs: number): Promise<void> {
    const { live } = this
    const { destination, clock, fullness } = this.#parts
    return new Promise((resolve, reject) => {
      if (live.gone) return reject(live.gone)
      const timer = clock.after(confirmMs, () => {
        const why = unavailable('it did not confirm the message in time')
        end(() => reject(new Lost(why, true)))
        live.abandon(why)
      })
      const forget = live.onGone(why => end(() => reject(new Lost(why, true))))
      let over = false
      const end = (how: () => void): void => {
        if (over) return
        over = true
        timer.cancel()
        forget()
        how()
      }
      void this.#transmit(message, destination.name).then(outcome => {
        if (outcome === 'silence') return
        if (outcome === 'confirmed') {
          fullness(false)
          return end(resolve)
        }
        end(() => reject(unavailable('it rejected the message')))
      })
    })
  }

  close(): void {
    this.#closed = true
  }

  async #transmit(message: JmsMessage, queue: string): Promise<'confirmed' | 'rejected' | 'silence'> {
    const { live } = this
    const { broker } = live
    const { around } = broker
    await broker.reached(live.clock)
    if (live.gone) return 'silence'
    if (broker.strikes('broker refused')) return 'rejected'
    if (broker.strikes('broker stalled')) return 'silence'
    broker.queue(queue).push({ message, isForeign: false, holder: null })
    around.stored(queue, bodyOf(message))
    broker.announce(queue)
    if (broker.strikes('broker confirm lost')) {
      if (around.dice.chance(0.5)) live.lose(unavailable('the connection broke'))
      return 'silence'
    }
    await broker.reached(live.clock)
    return live.gone ? 'silence' : 'confirmed'
  }
}
