import { initialState, nextState, readyAt, type BreakerEvent, type BreakerState } from '../kernel/breaker.ts'
import type { MessageContext } from '../kernel/context.ts'
import type { Endpoint, EndpointStatus, Log, SendOptions } from '../kernel/contracts.ts'
import type { Clock } from '../kernel/clock.ts'
import { asIntegrationError, IntegrationError } from '../kernel/errors.ts'
import type { Message } from '../kernel/message.ts'
import { DEFAULT_POLICY, type EndpointEnv, type EndpointPolicy } from '../schema/kinds.ts'
import type { HttpSender, HttpTarget } from '../schema/services.ts'
import type { LayerNode } from '../schema/structure.ts'

/** What one kind of leaf endpoint decides: where this message goes. */
export type Locate = (request: Message, ctx: MessageContext) => HttpTarget

/** An operator looks again this often whether an endpoint that is switched off is back. */
const OFF_RECHECK_MS = 1_000

const NO_OPTIONS: SendOptions = {}
const SUCCESS: BreakerEvent = { kind: 'success' }

export interface LeafRules {
  /** In place of the plain exchange: one that also authenticates. */
  readonly exchange?: HttpSender['send']
  /** ERROR_CODE of a message that meets the endpoint at rest, where it is not 303001. */
  readonly restingCode?: number
}

const PLAIN: LeafRules = {}

/** A leaf endpoint: one HTTP exchange inside timeout, suspension and retry settings, folded together at deploy. */
export function leafEndpoint(
  layers: readonly LayerNode[],
  env: EndpointEnv,
  locate: Locate,
  rules: LeafRules = PLAIN,
): Endpoint {
  const policy = layers.reduce<EndpointPolicy>(
    (sofar, layer) => layer.kind.apply(layer.config as never, sofar),
    DEFAULT_POLICY,
  )
  const { clock, http, settings } = env.services
  const breaker = new Breaker(env.name, policy, clock, env.log, rules.restingCode)
  const exchange: HttpSender['send'] =
    rules.exchange ?? ((request, target, ctx, options) => http.send(request, target, ctx, options))
  const { disabled, enabled } = policy.retry
  const timeoutOf = (ctx: MessageContext): number => {
    if (!policy.timeout) return settings.globalEndpointTimeout
    const { duration } = policy.timeout
    const wanted = typeof duration === 'number' ? duration : duration.number(ctx)
    return wanted > 0 ? Math.min(wanted, settings.globalEndpointTimeout) : settings.globalEndpointTimeout
  }
  const durationNeedsBody = typeof policy.timeout?.duration === 'object' && policy.timeout.duration.needsBody

  return {
    name: env.name,
    status: breaker,
    readyAt: () => breaker.readyAt(),
    mayTryElsewhere: ({ errorCode }) =>
      !disabled.includes(errorCode) && (enabled.length === 0 || enabled.includes(errorCode)),
    async send(request, ctx, options: SendOptions = NO_OPTIONS) {
      if (durationNeedsBody) await request.body.collect()
      const target = locate(request, ctx)
      breaker.enter(target.url)
      try {
        const reply = await exchange(request, target, ctx, {
          oneWay: options.oneWay,
          deliveryId: options.deliveryId,
          attempt: options.attempt,
          timeoutMs: timeoutOf(ctx),
        })
        if (reply !== null && ctx.isOn('FORCE_ERROR_ON_SOAP_FAULT')) await refuseSoapFault(reply)
        breaker.tell(SUCCESS)
        return reply
      } catch (thrown) {
        const error = asIntegrationError(thrown)
        // A caller who has left, a processor that is stopped, or a transaction that can no longer be joined says nothing
        // about the endpoint.
        if (!ctx.abort.aborted && error.code !== 'TRANSACTION_FAILED')
          breaker.tell({ kind: 'failure', errorCode: error.errorCode }, error.message)
        if (error.code === 'SEND_TIMEOUT' && policy.timeout?.action === 'discard' && options.deliveryId === undefined) {
          env.log.warn(`Endpoint : ${env.name} timed out; the message was discarded as its responseAction asks`)
          return null
        }
        throw error
      }
    },
  }

  async function refuseSoapFault(reply: Message): Promise<void> {
    if (reply.format !== 'soap11' && reply.format !== 'soap12') return
    await reply.body.collect()
    const reason = env.services.faultReason(reply)
    if (reason !== undefined)
      throw new IntegrationError('SOAP_FAULT', `the back end answered with a SOAP fault: ${reason}`)
  }
}

/** The state of one endpoint with its log lines; users filter on their words (synapse-language D.5). */
class Breaker implements EndpointStatus {
  readonly #name: string
  readonly #policy: EndpointPolicy
  readonly #restingCode: number | undefined
  readonly #clock: Clock
  readonly #log: Log
  #state: BreakerState
  #lastError: string | undefined
  #address = ''

  constructor(name: string, policy: EndpointPolicy, clock: Clock, log: Log, restingCode: number | undefined) {
    this.#restingCode = restingCode
    this.#name = name
    this.#policy = policy
    this.#clock = clock
    this.#log = log
    this.#state = initialState(clock.now())
  }

  get state(): EndpointStatus['state'] {
    return this.#state.state
  }

  get since(): number {
    return this.#state.since
  }

  get nextTry(): number | undefined {
    const { state } = this.#state
    return state === 'timeout' || state === 'suspended' ? readyAt(this.#state) : undefined
  }

  get lastError(): string | undefined {
    return this.#lastError
  }

  switchOn(): void {
    this.tell({ kind: 'switch-on' })
  }

  switchOff(): void {
    this.tell({ kind: 'switch-off' })
  }

  readyAt(): number | undefined {
    const at = readyAt(this.#state)
    const now = this.#clock.now()
    if (at <= now) return undefined
    return at === Number.POSITIVE_INFINITY ? now + OFF_RECHECK_MS : at
  }

  /** Throws `ENDPOINT_SUSPENDED` if nothing may be sent now. */
  enter(url: string): void {
    this.#address = url
    if (this.#state.state === 'active' || readyAt(this.#state) <= this.#clock.now()) return
    throw new IntegrationError(
      'ENDPOINT_SUSPENDED',
      this.#state.state === 'off'
        ? `endpoint ${this.#name} is switched off; nothing was sent`
        : `endpoint ${this.#name} is suspended until ${this.#time(readyAt(this.#state))} after: ${this.#lastError ?? 'a failure'}`,
      this.#restingCode === undefined ? {} : { errorCode: this.#restingCode },
    )
  }

  tell(event: BreakerEvent, why?: string): void {
    const before = this.#state
    // The usual case costs one comparison.
    if (event.kind === 'success' && before.state === 'active') return
    if (why !== undefined) this.#lastError = why
    this.#state = nextState(before, event, this.#clock.now(), this.#policy)
    if (this.#state !== before) this.#say(before, this.#state)
  }

  #say(before: BreakerState, after: BreakerState): void {
    const named = `Endpoint : ${this.#name} with address ${withoutQuery(this.#address)}`
    if (after.state === 'suspended') {
      if (before.state === 'timeout') {
        this.#log.warn(
          `${named} has been marked for SUSPENSION, but no further retries remain. Thus it will be SUSPENDED.`,
        )
      } else this.#log.warn(`${named} will be marked SUSPENDED as it failed`)
      this.#log.warn(
        `Suspending endpoint : ${this.#name} with address ${withoutQuery(this.#address)} - current suspend duration is : ${after.duration}ms - Next retry after : ${this.#time(after.readyAt)}`,
        { reason: this.#lastError },
      )
    } else if (after.state === 'timeout') {
      this.#log.warn(
        `${named} is marked as TIMEOUT and will be retried : ${after.retriesLeft} more time/s after : ${this.#time(after.readyAt)} until its marked SUSPENDED for failure`,
        { reason: this.#lastError },
      )
    } else if (after.state === 'off') this.#log.info(`${named} has been switched off`)
    else if (before.state === 'off') this.#log.info(`${named} has been switched on`)
    else
      this.#log.info(
        `${named} currently ${before.state.toUpperCase()} will now be marked active since it processed its last message`,
      )
  }

  #time(at: number): string {
    return new Date(at).toISOString()
  }
}

function withoutQuery(url: string): string {
  const end = url.search(/[?#]/)
  return end < 0 ? url : url.slice(0, end)
}
