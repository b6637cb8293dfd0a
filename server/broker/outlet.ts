import type { Delivery, EventContext, Sender } from 'rhea'
import type { Log } from '../kernel/contracts.ts'
import { afterOutcomes, CreditedSender, writeNow } from '../drivers/amqp/rhea.ts'
import type { JournalRecord } from '../drivers/journal/contracts.ts'
import type { BrokerQueue, Loan, Taker } from './queue.ts'
import { deliverable, heldOf } from './record.ts'
import type { Held } from './record.ts'
import { refusals } from './refusal.ts'
import type { EnlistedOutcome, Transaction } from './transactions.ts'

const SETTLED_BY_SENDER = 1

/** Reads from the journal that one consumer may have open: enough to keep it busy, little enough for memory. */
const READ_AHEAD = 64

interface Next {
  readonly loan: Loan
  held: Held | null
  failed: boolean
}

interface Outcome {
  readonly error?: { readonly condition?: string; readonly description?: string }
  readonly delivery_failed?: boolean
  readonly undeliverable_here?: boolean
}

/** A consumer's link: messages go out in order as far as its credit reaches, and each is settled by itself. */
export class Outlet implements Taker {
  readonly #link: Sender
  readonly #queue: BrokerQueue
  readonly #log: Log
  readonly #out: CreditedSender
  readonly #onLoan = new Map<Delivery, Loan>()
  /** Refused by this consumer with nowhere to go: nobody else is bothered with them while it is here. */
  readonly #refused: Loan[] = []
  #reading: Next[] = []
  #draining = false
  #over = false

  constructor(link: Sender, queue: BrokerQueue, log: Log) {
    this.#link = link
    this.#queue = queue
    this.#log = log
    this.#out = new CreditedSender(link, () => this.flowed())
    link.on('accepted', ({ delivery }: EventContext) => this.#accepted(delivery!))
    link.on('released', ({ delivery }: EventContext) => this.#take(delivery!)?.release())
    link.on('modified', ({ delivery }: EventContext) => this.#modified(delivery!))
    link.on('rejected', ({ delivery }: EventContext) => this.#rejected(delivery!))
    link.on('settled', ({ delivery }: EventContext) => this.#take(delivery!)?.release())
    link.on('sender_flow', () => afterOutcomes(() => this.flowed()))
    link.on('sender_draining', () =>
      afterOutcomes(() => {
        this.#draining = true
        this.#answerDrain()
      }),
    )
    queue.join(this)
  }

  get room(): number {
    if (this.#over || this.#reading.length >= READ_AHEAD) return 0
    return this.#out.room - this.#reading.length
  }

  /** The peer gave credit or opened its window. */
  flowed(): void {
    if (this.#over) return
    this.#sendReady()
    this.#queue.dispatch()
    this.#answerDrain()
  }

  take(loan: Loan): void {
    const next: Next = { loan, held: null, failed: false }
    this.#reading.push(next)
    const read = loan.lease.read()
    if (read instanceof Promise) void this.#readFromDisk(next, read)
    else this.#wasRead(next, read)
  }

  /** The consumer settles a message inside a transaction: the outcome counts when that is committed. */
  enlist(delivery: Delivery, transaction: Transaction | undefined, outcome: EnlistedOutcome, settled: boolean): void {
    const loan = this.#take(delivery)
    if (!loan) return
    if (!transaction) {
      loan.fail()
      this.#link.close({ ...refusals.transactionUnknown })
      return
    }
    transaction.settle(loan, outcome, () => {
      if (!settled && !this.#over) this.#settleBack(delivery)
    })
  }

  /** The link is over. `abruptly`: the consumer went without a word, and may have gone because of what it had in hand. */
  end(abruptly: boolean): void {
    if (this.#over) return
    this.#over = true
    this.#queue.leave(this)
    for (const { loan } of this.#reading) loan.release()
    this.#reading = []
    const loans = [...this.#onLoan.values(), ...this.#refused]
    this.#onLoan.clear()
    for (const loan of loans) {
      if (abruptly) loan.fail()
      else loan.release()
    }
  }

  async #readFromDisk(next: Next, read: Promise<JournalRecord>): Promise<void> {
    try {
      this.#wasRead(next, await read)
    } catch (thrown) {
      this.#unreadable(next, thrown)
    }
    this.flowed()
  }

  #wasRead(next: Next, record: JournalRecord): void {
    try {
      next.held = heldOf(record.body)
    } catch (thrown) {
      return this.#unreadable(next, thrown)
    }
    this.#sendReady()
  }

  /** In the order they were taken, so a slow read holds up what came after it. */
  #sendReady(): void {
    while (this.#reading.length > 0 && !this.#over) {
      const { loan, held, failed } = this.#reading[0]!
      if (!held && !failed) return
      this.#reading.shift()
      if (held) this.#send(loan, held)
    }
  }

  #send(loan: Loan, held: Held): void {
    if (this.#queue.expired(held, loan.lease)) return
    const delivery = this.#out.send(deliverable(held, loan.failures))
    if (this.#link.snd_settle_mode === SETTLED_BY_SENDER) loan.accept()
    else this.#onLoan.set(delivery, loan)
  }

  /** It stays on loan: giving it back would only bring it here again. The rest of the queue goes on. */
  #unreadable(next: Next, thrown: unknown): void {
    next.failed = true
    this.#log.error('a stored message cannot be read and is left where it is', {
      queue: this.#queue.name,
      error: thrown,
    })
    this.#sendReady()
  }

  #accepted(delivery: Delivery): void {
    const loan = this.#take(delivery)
    if (!loan) return
    loan.accept()
    if (!delivery.remote_settled) this.#settleBack(delivery)
  }

  #modified(delivery: Delivery): void {
    const outcome = outcomeOf(delivery)
    if (outcome.undeliverable_here) return this.#rejected(delivery, 'a consumer cannot take it')
    const loan = this.#take(delivery)
    if (outcome.delivery_failed) loan?.fail()
    else loan?.release()
    if (!delivery.remote_settled) this.#settleBack(delivery)
  }

  #rejected(delivery: Delivery, why = 'a consumer rejected it'): void {
    const loan = this.#take(delivery)
    if (!loan) return
    const { condition, description } = outcomeOf(delivery).error ?? {}
    const said = [condition, description].filter(Boolean).join(': ')
    void this.#bury(loan, said ? `${why}: ${said}` : why)
    if (!delivery.remote_settled) this.#settleBack(delivery)
  }

  async #bury(loan: Loan, reason: string): Promise<void> {
    if (await loan.reject(reason)) return
    if (this.#over) loan.release()
    else this.#refused.push(loan)
  }

  /** For a consumer that settles second: it waits for our word. */
  #settleBack(delivery: Delivery): void {
    delivery.update(true)
  }

  #take(delivery: Delivery): Loan | undefined {
    const loan = this.#onLoan.get(delivery)
    if (loan) this.#onLoan.delete(delivery)
    return loan
  }

  /** Nothing more comes until a later message: what credit is left is given back. */
  #answerDrain(): void {
    if (!this.#draining || this.#reading.length > 0) return
    this.#draining = false
    this.#link.set_drained(true)
    writeNow(this.#link.connection)
  }
}

function outcomeOf(delivery: Delivery): Outcome {
  return (delivery.remote_state ?? {}) as Outcome
}
