import { IntegrationError, type ErrorName } from '../kernel/errors.ts'
import { build, contextOf, fakeServices, replyOf } from './rig.ts'

/** An endpoint with these settings, a back end that fails on demand, and time that stands still. */
export function endpointWith(layers: string) {
  const services = fakeServices()
  const endpoint = build(
    'endpoint',
    `<endpoint name="e"><address uri="http://be/">${layers}</address></endpoint>`,
    services,
  )
  return {
    services,
    endpoint,
    /** Sends once; what the back end does is named by the error it makes. Returns the state afterwards. */
    async send(outcome: ErrorName | 'well' = 'well'): Promise<string> {
      const ctx = contextOf()
      services.answer = () => {
        if (outcome === 'well') return replyOf(200)
        throw new IntegrationError(outcome, 'as the test says')
      }
      await endpoint.send(ctx.message, ctx).catch((thrown: unknown) => {
        if (!(thrown instanceof IntegrationError)) throw thrown
      })
      return endpoint.status!.state
    },
    /** Milliseconds until it is ready; 0 if it is. */
    rest(): number {
      const at = endpoint.readyAt!(contextOf())
      return at === undefined ? 0 : at - services.clock.now()
    },
  }
}
