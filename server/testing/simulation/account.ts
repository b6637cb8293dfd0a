import { known, numberIn, triesOf, type Known, type Send, type Tries } from './known.ts'
import type { Plan } from './plan.ts'
import type { ProcessorPlan, RoutePlan } from './routes.ts'
import type { Arrived, SendWitness } from './scripted-back-end.ts'
import { Violation } from './violation.ts'

/**
 * What was promised to whom, and what the back end saw: the truth a simulation holds the server to. It knows nothing of
 * how the server works.
 */
export class Account implements SendWitness {
  readonly messages: readonly Known[]
  /** Accepted, and not yet seen by the back end. */
  owed = 0
  #life = 0
  readonly #sends: Send[] = []
  readonly #open = new Set<Send>()
  readonly #byId = new Map<string, Known>()
  readonly #processors: ReadonlyMap<string, ProcessorPlan>
  readonly #lanes = new Map<string, { readonly accepted: Known[]; next: number }>()
  /** Failures the server may not have noted yet. */
  readonly #fresh = new Set<Tries>()
  /** Delivered, and perhaps not noted yet. */
  readonly #unsettled = new Set<Known>()
  /** Delivered, and the disk may have refused to note it: the server has to try again for as long as its worker lives. */
  readonly #doubtful = new Set<Known>()
  /** An operator has stopped a worker in this life of the server, or may have: it no longer tries. */
  #isInterrupted = false
  readonly #lenient = new Set<RoutePlan>()
  readonly #tell: (message: number, text: string) => void
  readonly #broken: (violation: Violation) => void
  /** Whether the server cannot note anything now. */
  readonly #isTroubled: () => boolean
  /** Accepted by a server that was about to stop, with a store in memory on the way. */
  readonly #late = new Set<Known>()
  #isLeaving = false
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
    this.messages = [...plan.arrivals, ...plan.probes].map((arrival, number) =>
      known(arrival, number, plan, number >= plan.arrivals.length),
    )
  }

  /** The message with these bytes in it, wherever they are kept. */
  in(record: Uint8Array): Known | undefined {
    const number = numberIn(record)
    return number === undefined ? undefined : this.messages[number]
  }

  named(id: string): Known | undefined {
    return this.#byId.get(id)
  }

  /** Accepted, not delivered, and not excused. */
  isOwed({ yes, processed, excused }: Known): boolean {
    return yes > 0 && processed === 0 && !excused
  }

  // ── the client ──

  asked(number: number): void {
    this.messages[number]!.asked = ++this.#moment
    this.#tell(number, 'the client sends it')
  }

  /** `mayRefuse`: something is amiss that leaves no store to take it. */
  answered(number: number, status: number, mayRefuse: boolean): void {
    const message = this.messages[number]!
    this.#tell(number, `the client is answered ${status}`)
    if (message.yes > 0 || message.no > 0) this.#fail('P1', `message ${number} was answered twice`, number)
    if (status < 200 || status > 299) {
      message.no = ++this.#moment
      if (!mayRefuse && message.route.stores[0]!.failover !== undefined)
        this.#fail('P3', `message ${number} is refused although its failover store could take it`, number)
      if (message.isProbe) this.#fail('P1', 'everything works again, and a message is refused all the same', number)
      return
    }
    message.yes = ++this.#moment
    if (message.processed === 0 && !message.excused) this.owed++
    if (this.#isLeaving && message.route.stores.some(({ kind }) => kind === 'memory')) this.#late.add(message)
    if (message.lane === undefined) return
    const lane = this.#lanes.get(message.lane)
    if (lane) lane.accepted.push(message)
    else this.#lanes.set(message.lane, { accepted: [message], next: 0 })
  }

  // ── the back end ──

  sent({ body, key, processor: name, id, attempt, endpoint }: Arrived): number {
    const message = this.in(body)
    const processor = this.#processors.get(name)
    if (!message || !processor) {
      const text = `the back end got something nobody has sent from ${name}: ${body.toString('latin1').slice(0, 80)}`
      this.#fail('P2', text)
      return -1
    }
    const { number, last } = message
    this.#tell(number, `${name} sends it to ${endpoint}, attempt ${attempt}, id ${id}`)
    if (!body.equals(message.body) || key !== message.key)
      this.#fail('P4', `message ${number} left with other bytes or headers than it came with`, number)
    if (processor.kind !== 'sample') this.#checkId(message, id)
    if (last?.state === 'open') this.#fail('P5', `message ${number} is sent while it is being sent already`, number)
    if (last?.state === 'delivered' && --message.repeats < 0) {
      const text = `message ${number} is sent again although it was delivered and nothing has happened since`
      this.#fail('P5', text, number)
    }
    const tries = triesOf(message, name)
    let tried = [endpoint]
    // One try of a group may be several sends; it ends with the server.
    const goesOn = last?.state === 'failed' && last.life === this.#life
    if (goesOn && last.attempt === attempt && last.processor === processor && message.route.group) {
      if (!last.tried.includes(endpoint)) {
        tried = [...last.tried, endpoint]
        tries.failures--
      }
    }
    if (processor.kind === 'forward') this.#checkAttempt(message, tries, attempt)
    if (last === undefined) this.#checkOrder(message)
    const send: Send = { message, processor, attempt, tried, life: this.#life, state: 'open' }
    message.last = send
    this.#open.add(send)
    return this.#sends.push(send) - 1
  }

  /** The members of its group that were tried for this message before, in the try that goes on. */
  triedIn(send: number): readonly string[] {
    return this.#sends[send]?.tried ?? []
  }

  routeOf(send: number): RoutePlan | undefined {
    return this.#sends[send]?.message.route
  }

  processed(send: number): void {
    const { message } = this.#sends[send]!
    this.#tell(message.number, 'the back end has taken it')
    if (message.processed === 0 && message.yes > 0 && !message.excused) this.owed--
    message.processed++
  }

  ended(index: number, how: 'delivered' | 'failed' | 'cut'): void {
    const send = this.#sends[index]
    if (send?.state !== 'open') return
    const { message, processor } = send
    this.#tell(message.number, END[how].replace('%', processor.name))
    send.state = how
    this.#open.delete(send)
    const tries = triesOf(message, processor.name)
    const isTroubled = this.#isTroubled()
    if (how === 'delivered') {
      this.#unsettled.add(message)
      if (isTroubled) this.#doubt(message)
    } else if (how === 'failed') {
      tries.failures++
      if (isTroubled) tries.forgotten++
      else this.#fresh.add(tries)
      if (processor.drop && tries.failures >= processor.maxAttempts) this.excuse(message)
    }
  }

  // ── what may be forgotten ──

  /** Whatever the server had to note is noted. */
  quiet(): void {
    this.#fresh.clear()
    this.#unsettled.clear()
  }

  /** The disk has refused something, or still does: what was to be noted just now is not. */
  unsure(): void {
    for (const tries of this.#fresh) tries.forgotten++
    for (const message of this.#unsettled) this.#doubt(message)
    this.quiet()
  }

  /** Workers are stopped, though the server lives: what they could not note may come again. */
  interrupted(): void {
    this.#isInterrupted = true
    for (const message of this.#doubtful) message.repeats = 1
    this.#doubtful.clear()
  }

  #doubt(message: Known): void {
    if (this.#isInterrupted) message.repeats = 1
    else this.#doubtful.add(message)
  }

  /** The server is gone: what it was about to note is not noted. */
  died(): void {
    this.#life++
    this.#excuseLate()
    for (const tries of this.#fresh) tries.forgotten++
    for (const send of this.#open) send.state = 'abandoned'
    this.#open.clear()
    this.#begun()
  }

  /** What is still in a store of the next life is counted there: see `Inspection.allowRepeats`. */
  #begun(): void {
    this.quiet()
    this.#doubtful.clear()
    this.#isInterrupted = false
  }

  /** The server is about to stop: what it is doing may be cut short. */
  leaving(): void {
    this.#isLeaving = true
    this.interrupted()
    for (const { message, processor } of this.#open) triesOf(message, processor.name).forgotten++
  }

  /** It has stopped in good order: nothing is in flight, and what was delivered is noted. */
  stopped(): void {
    this.#excuseLate()
    for (const { message } of this.#open)
      this.#fail('P7', `message ${message.number} was left in flight`, message.number)
    this.#open.clear()
    this.#begun()
  }

  /** Something a sequence of this route needs is gone: it may fail without having sent anything. */
  allowFailures(route: RoutePlan): void {
    this.#lenient.add(route)
  }

  /** Taken while the server stopped, perhaps by a store that keeps nothing. */
  #excuseLate(): void {
    this.#isLeaving = false
    for (const message of this.#late) if (message.processed === 0) this.excuse(message)
    this.#late.clear()
  }

  excuse(message: Known): void {
    if (message.excused) return
    message.excused = true
    if (message.yes > 0 && message.processed === 0) this.owed--
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

  #checkAttempt({ number }: Known, { failures, forgotten }: Tries, attempt: number): void {
    if (attempt <= failures + 1 && attempt >= failures + 1 - forgotten) return
    const text = `message ${number} is sent as attempt ${attempt}, and it has failed ${failures} times before`
    this.#fail('P8', text, number)
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

  /** Real tries of whoever delivers first, that failed. */
  failuresOf(message: Known, processor: string = message.route.processors[0]!.name): number {
    return message.tries.get(processor)?.failures ?? 0
  }

  forgottenOf(message: Known, processor: string): number {
    return message.tries.get(processor)?.forgotten ?? 0
  }

  /** It may be in the store for failed messages, or in quarantine. */
  isGivenUp(message: Known): boolean {
    const [first] = message.route.processors
    const { kind, failStore, maxAttempts } = first!
    if (kind === 'sample') {
      const { last, route } = message
      return (
        this.#lenient.has(route) || this.failuresOf(message) > 0 || (last !== undefined && last.state !== 'delivered')
      )
    }
    return failStore !== undefined && this.failuresOf(message) >= maxAttempts
  }

  #fail(promise: string, text: string, about?: number): void {
    this.#broken(new Violation(promise, text, about))
  }
}

const END = {
  delivered: '% knows that it is delivered',
  failed: 'the send of % has failed',
  cut: 'the send of % has been cut',
}
