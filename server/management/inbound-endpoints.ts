/** `/inbound-endpoints`: MI's resource, with what each one is doing and why. */
import type { InboundEndpoint } from '../kernel/contracts.ts'
import { maskValue } from '../kernel/secrets.ts'
import type { ApiAnswer, ApiRequest, Managed, Resource } from './api.ts'
import { described, iso, listed, ok, refusal } from './api.ts'
import { change, observedState, type Switching } from './switching.ts'

export function inboundResources(managed: Managed): Resource[] {
  return [
    {
      path: '/inbound-endpoints',
      methods: { GET: request => inbounds(managed, request), POST: request => change(SWITCHING, managed, request) },
    },
  ]
}

const find = (managed: Managed, name: string): InboundEndpoint | undefined =>
  managed.registry().find('inbound-endpoint', name)

function unknown(): ApiAnswer {
  return refusal(404, 'Inbound endpoint does not exist')
}

const SWITCHING: Switching<InboundEndpoint> = { type: 'inbound_endpoint', find, unknown }

function inbounds(managed: Managed, request: ApiRequest): ApiAnswer {
  const { inboundEndpointName: name } = request.query
  if (name === undefined) {
    return listed(request, managed.registry().names('inbound-endpoint'), name => {
      const inbound = find(managed, name)
      return inbound && { name, protocol: inbound.protocol, status: statusOf(inbound), ...observedInbound(inbound) }
    })
  }
  const inbound = find(managed, name)
  if (!inbound) return unknown()
  const parameters = Object.entries(inbound.parameters).map(([name, value]) => ({
    name,
    value: maskValue(name, value),
  }))
  return ok({
    name,
    protocol: inbound.protocol,
    sequence: inbound.sequence ?? '',
    error: inbound.onError ?? '',
    stats: 'disabled',
    tracing: 'disabled',
    status: statusOf(inbound),
    ...observedInbound(inbound),
    parameters,
    configuration: described(managed, 'inbound-endpoint', name).configuration,
  })
}

function statusOf({ state }: InboundEndpoint): 'active' | 'inactive' {
  return state.wanted === 'active' && state.observed !== 'stopped' ? 'active' : 'inactive'
}

/** Wanted and observed state apart (P7). */
export function observedInbound({ state }: Pick<InboundEndpoint, 'state'>): Record<string, unknown> {
  return { ...observedState(state), ...(state.nextTry !== undefined && { nextAttemptAt: iso(state.nextTry) }) }
}
