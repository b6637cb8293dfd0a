import rhea from 'rhea'
import type { Delivery, EventContext, Sender, Session } from 'rhea'
import type { Clock } from '../../kernel/clock.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'

/**
 * AMQP 1.0 local transactions (OASIS AMQP 1.0, part 4), which rhea does not have: the link to the coordinator, what
 * goes over it, and the state by which transfers and acknowledgements say to which transaction they belong. The
 * session is changed in place; nothing of rhea is.
 */

const COORDINATOR = 0x30
const DECLARED = 0x33
const TRANSACTIONAL = 0x34
const ACCEPTED = 0x24
const TRANSFER = 0x14
/** Place of `state` in a transfer. */
const TRANSFER_STATE = 7
const TRANSFER_HANDLE = 0
/** Place of `state` in a disposition. */
const DISPOSITION_STATE = 4

/** A value as rhea holds it. */
interface Typed {
  readonly descriptor?: { readonly value: unknown }
  readonly value: unknown
}

interface Performative {
  readonly constructor: { readonly descriptor?: { readonly numeric: number } }
  readonly value: unknown[]
}

interface RheaTypes {
  wrap_ulong(value: number): Typed
  wrap_list(values: readonly unknown[]): Typed
  wrap_binary(value: Uint8Array): Typed
  described_nc(descriptor: Typed, value: Typed): Typed
  wrap_array(values: readonly unknown[], code: number, descriptor?: unknown): Typed
}

interface Inner {
  output(frame: Performative, payload?: Buffer): void
  on_disposition(frame: { performative: Performative & { first: number; last?: number | null; role: boolean } }): void
  on_attach(frame: { performative: { name: string; target?: Typed | null } }): void
  create_sender(
    name: string,
    options: object,
  ): Sender & {
    local: { handle: number; attach: { target: unknown } }
    set_source(fields: object): void
    attach(): void
  }
}

const types = rhea.types as unknown as RheaTypes

const described = (code: number, values: readonly unknown[]): Typed =>
  types.described_nc(types.wrap_ulong(code), types.wrap_list(values))

const plainlyAccepted = (): Typed => described(ACCEPTED, [])

/** A body that is a described list. rhea would drop the descriptor, so it is written by hand. */
const body = (code: number, list: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0x00, 0x53, 0x77, 0x00, 0x53, code]), list])

const DECLARE = body(0x31, Buffer.from([0x45]))

function discharge(id: Buffer, fail: boolean): Buffer {
  const fields = Buffer.concat([Buffer.from([0xa0, id.length]), id, Buffer.from([fail ? 0x41 : 0x42])])
  return body(0x32, Buffer.concat([Buffer.from([0xc0, fields.length + 1, 2]), fields]))
}

interface Asked {
  readonly resolve: (id: Buffer) => void
  readonly reject: (why: IntegrationError) => void
}

/** The coordinator of one session, with at most one transaction at a time. */
export class Coordinator {
  readonly #link: ReturnType<Inner['create_sender']>
  readonly #place: string
  readonly #clock: Clock
  /** Sent and not answered. */
  readonly #asked = new Map<Delivery, Asked>()
  /** Declared and not yet discharged. */
  #id: Buffer | null = null
  readonly #opened: Promise<void>
  #refuse!: (why: IntegrationError) => void
  #over: IntegrationError | null = null
  #declaring: Promise<void> | null = null
  #declaredId: Buffer | null = null

  constructor(session: Session, clock: Clock, place: string) {
    this.#clock = clock
    this.#place = place
    const inner = session as unknown as Inner
    this.#tagTransfers(inner)
    this.#readOutcomes(inner)
    this.#link = inner.create_sender(`coordinator-${rhea.generate_uuid()}`, { autosettle: true })
    this.#hideEcho(inner)
    this.#opened = new Promise((resolve, reject) => {
      this.#refuse = reject
      this.#link.once('sendable', () => resolve())
    })
    // Whoever asks is told; nobody need ask.
    this.#opened.catch(() => {})
    this.#attach()
  }

  /** Starts a transaction unless there is one. */
  declare(deadlineMs: number): Promise<void> {
    if (this.#id) return Promise.resolve()
    this.#declaring ??= this.#begin(deadlineMs).finally(() => {
      this.#declaring = null
    })
    return this.#declaring
  }

  /** Acknowledges within the transaction. */
  accept(delivery: Delivery): void {
    delivery.update(true, this.acceptedState() as never)
  }

  /** The outcome of an acknowledgement that counts when the transaction is committed. */
  acceptedState(): unknown {
    return this.#state(plainlyAccepted())
  }

  /** Resolves once the broker lets us ask for transactions. */
  async opened(deadlineMs: number): Promise<void> {
    const late = this.#failure(`the coordinator did not answer within ${deadlineMs} ms`)
    const timer = this.#clock.after(deadlineMs, () => this.lose(late))
    try {
      await this.#opened
      if (this.#over) throw this.#over
    } finally {
      timer.cancel()
    }
  }

  /**
   * Resolves once all that was done since {@link declare} holds, or nothing of it. What was settled must have been
   * written in an earlier turn: rhea writes transfers, such as this one, before dispositions.
   */
  async end(fail: boolean, deadlineMs: number): Promise<void> {
    const id = this.#id
    if (!id) return
    this.#id = null
    await this.#ask(discharge(id, fail), deadlineMs)
  }

  /** With the loss of its session or connection; what was not discharged is rolled back by the broker. */
  lose(why: IntegrationError): void {
    this.#over ??= why
    this.#id = null
    this.#refuse(why)
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    for (const { reject } of asked) reject(new IntegrationError(why.code, why.message, { cause: why, ambiguous: true }))
  }

  close(): void {
    this.#link.close()
    this.lose(this.#failure('it was closed'))
  }

  #attach(): void {
    const link = this.#link
    link.set_source({})
    link.local.attach.target = described(COORDINATOR, [])
    const over = (): void => {
      const { condition, description } = (link.error ?? {}) as { condition?: string; description?: string }
      const said = [condition, description].filter(Boolean).join(': ') || 'no reason given'
      const text = `the broker at ${this.#place} offers no transactions: ${said}`
      this.lose(new IntegrationError('BROKER_REFUSED', text))
    }
    link.on('sender_error', over)
    link.on('sender_close', over)
    link.on('accepted', ({ delivery }: EventContext) => this.#answered(delivery!))
    link.on('rejected', ({ delivery }: EventContext) => this.#rejected(delivery!))
    link.attach()
  }

  async #begin(deadlineMs: number): Promise<void> {
    this.#id = await this.#ask(DECLARE, deadlineMs)
  }

  async #send(bytes: Buffer, give: Asked): Promise<Delivery | undefined> {
    try {
      await this.#opened
      if (this.#over) throw this.#over
      const delivery = this.#link.send(bytes, undefined, 0)
      this.#asked.set(delivery, give)
      return delivery
    } catch (thrown) {
      give.reject(asIntegrationError(thrown))
      return undefined
    }
  }

  async #ask(bytes: Buffer, deadlineMs: number): Promise<Buffer> {
    if (this.#over) throw this.#over
    let give!: Asked
    const answer = new Promise<Buffer>((resolve, reject) => {
      give = { resolve, reject }
    })
    let delivery: Delivery | undefined
    const timer = this.#clock.after(deadlineMs, () => {
      if (delivery) this.#asked.delete(delivery)
      const why = this.#failure(`the coordinator did not answer within ${deadlineMs} ms`)
      give.reject(new IntegrationError(why.code, why.message, { ambiguous: delivery !== undefined }))
    })
    void this.#send(bytes, give).then(sent => (delivery = sent))
    try {
      return await answer
    } finally {
      timer.cancel()
    }
  }

  #answered(delivery: Delivery): void {
    const asked = this.#asked.get(delivery)
    this.#asked.delete(delivery)
    const id = this.#declaredId
    this.#declaredId = null
    asked?.resolve(id ?? Buffer.alloc(0))
  }

  #rejected(delivery: Delivery): void {
    const asked = this.#asked.get(delivery)
    this.#asked.delete(delivery)
    const { error } = (delivery.remote_state ?? {}) as { error?: { condition?: string; description?: string } }
    const said = [error?.condition, error?.description].filter(Boolean).join(': ') || 'no reason given'
    asked?.reject(
      new IntegrationError('TRANSACTION_FAILED', `the broker at ${this.#place} rolled the transaction back: ${said}`),
    )
  }

  /** Every transfer of the session belongs to the transaction, but those to the coordinator. */
  #tagTransfers(inner: Inner): void {
    const { output } = inner
    inner.output = (frame, payload) => {
      const isTransfer = frame.constructor.descriptor?.numeric === TRANSFER
      if (isTransfer && (frame.value[TRANSFER_HANDLE] as Typed).value !== this.#link.local.handle) {
        if (!this.#id) return this.#outside()
        frame.value[TRANSFER_STATE] = this.#state()
      }
      output.call(inner, frame, payload)
    }
  }

  /** What lost its transaction before it was written is not sent: it would be seen at once. */
  #outside(): void {
    this.lose(new IntegrationError('TRANSACTION_FAILED', `a message at ${this.#place} was outside of its transaction`))
  }

  /** Takes the outcomes out of what says that they belong to a transaction: rhea does not know of that. */
  #readOutcomes(inner: Inner): void {
    const { on_disposition: read } = inner
    inner.on_disposition = frame => {
      const { performative } = frame
      const state = performative.value[DISPOSITION_STATE] as Typed | undefined
      const code = Number(state?.descriptor?.value)
      if (code === DECLARED) {
        this.#declaredId = Buffer.from((state!.value as Typed[])[0]!.value as Buffer)
        performative.value[DISPOSITION_STATE] = plainlyAccepted()
      } else if (code === TRANSACTIONAL) {
        performative.value[DISPOSITION_STATE] = (state!.value as Typed[])[1]
      }
      read.call(inner, frame)
    }
  }

  /** rhea prints a warning for the target that the broker repeats in its own attach. */
  #hideEcho(inner: Inner): void {
    const { on_attach: read } = inner
    inner.on_attach = frame => {
      if (frame.performative.name === this.#link.name) frame.performative.target = null
      read.call(inner, frame)
    }
  }

  #state(outcome?: Typed): Typed {
    return described(TRANSACTIONAL, [types.wrap_binary(this.#id!), ...(outcome ? [outcome] : [])])
  }

  #failure(why: string): IntegrationError {
    return new IntegrationError('STORE_UNAVAILABLE', `the transaction at ${this.#place} cannot be ended: ${why}`)
  }
}
