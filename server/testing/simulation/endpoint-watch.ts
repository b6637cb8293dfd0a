import type { Clock } from '../../kernel/clock.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { EndpointStatus } from '../../kernel/contracts.ts'
import type { Account } from './account.ts'
import { EndpointModels, type EndpointModel } from './endpoint-model.ts'
import type { Life } from './life.ts'
import type { EndpointPlan, RoutePlan } from './routes.ts'
import type { EndpointWitness } from './scripted-back-end.ts'
import { Violation } from './violation.ts'

/** Holds the server's endpoints to the model: nothing is sent to one at rest, and a group has its order. */
export class EndpointWatch implements EndpointWitness {
  readonly #endpoints: readonly EndpointPlan[]
  readonly #models: EndpointModels
  readonly #account: Account
  readonly #clock: Clock
  readonly #fail: (violation: Violation) => void

  constructor(routes: readonly RoutePlan[], account: Account, clock: Clock, fail: (violation: Violation) => void) {
    this.#endpoints = routes.flatMap(({ endpoints }) => endpoints)
    this.#models = new EndpointModels(this.#endpoints)
    this.#account = account
    this.#clock = clock
    this.#fail = fail
  }

  used(send: number, name: string, status: EndpointStatus | undefined, ctx: MessageContext): EndpointModel | undefined {
    if (!status) return undefined
    const model = this.#models.of(name, status)
    if (!model.mayBeInUse(this.#clock.now()))
      this.#fail(new Violation('P8', `something is sent to endpoint ${name} although it is ${model.state}`))
    this.#checkOrder(send, name, ctx)
    return model
  }

  switch(name: string, status: EndpointStatus, on: boolean): void {
    this.#models.of(name, status).switched(on)
    if (on) status.switchOn()
    else status.switchOff()
  }

  /** What the endpoints say of themselves. */
  check(life: Life): void {
    for (const { name } of this.#endpoints) {
      const status = life.deployer.current.find('endpoint', name)?.status
      const wrong = status && this.#models.of(name, status).differsFrom(status)
      if (wrong) throw new Violation('P8', `endpoint ${name} ${wrong}`)
    }
  }

  /** A failover group begins with the first member that may be used, and goes on in order. */
  #checkOrder(send: number, name: string, ctx: MessageContext): void {
    const route = this.#account.routeOf(send)
    if (route?.group?.kind !== 'failover' || !route.group.dynamic) return
    // Who was passed over while it rested is not come back to in the same try.
    const before = this.#account.triedIn(send).at(-2)
    const begin = route.endpoints.findIndex(member => member.name === before) + 1
    for (const member of route.endpoints.slice(begin)) {
      if (member.name === name) return
      const status = ctx.runtime.find('endpoint', member.name)?.status
      if (!status) continue
      if (!this.#models.of(member.name, status).mayBeUsed(this.#clock.now())) continue
      this.#fail(new Violation('P3', `${route.group.name} sends to ${name} although ${member.name} comes before it`))
    }
  }
}
