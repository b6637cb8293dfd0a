import type { Plan } from './plan.ts'
import type { EndpointPlan, GroupPlan, ProcessorPlan, RoutePlan, StorePlan } from './routes.ts'

const NS = 'xmlns="http://ws.apache.org/ns/synapse"'
const PROCESSOR = {
  forward: 'org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor',
  move: 'org.apache.synapse.message.processor.impl.failover.FailoverScheduledMessageForwardingProcessor',
  sample: 'org.apache.synapse.message.processor.impl.sampler.SamplingProcessor',
}
const STORE = {
  journal: undefined,
  memory: 'org.apache.synapse.message.store.impl.memory.InMemoryStore',
  jms: 'org.apache.synapse.message.store.impl.jms.JmsStore',
}

/** A file of the deploy folder. */
export interface ArtifactFile {
  readonly path: string
  readonly key: string
  /** False where replacing it takes away what it holds (a store in memory). */
  readonly replaceable: boolean
  /** Each revision means the same and is another artifact. */
  xml(revision: number): string
}

export function artifactsOf({ routes }: Plan): ArtifactFile[] {
  return routes.flatMap(route => [
    proxy(route),
    ...route.endpoints.map(endpoint),
    ...(route.group ? [group(route.group, route.endpoints)] : []),
    ...(route.sequence === undefined ? [] : [sequence(route.sequence, route.target)]),
    ...route.stores.map(store),
    ...route.processors.map(processor),
  ])
}

function file(role: string, name: string, xml: (revision: number) => string, replaceable = true): ArtifactFile {
  return { path: `${role}-${name}.xml`, key: `${role}:${name}`, replaceable, xml }
}

function proxy({ proxy: name, entry }: RoutePlan): ArtifactFile {
  return file(
    'proxy',
    name,
    revision => `<proxy ${NS} name="${name}" transports="http"><target><inSequence>
  <property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/>
  <property name="OUT_ONLY" value="true"/>
  <property name="revision" value="${revision}"/>
  <store messageStore="${entry}"/>
</inSequence></target></proxy>`,
  )
}

function endpoint({ name, timeout, suspend }: EndpointPlan): ArtifactFile {
  const rest =
    suspend === 'never'
      ? '<errorCodes>-1</errorCodes>'
      : `<initialDuration>${suspend}</initialDuration><progressionFactor>2</progressionFactor><maximumDuration>20000</maximumDuration>`
  return file(
    'endpoint',
    name,
    revision => `<endpoint ${NS} name="${name}"><address uri="http://back.end/${name}?revision=${revision}">
  <timeout><duration>${timeout}</duration><responseAction>fault</responseAction></timeout>
  <suspendOnFailure>${rest}</suspendOnFailure>
  <markForSuspension><errorCodes>${suspend === 'never' ? -1 : 101504}</errorCodes><retriesBeforeSuspension>2</retriesBeforeSuspension><retryDelay>100</retryDelay></markForSuspension>
</address></endpoint>`,
  )
}

function group({ name, kind, dynamic, failover }: GroupPlan, members: readonly EndpointPlan[]): ArtifactFile {
  const inside = members.map(member => `<endpoint key="${member.name}"/>`).join('')
  return file('endpoint', name, revision => {
    const how = kind === 'failover' ? `dynamic="${dynamic}"` : `failover="${failover}"`
    return `<endpoint ${NS} name="${name}"><${kind} ${how}>${inside}</${kind}><property name="revision" value="${revision}"/></endpoint>`
  })
}

function sequence(name: string, target: string): ArtifactFile {
  return file(
    'sequence',
    name,
    revision =>
      `<sequence ${NS} name="${name}"><property name="revision" value="${revision}"/><call><endpoint key="${target}"/></call></sequence>`,
  )
}

function store({ name, kind, failover, limit, prefetch }: StorePlan): ArtifactFile {
  const type = STORE[kind]
  const parameters = (revision: number): string[] => [
    parameter('store.producer.retry.max.interval', 30_000 + revision),
    ...(kind === 'jms'
      ? [
          parameter('java.naming.factory.initial', 'org.apache.activemq.jndi.ActiveMQInitialContextFactory'),
          parameter('java.naming.provider.url', 'tcp://broker:61616'),
          parameter('store.jms.destination', name),
          parameter('store.jms.prefetch', prefetch ?? 1),
        ]
      : []),
    ...(limit === undefined ? [] : [parameter('store.limit', limit)]),
    ...(failover === undefined
      ? []
      : [
          parameter('store.producer.guaranteed.delivery.enable', 'true'),
          parameter('store.failover.message.store.name', failover),
        ]),
  ]
  return file(
    'message-store',
    name,
    revision =>
      `<messageStore ${NS} name="${name}"${type === undefined ? '' : ` class="${type}"`}>${parameters(revision).join('')}</messageStore>`,
    kind !== 'memory',
  )
}

function processor(plan: ProcessorPlan): ArtifactFile {
  const { name, kind, store, target } = plan
  const parameters = (revision: number): string => [...own(plan), reconnect(revision)].join('')
  return file(
    'message-processor',
    name,
    revision =>
      `<messageProcessor ${NS} name="${name}" class="${PROCESSOR[kind]}" messageStore="${store}"${kind === 'forward' ? ` targetEndpoint="${target}"` : ''}>${parameters(revision)}</messageProcessor>`,
  )
}

function reconnect(revision: number): string {
  return parameter('store.connection.retry.max.interval', 20_000 + revision)
}

function own(plan: ProcessorPlan): string[] {
  const { kind, workers, keyed, interval, batch, retryInterval, growing, maxAttempts, drop, failStore, target } = plan
  const rate = [parameter('interval', interval), parameter('message.processor.batch.size', batch)]
  if (kind === 'sample') return [...rate, parameter('sequence', target), parameter('concurrency', workers)]
  return [
    ...rate,
    parameter('client.retry.interval', retryInterval),
    ...(growing ? [parameter('client.retry.max.interval', retryInterval * 5)] : []),
    parameter('max.delivery.attempts', maxAttempts),
    ...(drop ? [parameter('max.delivery.drop', 'Enabled')] : []),
    ...(keyed
      ? [parameter('concurrency', workers), parameter('concurrency.key', 'X-Key')]
      : [parameter('member.count', workers)]),
    ...(failStore === undefined ? [] : [parameter('message.processor.failMessagesStore', failStore)]),
    ...(kind === 'move' ? [parameter('message.target.store.name', target)] : []),
  ]
}

function parameter(name: string, value: string | number): string {
  return `<parameter name="${name}">${value}</parameter>`
}
