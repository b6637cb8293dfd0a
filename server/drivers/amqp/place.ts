import type { Receiver, Sender, Session } from 'rhea'
import type { Settlement } from '../jms/settlement.ts'
import type { RheaLive } from './dial.ts'
import { closeOpened } from './rhea.ts'
import { SettleQueue } from './settle-queue.ts'
import type { RawSettlement } from './settle-queue.ts'

/** What a link is attached to: a session of its own, or that of a transaction. */
export interface Place {
  readonly session: Session
  readonly settlements: SettleQueue
  /** How an outcome is said here. */
  outcome(settlement: Settlement): Settlement | RawSettlement
  /** Detaches, once the peer has opened the link; with all that was there only for it. */
  leave(link: Sender | Receiver): void
}

/** A session of its own: a sender without credit holds up all others of its session. */
export function ownPlace(live: RheaLive): Place {
  return {
    session: live.beginSession(),
    settlements: new SettleQueue(),
    outcome: settlement => settlement,
    leave: link => closeOpened(link, () => link.session.close()),
  }
}
