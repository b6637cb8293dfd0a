import rhea from 'rhea'
import type { Delivery, EventContext, Receiver, Session } from 'rhea'
import { AmqpReader } from '../drivers/amqp/reader.ts'
import { afterOutcomes, creditOf, writeNow } from '../drivers/amqp/rhea.ts'
import { sectionsOf } from '../drivers/amqp/sections.ts'
import type { SettleQueue } from '../drivers/amqp/settle-queue.ts'
import type { Refusal } from './refusal.ts'
import { refusals } from './refusal.ts'
import { Transaction, type EnlistedOutcome, type Transactions } from './transactions.ts'

/** Descriptors of OASIS AMQP 1.0, part 4. */
const COORDINATOR = 0x30
const DECLARE = 0x31
const DISCHARGE = 0x32
const DECLARED = 0x33
const TRANSACTIONAL = 0x34
const ACCEPTED = 0x24
const REJECTED = 0x25
const RELEASED = 0x26
const MODIFIED = 0x27

const BY_SYMBOL = new Map<unknown, number>([
  ['amqp:declare:list', DECLARE],
  ['amqp:discharge:list', DISCHARGE],
  ['amqp:transactional-state:list', TRANSACTIONAL],
])

const CREDIT = 100

/** A value as rhea holds it. */
interface Typed {
  readonly descriptor?: { readonly value: unknown }
  readonly value: unknown
}

interface RheaTypes {
  wrap_ulong(value: number): Typed
  wrap_list(values: readonly unknown[]): Typed
  wrap_binary(value: Uint8Array): Typed
  wrap_symbol(value: string): Typed
  described_nc(descriptor: Typed, value: Typed): Typed
}

const types = rhea.types as unknown as RheaTypes

const described = (code: number, values: readonly unknown[]): Typed =>
  types.described_nc(types.wrap_ulong(code), types.wrap_list(values))

/** The state of a delivery that belongs to a transaction. */
interface TransactionalState {
  readonly id: Buffer
  /** As rhea holds it; absent on a transfer. */
  readonly outcome: Typed | undefined
}

/** What a transfer or disposition says about a transaction; undefined if nothing. */
function transactionalState(state: unknown): TransactionalState | undefined {
  const { descriptor, value } = (state ?? {}) as Partial<Typed>
  const code = descriptor?.value
  if (code !== TRANSACTIONAL && BY_SYMBOL.get(code) !== TRANSACTIONAL) return undefined
  const [id, outcome] = value as readonly (Typed | undefined)[]
  return { id: Buffer.from(id?.value as Uint8Array), outcome }
}

/** What a consumer is told of a delivery whose transaction has taken it. */
export function acceptedWithin(transaction: Transaction): unknown {
  return described(TRANSACTIONAL, [types.wrap_binary(transaction.id), described(ACCEPTED, [])])
}

interface Disposition {
  readonly performative: {
    readonly role: boolean
    readonly first: number
    readonly last?: number | null
    readonly settled?: boolean
    readonly state?: unknown
  }
}

/** Place of `state` in a transfer. */
const TRANSFER_STATE = 7

/** In the place of what rhea would make a list without a name of. */
class Membership {
  readonly transaction: Buffer

  constructor(transaction: Buffer) {
    this.transaction = transaction
  }
}

/** The transaction a message was sent in; undefined: in none. */
export function transactionOf(delivery: Delivery): Buffer | undefined {
  const state: unknown = delivery.remote_state
  return state instanceof Membership ? state.transaction : undefined
}

interface RheaSession {
  on_transfer(frame: { readonly performative: { readonly value: unknown[] } }): void
  on_disposition(frame: Disposition): void
  readonly outgoing: { readonly deliveries: { by_id(id: number): Delivery | undefined } }
}

/** Called for each delivery a consumer settles inside a transaction; `settled`: it waits for no word of ours. */
export type Enlist = (delivery: Delivery, id: Buffer, outcome: EnlistedOutcome, settled: boolean) => void

/** Keeps from rhea what it does not know: messages and outcomes that belong to a transaction. */
export function noticeTransactions(session: Session, enlist: Enlist): void {
  const inner = session as unknown as RheaSession
  const { on_transfer: transfer, on_disposition: read } = inner
  inner.on_transfer = function (frame) {
    const { value } = frame.performative
    const state = value.length > TRANSFER_STATE ? transactionalState(value[TRANSFER_STATE]) : undefined
    if (state) value[TRANSFER_STATE] = new Membership(state.id)
    transfer.call(inner, frame)
  }
  inner.on_disposition = function (frame) {
    const { role, first, last, settled, state } = frame.performative
    const transactional = role ? transactionalState(state) : undefined
    if (!transactional) return read.call(inner, frame)
    const outcome = outcomeOf(transactional.outcome)
    for (let id = first; id <= (last ?? first); id++) {
      const delivery = inner.outgoing.deliveries.by_id(id)
      if (!delivery) continue
      // What is settled at both ends leaves the buffer of the session, which has room for so many only.
      if (settled) Object.assign(delivery, { settled: true, remote_settled: true })
      enlist(delivery, transactional.id, outcome, settled === true)
    }
    writeNow(session.connection)
  }
}

function outcomeOf(state: Typed | undefined): EnlistedOutcome {
  const { descriptor, value } = state ?? {}
  const fields = (Array.isArray(value) ? value : []) as readonly (Typed | undefined)[]
  switch (descriptor?.value) {
    case REJECTED:
    case 'amqp:rejected:list':
      return { kind: 'rejected', reason: 'a consumer rejected it' }
    case RELEASED:
    case 'amqp:released:list':
      return { kind: 'released' }
    case MODIFIED:
    case 'amqp:modified:list':
      if (fields[1]?.value === true) return { kind: 'rejected', reason: 'a consumer cannot take it' }
      return { kind: fields[0]?.value === true ? 'failed' : 'released' }
    default:
      return { kind: 'accepted' }
  }
}

/** The link over which a client declares and discharges its transactions. */
export class CoordinatorLink {
  readonly #link: Receiver
  readonly #transactions: Transactions
  readonly #settlements: SettleQueue
  #over = false

  constructor(link: Receiver, transactions: Transactions, settlements: SettleQueue) {
    this.#link = link
    this.#transactions = transactions
    this.#settlements = settlements
    const capability = types.wrap_symbol('amqp:local-transactions')
    const attach = (link as unknown as { local: { attach: { target: unknown } } }).local.attach
    attach.target = described(COORDINATOR, [capability])
    link.on('message', ({ message, delivery }: EventContext) => this.#asked(message as unknown as Buffer, delivery!))
    link.add_credit(CREDIT)
  }

  end(abruptly: boolean): void {
    if (this.#over) return
    this.#over = true
    this.#transactions.abandon(this, abruptly)
  }

  #asked(message: Buffer, delivery: Delivery): void {
    let asked: Asked
    try {
      asked = askedIn(message)
    } catch {
      return this.#refuse(delivery, refusals.format)
    }
    if (asked.what === 'declare') {
      const declared = this.#transactions.declare(this)
      if (declared instanceof Transaction) this.#answer(delivery, described(DECLARED, [types.wrap_binary(declared.id)]))
      else this.#refuse(delivery, declared)
      return
    }
    // What was settled before it in the same turn is heard of only at its end.
    const { id, fail } = asked
    afterOutcomes(() => void this.#discharge(delivery, id, fail))
  }

  async #discharge(delivery: Delivery, id: Buffer, fail: boolean): Promise<void> {
    const refusal = await this.#transactions.discharge(id, fail)
    if (refusal) this.#refuse(delivery, refusal)
    else this.#answer(delivery, described(ACCEPTED, []))
  }

  #refuse(delivery: Delivery, refusal: Refusal): void {
    if (this.#over) return
    this.#settlements.settle(delivery, { kind: 'rejected', ...refusal }, () => {})
    this.#topUp()
  }

  #answer(delivery: Delivery, state: unknown): void {
    if (this.#over) return
    this.#settlements.settle(delivery, { kind: 'state', state }, () => {})
    this.#topUp()
  }

  #topUp(): void {
    const given = creditOf(this.#link)
    if (given < CREDIT / 2) this.#link.add_credit(CREDIT - given)
  }
}

type Asked = { readonly what: 'declare' } | { readonly what: 'discharge'; readonly id: Buffer; readonly fail: boolean }

function askedIn(message: Buffer): Asked {
  const [body] = sectionsOf(message).body
  const value = body && new AmqpReader(message, body.start, body.end).value()
  const { descriptor, value: fields } = (value ?? {}) as { descriptor?: unknown; value?: unknown }
  const code = typeof descriptor === 'number' ? descriptor : BY_SYMBOL.get(descriptor)
  if (code === DECLARE) return { what: 'declare' }
  const [id, fail] = Array.isArray(fields) ? (fields as readonly unknown[]) : []
  if (code === DISCHARGE && Buffer.isBuffer(id)) return { what: 'discharge', id, fail: fail === true }
  throw new TypeError('neither declare nor discharge')
}
