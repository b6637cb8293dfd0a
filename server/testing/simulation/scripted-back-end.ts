import type { Clock } from '../../kernel/clock.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { SendOptions } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { Message } from '../../kernel/message.ts'
import type { HttpSender } from '../../schema/services.ts'
import { replyOf } from '../store-rig.ts'
import type { Surroundings } from './surroundings.ts'

/** One request as the back end sees it, and what its sender learns of it. */
export interface Arrived {
  readonly body: Buffer
  readonly processor: string
  readonly id: string
  readonly attempt: number
  readonly clock: Clock
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

type Script = 'well' | 'refused' | 'status' | 'stalled' | 'answer lost' | 'answer late'

/** The HTTP service behind the server: does what it is asked, and everything a service in trouble does. */
export class ScriptedBackEnd {
  down = false
  open = 0
  readonly #around: Surroundings
  readonly #witness: SendWitness
  readonly #latency: number

  constructor(around: Surroundings, witness: SendWitness, latency: number) {
    this.#around = around
    this.#witness = witness
    this.#latency = latency
  }

  /** The way there for one life of the server. */
  sender(clock: Clock): HttpSender {
    return { send: (request, _target, ctx, options) => this.#send(clock, request, ctx, options) }
  }

  async #send(
    clock: Clock,
    request: Message,
    ctx: MessageContext,
    options: SendOptions & { timeoutMs: number },
  ): Promise<Message | null> {
    if (!this.#around.lives(clock)) await this.#travel(clock)
    const send = this.#witness.sent({
      body: Buffer.from(request.body.raw ?? new Uint8Array(0)),
      processor: ctx.origin.name,
      id: options.deliveryId ?? '',
      attempt: options.attempt ?? 0,
      clock,
    })
    this.open++
    try {
      const reply = await this.#exchange(clock, ctx, options.timeoutMs, () => this.#witness.processed(send))
      const status = Number(reply.axis2.get('HTTP_SC'))
      this.#witness.ended(send, status === 200 ? 'delivered' : 'failed')
      return reply
    } catch (thrown) {
      this.#witness.ended(send, ctx.abort.aborted ? 'cut' : 'failed')
      throw thrown
    } finally {
      this.open--
    }
  }

  /** The server died: its exchanges end with it. */
  forget(): void {
    this.open = 0
  }

  #script(): Script {
    const around = this.#around
    if (this.down) return 'refused'
    if (around.strikes('back end refused')) return 'refused'
    if (around.strikes('back end error status')) return 'status'
    if (around.strikes('back end stalled')) return 'stalled'
    if (around.strikes('back end answer lost')) return 'answer lost'
    if (around.strikes('back end answer late')) return 'answer late'
    return 'well'
  }

  #exchange(clock: Clock, ctx: MessageContext, timeoutMs: number, process: () => void): Promise<Message> {
    const script = this.#script()
    return new Promise((resolve, reject) => {
      const { abort } = ctx
      const end = (how: () => void): void => {
        timer.cancel()
        if ('signal' in abort) abort.offAbort(cut)
        else abort.removeEventListener('abort', cut)
        how()
      }
      const fail = (code: 'CONNECT_FAILED' | 'SEND_TIMEOUT' | 'RECEIVE_FAILED' | 'SEND_FAILED', text: string): void =>
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
            await clock.sleep(timeoutMs * (this.#around.dice.chance(0.5) ? 0.5 : 1) + this.#around.dice.below(50))
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
