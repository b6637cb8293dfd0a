/** What MI shows about the rest of a configuration: endpoints, proxy services, sequences, faulty artifacts. */
import type { Endpoint, EndpointStatus, Proxy, Registry } from '../kernel/contracts.ts'
import { maskText } from '../kernel/secrets.ts'
import type { ApiAnswer, ApiRequest, Managed, Resource } from './api.ts'
import { audit, described, isAnswer, iso, listed, ok, refusal, textsOf } from './api.ts'

export function listingResources(managed: Managed): Resource[] {
  return [
    {
      path: '/endpoints',
      methods: { GET: request => endpoints(managed, request), POST: request => switchEndpoint(managed, request) },
    },
    { path: '/proxy-services', methods: { GET: request => proxies(managed, request) } },
    { path: '/apis', methods: { GET: request => apis(managed, request) } },
    { path: '/sequences', methods: { GET: request => sequences(managed, request) } },
    { path: '/local-entries', methods: { GET: request => localEntries(managed, request) } },
    { path: '/faulty-artifacts', methods: { GET: () => ok(faultyList(managed)) } },
  ]
}

function endpoints(managed: Managed, request: ApiRequest): ApiAnswer {
  const registry = managed.registry()
  const item = (name: string): object | undefined => {
    const endpoint = registry.find('endpoint', name)
    if (!endpoint) return undefined
    const { type = 'endpoint' } = described(managed, 'endpoint', name)
    return { name, type, isActive: isActive(endpoint), ...stateOf(endpoint), ...membersOf(endpoint, registry) }
  }
  const { endpointName } = request.query
  if (endpointName === undefined) return listed(request, registry.names('endpoint'), item)
  const found = item(endpointName)
  if (!found) return refusal(404, `Specified endpoint ('${endpointName}') not found`)
  const { configuration } = described(managed, 'endpoint', endpointName)
  return ok({ ...found, tracing: 'disabled', configuration })
}

/** A group is active as long as one of its members is; a reference is as far as it is asked. */
function isActive({ status, members }: Endpoint): boolean {
  if (status !== undefined) return status.state === 'active'
  return members === undefined || members.length === 0 || members.some(isActive)
}

/** A member by key shows the state of the endpoint it refers to. */
function membersOf({ members }: Endpoint, registry: Registry): { members?: object[] } {
  if (!members || members.length === 0) return {}
  return {
    members: members.map(member => {
      const known = member.status || member.members ? member : (registry.find('endpoint', member.name) ?? member)
      return { name: member.name, isActive: isActive(known), ...stateOf(known), ...membersOf(known, registry) }
    }),
  }
}

/** Its own state, or those of the members written inside it. */
function switchesOf({ status, members = [] }: Endpoint): readonly EndpointStatus[] {
  return status ? [status] : members.flatMap(switchesOf)
}

/** MI's `isActive` cannot tell suspended from off, nor when it ends: that is beside it. */
function stateOf({ status }: Endpoint): Record<string, unknown> {
  if (!status) return {}
  return {
    state: status.state,
    since: iso(status.since),
    ...(status.nextTry !== undefined && { until: iso(status.nextTry) }),
    ...(status.lastError !== undefined && { lastError: maskText(status.lastError) }),
  }
}

function switchEndpoint(managed: Managed, request: ApiRequest): ApiAnswer {
  const texts = textsOf(request.body, 'name', 'status')
  if (isAnswer(texts)) return texts
  const [name, wanted] = [texts[0]!, texts[1]!.toLowerCase()]
  const endpoint = managed.registry().find('endpoint', name)
  if (!endpoint) return refusal(404, `Specified endpoint ('${name}') not found`)
  if (wanted !== 'active' && wanted !== 'inactive') return refusal(400, 'Provided state is not valid')
  const switches = switchesOf(endpoint)
  if (switches.length === 0) return refusal(400, `Endpoint ${name} has no state of its own: switch its members`)
  for (const status of switches) {
    if (wanted === 'active') status.switchOn()
    else status.switchOff()
  }
  const action = wanted === 'active' ? 'enabled' : 'disabled'
  audit(managed.log, { by: request.user, action, type: 'endpoint', info: { name } })
  return ok({ Message: `${name} is switched ${wanted === 'active' ? 'On' : 'Off'}` })
}

function proxies(managed: Managed, request: ApiRequest): ApiAnswer {
  const registry = managed.registry()
  const addresses = managed.addresses?.() ?? []
  const item = (name: string): Record<string, unknown> | undefined => {
    if (!registry.find('proxy', name)) return undefined
    const [first = ''] = addresses
    const url = `${first}/services/${name}`
    return { name, wsdl1_1: `${url}?wsdl`, wsdl2_0: '' }
  }
  const { proxyServiceName } = request.query
  if (proxyServiceName === undefined) return listed(request, registry.names('proxy'), item)
  const found = item(proxyServiceName)
  const proxy = registry.find('proxy', proxyServiceName)
  if (!found || !proxy) return refusal(404, `Specified proxy service ('${proxyServiceName}') not found`)
  const eprs = addresses
    .filter(address => proxy.transports.some(transport => address.startsWith(`${transport}:`)))
    .map(address => `${address}/services/${proxyServiceName}`)
  const { configuration } = described(managed, 'proxy', proxyServiceName)
  return ok({
    ...found,
    stats: 'disabled',
    tracing: 'disabled',
    eprs,
    isRunning: proxy.startOnLoad,
    ...sourcesOf(proxy),
    configuration,
  })
}

/** What brings it messages besides HTTP, and whether it does. */
function sourcesOf({ sources }: Proxy): Record<string, unknown> {
  if (!sources) return {}
  return {
    sources: sources.map(({ transport, observed, since, reason }) => ({
      transport,
      observed,
      since: iso(since),
      ...(reason !== undefined && { reason: maskText(reason) }),
    })),
  }
}

function apis(managed: Managed, request: ApiRequest): ApiAnswer {
  const registry = managed.registry()
  const addresses = managed.addresses?.() ?? []
  const item = (name: string): Record<string, unknown> | undefined => {
    const api = registry.find('api', name)
    if (!api) return undefined
    const urlList = addresses.map(address => `${address}${api.prefix}`)
    return { name, url: urlList[0] ?? api.prefix, urlList, tracing: 'disabled' }
  }
  const { apiName } = request.query
  if (apiName === undefined) return listed(request, registry.names('api'), item)
  const api = registry.find('api', apiName)
  if (!api) return refusal(404, `Specified API ('${apiName}') not found`)
  const { configuration } = described(managed, 'api', apiName)
  return ok({
    ...item(apiName),
    version: api.version === '' ? 'N/A' : api.version,
    stats: 'disabled',
    host: api.hostname ?? '*',
    context: api.prefix,
    port: api.port ?? -1,
    resources: api.resources,
    configuration,
  })
}

function sequences(managed: Managed, request: ApiRequest): ApiAnswer {
  const registry = managed.registry()
  const item = (name: string): object | undefined =>
    registry.find('sequence', name) && { name, container: '', stats: 'disabled', tracing: 'disabled' }
  const { sequenceName } = request.query
  if (sequenceName === undefined) return listed(request, registry.names('sequence'), item)
  const sequence = registry.find('sequence', sequenceName)
  if (!sequence) return refusal(404, `Specified sequence ('${sequenceName}') not found`)
  const { configuration } = described(managed, 'sequence', sequenceName)
  return ok({ ...item(sequenceName), mediators: sequence.steps.map(step => step.kind), configuration })
}

function localEntries(managed: Managed, request: ApiRequest): ApiAnswer {
  const registry = managed.registry()
  const item = (name: string): object | undefined => {
    const entry = registry.find('local-entry', name)
    return entry && { name, type: /xml/i.test(entry.contentType) ? 'Inline XML' : 'Inline Text' }
  }
  const { name } = request.query
  if (name === undefined) return listed(request, registry.names('local-entry'), item)
  const entry = registry.find('local-entry', name)
  return entry
    ? ok({ ...item(name), value: entry.text() })
    : refusal(404, `Specified local entry ('${name}') not found`)
}

function faultyList(managed: Managed): object {
  const list = faultyArtifacts(managed)
  return { count: list.length, list }
}

/** Each with its first error: where, what, and what to do. */
export function faultyArtifacts({ report }: Managed): object[] {
  return report().faulty.map(({ name, file, diagnostics }) => {
    const first = diagnostics.find(diagnostic => diagnostic.severity === 'error')
    return {
      name,
      file,
      ...(first && { line: first.at.line, column: first.at.column }),
      error: first?.message ?? 'it could not be deployed',
      ...(first?.hint !== undefined && { hint: first.hint }),
    }
  })
}
