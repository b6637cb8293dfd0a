import type { Clock } from '../../kernel/clock.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import type { JmsConnection } from './connection.ts'
import type { JmsDestination, JmsMessage, Outgoing, Session } from './contracts.ts'
import { KeptSenders } from './kept-senders.ts'
import { addressOf, keyOf } from './target.ts'
import type { BrokerTarget } from './target.ts'

/** Sends that take effect with a transaction at one broker; lent, with one transaction of its session after the other. */
export class JmsWork {
  readonly #session: Session
  /** Whoever has lent the session closes it. */
  readonly #lent: boolean
  readonly #senders: KeptSenders<Outgoing>
  readonly #deadlineMs: number

  constructor(session: Session, { clock, deadlineMs, lent }: { clock: Clock; deadlineMs: number; lent: boolean }) {
    this.#session = session
    this.#deadlineMs = deadlineMs
    this.#lent = lent
    this.#senders = new KeptSenders(destination => session.openSender({ destination, clock, fullness: () => {} }))
  }

  /** Resolves when the broker has taken it as part of the transaction. A failure is final: nothing is tried twice. */
  async send(destination: JmsDestination, message: JmsMessage): Promise<void> {
    if (this.#session.gone) throw this.#session.gone
    await this.#senders.use(destination, sender => sender.send(message, this.#deadlineMs, this.#deadlineMs))
  }

  async commit(): Promise<void> {
    await this.#session.commit()
  }

  async rollback(): Promise<void> {
    // With its connection the broker has rolled it back already.
    if (this.#session.gone) return
    await this.#session.rollback()
  }

  async close(): Promise<void> {
    if (!this.#lent) await this.#session.close()
  }
}

/** What tells one broker, for one user, from another as the manager of a transaction. */
export function managerOf(target: BrokerTarget): { readonly key: string; readonly label: string } {
  const { hosts, username, virtualHost } = target
  const place = hosts.map(addressOf).join(', ')
  const where = virtualHost === undefined ? place : `${place}/${virtualHost}`
  return {
    // Who reads subscriptions is nothing to a transaction.
    key: `jms ${keyOf(withoutClient(target))}`,
    label: `the broker ${where}${username === undefined ? '' : ` (as ${username})`}`,
  }
}

/** A session of its own for a transaction that no listener began. */
export async function beginWork(connection: JmsConnection, clock: Clock, deadlineMs: number): Promise<JmsWork> {
  try {
    const live = connection.live ?? (await connection.open(deadlineMs))
    const session = await live.openSession({ clock, deadlineMs })
    return new JmsWork(session, { clock, deadlineMs, lent: false })
  } catch (thrown) {
    const why = asIntegrationError(thrown)
    throw new IntegrationError(why.code, `no transaction could be begun: ${why.message}`, { cause: why })
  }
}

function withoutClient({ clientId: _, ...target }: BrokerTarget): BrokerTarget {
  return target
}
