import type { EndpointPlan, Plan, ProcessorPlan, RoutePlan, StorePlan } from './plan.ts'

const NS = 'xmlns="http://ws.apache.org/ns/synapse"'
const FORWARDING = 'org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor'
const MOVING = 'org.apache.synapse.message.processor.impl.failover.FailoverScheduledMessageForwardingProcessor'
const CLASS = {
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
    endpoint(route.endpoint),
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

function store({ name, kind, failover, limit }: StorePlan): ArtifactFile {
  const type = CLASS[kind]
  const parameters = (revision: number): string[] => [
    parameter('store.producer.retry.max.interval', String(30_000 + revision)),
    ...(kind === 'jms'
      ? [
          parameter('java.naming.factory.initial', 'org.apache.activemq.jndi.ActiveMQInitialContextFactory'),
          parameter('java.naming.provider.url', 'tcp://broker:61616'),
          parameter('store.jms.destination', name),
        ]
      : []),
    ...(limit === undefined ? [] : [parameter('store.limit', String(limit))]),
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
  const { name, store, workers, keyed, interval, retryInterval, maxAttempts, endpoint, failStore, target } = plan
  const parameters = (revision: number): string[] => [
    parameter('interval', String(interval)),
    parameter('client.retry.interval', String(retryInterval)),
    parameter('max.delivery.attempts', String(maxAttempts)),
    parameter('store.connection.retry.max.interval', String(20_000 + revision)),
    ...(keyed
      ? [parameter('concurrency', String(workers)), parameter('concurrency.key', 'X-Key')]
      : [parameter('member.count', String(workers))]),
    ...(failStore === undefined ? [] : [parameter('message.processor.failMessagesStore', failStore)]),
    ...(target === undefined ? [] : [parameter('message.target.store.name', target)]),
  ]
  const to = endpoint === undefined ? '' : ` targetEndpoint="${endpoint}"`
  return file(
    'message-processor',
    name,
    revision =>
      `<messageProcessor ${NS} name="${name}" class="${endpoint === undefined ? MOVING : FORWARDING}" messageStore="${store}"${to}>${parameters(revision).join('')}</messageProcessor>`,
  )
}

function parameter(name: string, value: string): string {
  return `<parameter name="${name}">${value}</parameter>`
}
