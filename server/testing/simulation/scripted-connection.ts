import type { Incoming, Live, Outgoing, ReceivingParts, SendingParts } from '../../drivers/jms/index.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { IntegrationError } from '../../kernel/errors.ts'
import type { ScriptedBroker } from './scripted-broker.ts'
import { unavailable } from './scripted-queue.ts'
import { ScriptedIncoming } from './scripted-receiver.ts'
import { ScriptedOutgoing } from './scripted-sender.ts'

/** A connection to the scripted broker. */
export class ScriptedLive implements Live {
  readonly host: Live['host']
  readonly peer = { product: 'scripted', version: '1' }
  readonly protocol = 'none'
  readonly browsable = true
  readonly clock: Clock
  readonly broker: ScriptedBroker
  readonly receivers = new Set<ScriptedIncoming>()
  gone: IntegrationError | null = null
  #listeners = new Set<(why: IntegrationError) => void>()

  constructor(broker: ScriptedBroker, clock: Clock, host: Live['host']) {
    this.broker = broker
    this.clock = clock
    this.host = host
  }

  onGone(listener: (why: IntegrationError) => void): () => void {
    if (this.gone) listener(this.gone)
    else this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  abandon(why: IntegrationError): void {
    this.lose(why)
  }

  close(): void {
    this.lose(unavailable('the connection was closed by us'))
  }

  lose(why: IntegrationError): void {
    if (this.gone) return
    this.gone = why
    this.broker.connections.delete(this)
    const listeners = this.#listeners
    this.#listeners = new Set()
    for (const listener of listeners) listener(why)
    for (const link of Array.from(this.receivers)) link.end(why)
  }

  openSender(parts: SendingParts): Outgoing {
    return new ScriptedOutgoing(this, parts)
  }

  openReceiver(parts: ReceivingParts): Incoming {
    return new ScriptedIncoming(this, parts)
  }

  openSession(): Promise<never> {
    return Promise.reject(unavailable('it has no transactions'))
  }
}
