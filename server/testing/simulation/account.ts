import type { Plan, ProcessorPlan, RoutePlan } from './plan.ts'
import type { Arrived, SendWitness } from './scripted-back-end.ts'

/** A promise of design.md that was broken. */
export class Violation extends Error {
  readonly promise: string
  /** The message that went wrong, if it is about one. */
  readonly about: number | undefined

  constructor(promise: string, text: string, about?: number) {
    super(`${promise}: ${text}`)
    this.promise = promise
    this.about = about
  }
}

/** One message from its client's point of view, and everything the back end has seen of it. */
export interface Known {
  readonly number: number
  readonly route: RoutePlan
  /** Messages of one lane keep their order. */
  readonly lane: string | undefined
  readonly body: Buffer
  /** Moments of the account's own clock, which counts events; 0: not yet. */
  asked: number
  yes: number
  no: number
  id: string | undefined
  processed: number
  /** Repetitions that a crash or a failing disk has made legitimate. */
  repeats: number
  /** Its only copy was in the memory of a server that is gone. */
  excused: boolean
  /** Failed sends a living server has been told of. */
  failures: number
  /** How many of them it may have forgotten. */
  forgotten: number
  last: Send | undefined
}

interface Send {
  readonly message: Known
  readonly processor: string
  state: 'open' | 'delivered' | 'failed' | 'cut' | 'abandoned'
}

/**
 * What was promised to whom, and what the back end saw: the truth a simulation holds the server to. It knows nothing of
 * how the server works.
 */
export class Account implements SendWitness {
  readonly messages: readonly Known[]
  /** Accepted, and not yet seen by the back end. */
  owed = 0
  readonly #sends: Send[] = []
  readonly #open = new Set<Send>()
  readonly #byId = new Map<string, Known>()
  readonly #processors: ReadonlyMap<string, ProcessorPlan>
  /** Messages each processor delivered last, one for each worker: a crash may repeat them. */
  readonly #latest = new Map<string, Known[]>()
  readonly #lanes = new Map<string, { readonly accepted: Known[]; next: number }>()
  readonly #tell: (message: number, text: string) => void
  readonly #broken: (violation: Violation) => void
  /** Whether the server cannot note anything now. */
  readonly #isTroubled: () => boolean
  #moment = 0

  constructor(
    plan: Plan,
    tell: (message: number, text: string) => void,
    broken: (violation: Violation) => void,
    isTroubled: () => boolean,
  ) {
    this.#isTroubled = isTroubled
    this.#tell = tell
    this.#broken = broken
    this.#processors = new Map(plan.routes.flatMap(route => route.processors.map(one => [one.name, one] as const)))
    this.messages = plan.arrivals.map(({ route: index, padding }, number) => {
      const route = plan.routes[index]!
      const [forward] = route.processors
      const alone = route.processors.length === 1
      const lane = !alone ? undefined : forward!.keyed ? `${route.proxy}:${number % 3}` : undefined
      return {
        number,
        route,
        lane: route.ordered ? route.proxy : lane,
        body: Buffer.from(`<order n="${number}">${'x'.repeat(padding)}</order>`),
        asked: 0,
        yes: 0,
        no: 0,
        id: undefined,
        processed: 0,
        repeats: 0,
        excused: false,
        failures: 0,
        forgotten: 0,
        last: undefined,
      }
    })
  }

  /** The message with these bytes in it, wherever they are kept. */
  in(record: Uint8Array): Known | undefined {
    const text = Buffer.from(record.buffer, record.byteOffset, record.byteLength).toString('latin1')
    const at = text.indexOf('<order n="')
    return at < 0 ? undefined : this.messages[Number.parseInt(text.slice(at + 10, at + 16), 10)]
  }

  named(id: string): Known | undefined {
    return this.#byId.get(id)
  }

  // ── the client ──

  asked(number: number): void {
    this.messages[number]!.asked = ++this.#moment
    this.#tell(number, 'the client sends it')
  }

  answered(number: number, status: number): void {
    const message = this.messages[number]!
    this.#tell(number, `the client is answered ${status}`)
    if (status < 200 || status > 299) {
      message.no = ++this.#moment
      return
    }
    if (message.yes > 0) this.#fail('P1', `message ${number} was answered twice`, number)
    message.yes = ++this.#moment
    if (message.processed === 0) this.owed++
    if (message.lane === undefined) return
    const lane = this.#lanes.get(message.lane)
    if (lane) lane.accepted.push(message)
    else this.#lanes.set(message.lane, { accepted: [message], next: 0 })
  }

  // ── the back end ──

  sent({ body, processor, id, attempt }: Arrived): number {
    const message = this.in(body)
    if (!message) {
      this.#fail('P2', `the back end got something nobody has sent: ${body.toString('latin1').slice(0, 80)}`)
      return -1
    }
    const { number, last } = message
    this.#tell(number, `${processor} sends it, attempt ${attempt}, id ${id}`)
    const send: Send = { message, processor, state: 'open' }
    if (!body.equals(message.body))
      this.#fail('P4', `message ${number} left with other bytes than it came with`, number)
    this.#checkId(message, id)
    if (last?.state === 'open') this.#fail('P5', `message ${number} is sent while it is being sent already`, number)
    if (last?.state === 'delivered' && --message.repeats < 0) {
      this.#fail(
        'P5',
        `message ${number} is sent again although it was delivered and nothing has happened since`,
        number,
      )
    }
    const known = message.failures + 1
    if (attempt > known || attempt < known - message.forgotten) {
      const text = `message ${number} is sent as attempt ${attempt}, and it has failed ${message.failures} times before`
      this.#fail('P8', text, number)
    }
    if (message.last === undefined) this.#checkOrder(message)
    message.last = send
    this.#open.add(send)
    return this.#sends.push(send) - 1
  }

  processed(send: number): void {
    const { message } = this.#sends[send]!
    this.#tell(message.number, 'the back end has taken it')
    if (message.processed === 0 && message.yes > 0 && !message.excused) this.owed--
    message.processed++
  }

  ended(index: number, how: 'delivered' | 'failed' | 'cut'): void {
    const send = this.#sends[index]!
    if (send.state !== 'open') return
    const { message, processor } = send
    this.#tell(
      message.number,
      how === 'delivered'
        ? `${processor} knows that it is delivered`
        : `the send has ${how === 'cut' ? 'been cut' : 'failed'}`,
    )
    send.state = how
    this.#open.delete(send)
    if (how === 'failed') message.failures++
    if (this.#isTroubled()) {
      message.forgotten++
      message.repeats = 1
    }
    if (how !== 'delivered') return
    const latest = this.#latest.get(processor) ?? []
    this.#latest.set(processor, [message, ...latest].slice(0, this.#processors.get(processor)?.workers ?? 1))
  }

  // ── trouble ──

  /** The server is gone: what it was about to note is not noted. */
  died(): void {
    for (const send of this.#open) send.state = 'abandoned'
    this.#open.clear()
    this.#mayForget()
    this.#latest.clear()
  }

  /** The server is about to stop: what it is doing may be cut short. */
  leaving(): void {
    for (const { message } of this.#open) message.forgotten++
  }

  /** It has stopped in good order: nothing is in flight, and what was delivered is noted. */
  stopped(): void {
    for (const send of this.#open)
      this.#fail('P7', `message ${send.message.number} was left in flight`, send.message.number)
    this.#open.clear()
    this.#latest.clear()
  }

  /** The disk has refused something: what was delivered last may not be noted. */
  unsure(): void {
    this.#mayForget()
  }

  excuse(message: Known): void {
    if (message.excused) return
    message.excused = true
    if (message.yes > 0 && message.processed === 0) this.owed--
  }

  #mayForget(): void {
    for (const messages of this.#latest.values()) for (const message of messages) message.repeats = 1
    for (const message of this.messages) {
      if (message.last && message.last.state !== 'delivered') message.forgotten++
    }
  }

  // ── rules ──

  #checkId(message: Known, id: string): void {
    const { number } = message
    if (message.id === undefined) {
      const other = this.#byId.get(id)
      if (other) this.#fail('P5', `messages ${other.number} and ${number} have the same id`, number)
      message.id = id
      this.#byId.set(id, message)
    } else if (message.id !== id) this.#fail('P5', `message ${number} has a new id`, number)
  }

  #checkOrder(message: Known): void {
    const lane = message.lane === undefined ? undefined : this.#lanes.get(message.lane)
    if (!lane) return
    const settled = (one: Known): boolean => one.processed > 0 || one.excused || this.isGivenUp(one)
    while (lane.next < lane.accepted.length && settled(lane.accepted[lane.next]!)) lane.next++
    const first = lane.accepted[lane.next]
    if (first && first !== message && first.yes < message.asked) {
      this.#fail('P6', `message ${message.number} has overtaken message ${first.number}`, first.number)
    }
  }

  /** It may be in the store for failed messages. */
  isGivenUp(message: Known): boolean {
    const [forward] = message.route.processors
    return forward!.failStore !== undefined && message.failures >= forward!.maxAttempts
  }

  #fail(promise: string, text: string, about?: number): void {
    this.#broken(new Violation(promise, text, about))
  }
}
