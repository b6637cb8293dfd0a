import type { Clock } from '../../kernel/clock.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { EndpointStatus, SendOptions } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { Message } from '../../kernel/message.ts'
import type { HttpSender, HttpTarget } from '../../schema/services.ts'
import { replyOf } from '../store-rig.ts'
import type { EndpointModel } from './endpoint-model.ts'
import type { Surroundings } from './surroundings.ts'

/** One request as the back end sees it, and what its sender learns of it. */
export interface Arrived {
  readonly body: Buffer
  /** The header that tells which messages stay in order. */
  readonly key: string
  readonly processor: string
  readonly id: string
  readonly attempt: number
  /** The endpoint it was sent to. */
  readonly endpoint: string
}

/** Who keeps account of what was sent. */
export interface SendWitness {
  /** A request leaves the server. The answer stands for this send in everything said about it later. */
  sent(arrived: Arrived): number
  /** The back end has done what the message asks for. */
  processed(send: number): void
  /** The sender has its answer. */
  ended(send: number, how: 'delivered' | 'failed' | 'cut'): void
}

/** Who knows when an endpoint may be used. */
export interface EndpointWitness {
  /** `status` of the instance that is used; undefined if it has gone meanwhile. */
  used(send: number, name: string, status: EndpointStatus | undefined, ctx: MessageContext): EndpointModel | undefined
}

type Script = 'well' | 'refused' | 'status' | 'stalled' | 'answer lost' | 'answer late'
type Failure = 'CONNECT_FAILED' | 'SEND_TIMEOUT' | 'RECEIVE_FAILED' | 'SEND_FAILED'

/** The HTTP services behind the server: do what they are asked, and everything a service in trouble does. */
export class ScriptedBackEnd {
  /** Names of endpoints behind which nothing listens now. */
  readonly down = new Set<string>()
  open = 0
  readonly #around: Surroundings
  readonly #account: SendWitness
  readonly #endpoints: EndpointWitness
  readonly #latency: number

  constructor(around: Surroundings, account: SendWitness, endpoints: EndpointWitness, latency: number) {
    this.#around = around
    this.#account = account
    this.#endpoints = endpoints
    this.#latency = latency
  }

  /** The way there for one life of the server. */
  sender(clock: Clock): HttpSender {
    return { send: (request, target, ctx, options) => this.#send(clock, request, target, ctx, options) }
  }

  async #send(
    clock: Clock,
    request: Message,
    target: HttpTarget,
    ctx: MessageContext,
    options: SendOptions & { timeoutMs: number },
  ): Promise<Message | null> {
    if (!this.#around.isAlive(clock)) await this.#travel(clock)
    if (ctx.abort.aborted) throw new IntegrationError('SEND_FAILED', 'nothing was sent: the caller has left')
    const endpoint = /^http:\/\/back\.end\/(\w+)/.exec(target.url)![1]!
    const send = this.#account.sent({
      body: Buffer.from(request.body.raw ?? new Uint8Array(0)),
      key: request.headers.get('X-Key') ?? '',
      processor: ctx.origin.name,
      id: options.deliveryId ?? '',
      attempt: options.attempt ?? 0,
      endpoint,
    })
    const model = this.#endpoints.used(send, endpoint, ctx.runtime.find('endpoint', endpoint)?.status, ctx)
    this.open++
    try {
      const process = (): void => this.#account.processed(send)
      const reply = await this.#exchange(clock, endpoint, ctx, options, process)
      const status = Number(reply.axis2.get('HTTP_SC'))
      model?.succeeded()
      this.#account.ended(send, status === 200 ? 'delivered' : 'failed')
      return reply
    } catch (thrown) {
      const { code } = thrown as IntegrationError
      if (!ctx.abort.aborted) model?.failed(code === 'SEND_TIMEOUT', clock.now())
      this.#account.ended(send, ctx.abort.aborted ? 'cut' : 'failed')
      throw thrown
    } finally {
      this.open--
    }
  }

  /** The server died: its exchanges end with it. */
  forget(): void {
    this.open = 0
  }

  #script(endpoint: string, mayRefuse: boolean): Script {
    const around = this.#around
    if (this.down.has(endpoint)) return 'refused'
    if (around.strikes('back end refused')) return 'refused'
    // To a sequence, an answer with an error status is an answer.
    if (mayRefuse && around.strikes('back end error status')) return 'status'
    if (around.strikes('back end stalled')) return 'stalled'
    if (around.strikes('back end answer lost')) return 'answer lost'
    if (around.strikes('back end answer late')) return 'answer late'
    return 'well'
  }

  #exchange(
    clock: Clock,
    endpoint: string,
    ctx: MessageContext,
    { timeoutMs, deliveryId }: SendOptions & { timeoutMs: number },
    process: () => void,
  ): Promise<Message> {
    const script = this.#script(endpoint, deliveryId !== undefined)
    return new Promise((resolve, reject) => {
      const { abort } = ctx
      let over = false
      const end = (how: () => void): void => {
        if (over) return
        over = true
        timer.cancel()
        if ('signal' in abort) abort.offAbort(cut)
        else abort.removeEventListener('abort', cut)
        how()
      }
      const fail = (code: Failure, text: string): void =>
        end(() => reject(new IntegrationError(code, `the scripted back end ${text}`, { ambiguous: true })))
      const cut = (): void => fail('SEND_FAILED', 'was left by its caller')
      const timer = clock.after(timeoutMs, () => fail('SEND_TIMEOUT', 'did not answer in time'))
      if ('signal' in abort) abort.onAbort(cut)
      else abort.addEventListener('abort', cut, { once: true })
      void this.#travel(clock).then(async () => {
        switch (script) {
          case 'refused':
            return fail('CONNECT_FAILED', 'is not there')
          case 'status': {
            const status = this.#around.dice.pick([400, 404, 500, 503])
            return end(() => resolve(replyOf(status, '<fault/>')))
          }
          case 'stalled':
            return
          case 'answer late':
            // It takes its time: before or after its caller has given up, it does what it was asked.
            await this.#around.clock.sleep(
              timeoutMs * (this.#around.dice.chance(0.5) ? 0.5 : 1) + this.#around.dice.below(50),
            )
            process()
            return end(() => resolve(replyOf(200)))
          case 'answer lost':
            process()
            return fail('RECEIVE_FAILED', 'was lost in the middle of its answer')
          default:
            process()
            await this.#travel(clock)
            return end(() => resolve(replyOf(200)))
        }
      })
    })
  }

  #travel(clock: Clock): Promise<void> {
    return this.#around.reach(clock, this.#latency === 0 ? 0 : this.#around.dice.below(this.#latency))
  }
}
