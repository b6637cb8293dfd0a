import { createHash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { Changes } from '../kernel/changes.ts'
import { systemClock } from '../kernel/clock.ts'
import { Wire } from './wire.ts'

/** `unknown`: the connection broke before an answer; the order may or may not have been taken. */
export type Outcome = 'sent' | 'accepted' | 'refused' | 'unknown'

/** One order as its sender knows it. */
export interface SentOrder {
  readonly id: string
  readonly lane: number
  /** Of the body that was posted. */
  readonly digest: string
  /** Clock milliseconds, as all times here. */
  readonly sentAt: number
  /** The sender's port: with it a trace of the server's system calls can be read. */
  readonly localPort: number
  readonly outcome: Outcome
  readonly status: number | undefined
  readonly endedAt: number | undefined
}

type Recorded = { -readonly [Name in keyof SentOrder]: SentOrder[Name] }

export interface OrderLoadOptions {
  readonly port: number
  readonly path: string
  /** Clients, each with one connection and one order under way. */
  readonly lanes: number
  /** Begins every order id, so that loads can be told apart. */
  readonly prefix: string
  /** Characters added to an order, which make it as large as one likes. */
  readonly padding: (number: number) => number
}

const UNREACHABLE_MS = 10
const ORDER_ID = /<!-- order ([\w.-]+) -->/

/** The id that an order carries in its body. */
export function orderIdIn(body: Uint8Array): string | undefined {
  return ORDER_ID.exec(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'))?.[1]
}

/** Tells bodies apart without keeping them. */
export function digestOf(body: Uint8Array | string): string {
  return createHash('sha1').update(body).digest('base64')
}

export function orderBody(id: string, padding = 0): string {
  const filler = padding > 0 ? `<!-- ${'x'.repeat(padding)} -->` : ''
  return (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>' +
    `<!-- order ${id} --><m:placeOrder xmlns:m="http://services.samples"><m:order><m:price>12.5</m:price>` +
    `<m:quantity>7</m:quantity><m:symbol>IBM</m:symbol></m:order></m:placeOrder>${filler}` +
    '</soapenv:Body></soapenv:Envelope>'
  )
}

/**
 * Clients that place orders one after the other, each with an id of its own, and write down what they were told. A
 * server that goes away does not end them: they come back until {@link OrderLoad.stop}.
 */
export class OrderLoad implements AsyncDisposable {
  readonly orders: SentOrder[] = []
  readonly #options: OrderLoadOptions
  readonly #changes = new Changes(systemClock)
  readonly #wires = new Set<Wire>()
  readonly #running: Promise<void>[] = []
  readonly #stop = new AbortController()
  #accepted = 0
  #inFlight = 0
  #most = 0

  constructor(options: OrderLoadOptions) {
    this.#options = options
    setMaxListeners(0, this.#stop.signal)
    for (let lane = 0; lane < options.lanes; lane++) this.#running.push(this.#run(lane))
  }

  /** Orders that were answered 202. */
  get accepted(): number {
    return this.#accepted
  }

  /** Orders sent and not yet answered. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Orders are sent until so many have been accepted in all, not counting those then under way. */
  acceptUpTo(total: number): void {
    this.#most = total
    this.#changes.tell()
  }

  /** Resolves once so many have been accepted in all. */
  async until(accepted: number, ms = 60_000): Promise<void> {
    const state = (): string => `${this.#accepted} of ${accepted} orders accepted, ${this.#inFlight} under way`
    await this.#changes.until(() => this.#accepted >= accepted, ms, state)
  }

  /** Resolves once nothing is under way; to be used when no more may be sent. */
  async quiet(ms = 60_000): Promise<void> {
    await this.#changes.until(
      () => this.#inFlight === 0,
      ms,
      () => `${this.#inFlight} orders have no answer`,
    )
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    for (const wire of this.#wires) wire.destroy()
    this.#changes.tell()
    await Promise.all(this.#running)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #run(lane: number): Promise<void> {
    const { signal } = this.#stop
    let wire: Wire | undefined
    while (!signal.aborted) {
      if (this.#accepted >= this.#most) {
        await this.#changes.until(
          () => signal.aborted || this.#accepted < this.#most,
          2 ** 30,
          () => '',
        )
        continue
      }
      if (!wire) {
        wire = await Wire.to(this.#options.port).catch(() => undefined)
        if (wire) this.#wires.add(wire)
        else await systemClock.sleep(UNREACHABLE_MS, signal)
        continue
      }
      if (await this.#place(lane, wire)) continue
      wire.destroy()
      this.#wires.delete(wire)
      wire = undefined
    }
    wire?.destroy()
  }

  /** False: the connection is of no more use. */
  async #place(lane: number, wire: Wire): Promise<boolean> {
    const { prefix, padding, path } = this.#options
    const number = this.orders.length
    const body = orderBody(`${prefix}-${number}`, padding(number))
    const order: Recorded = {
      id: `${prefix}-${number}`,
      lane,
      digest: digestOf(body),
      sentAt: systemClock.now(),
      localPort: wire.socket.localPort ?? 0,
      outcome: 'sent',
      status: undefined,
      endedAt: undefined,
    }
    this.orders.push(order)
    this.#inFlight++
    try {
      wire.post(path, body, 'Content-Type: text/xml; charset=UTF-8', 'SOAPAction: "urn:placeOrder"')
      const { status, head } = await wire.answer()
      order.status = status
      order.outcome = status === 202 ? 'accepted' : 'refused'
      if (status === 202) this.#accepted++
      return !/^connection: *close/im.test(head)
    } catch {
      order.outcome = 'unknown'
      return false
    } finally {
      order.endedAt = systemClock.now()
      this.#inFlight--
      this.#changes.tell()
    }
  }
}
