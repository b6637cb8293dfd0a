/** What is wrong with the queues an artifact names, told at its place. */
import { ConnectionFactories } from '../../kernel/connection-factories.ts'
import type { ElementSite } from '../../schema/element-site.ts'
import { reportFactory } from '../connection-factory.ts'
import { reportRemarks, type Remark } from '../remarks.ts'
import { withFactory } from './factories.ts'
import { checkJms, namesOf, type JmsParameters } from './parameters.ts'

/** As the driver reads parameters. */
type Resolve = (
  parameters: ReadonlyMap<string, string>,
  fallback: string,
  readFile: (path: string) => string | undefined,
) => {
  readonly remarks: readonly Remark[]
  readonly isTopic?: boolean
  readonly subscription?: unknown
  readonly options: { readonly insideJvm?: string }
}

export interface QueueDrivers {
  readonly resolve: Resolve
}

const PROVIDER = 'java.naming.provider.url'
const FACTORY = { parameter: 'transport.jms.ConnectionFactory', use: 'jms.listener', address: PROVIDER } as const

export interface QueueRules extends QueueDrivers {
  /** Without its queue the artifact is still good for something. */
  readonly otherCallers: boolean
  /** The artifact is deployed even where its queue cannot be reached. */
  readonly gentle: boolean
}

export function checkQueue(
  config: JmsParameters,
  jndi: Readonly<Record<string, string>>,
  site: ElementSite,
  { resolve, otherCallers, gentle }: QueueRules,
): void {
  checkJms(config, site)
  const { remarks, options, isTopic, subscription } = resolve(namesOf(config, jndi), 'queue', path =>
    site.decoding.env.resource(path),
  )
  const at = site.parameter(PROVIDER)?.offset ?? site.element.offset
  const unknown = config.factory?.known === false
  const missing = remarks.some(({ code }) => code === 'jms-address-missing')
  const place = !missing ? 'written here' : otherCallers ? 'nowhere, but there are other callers' : 'nowhere'
  reportFactory(config.factory, FACTORY, place, site)
  const rest = unknown ? remarks.filter(({ code }) => code !== 'jms-address-missing') : remarks
  reportRemarks(rest, site, at, { gentle })
  if (isTopic) checkTopic(config, subscription !== undefined, site)
  if (options.insideJvm !== undefined && !gentle) {
    const hint = 'Give the address of a broker.'
    site.error('not-supported', 'a vm: address is a broker inside a Java process, and there is none here', at, hint)
  }
}

function checkTopic(config: JmsParameters, isDurable: boolean, site: ElementSite): void {
  const at = (name: string): number => site.parameter(name)?.offset ?? site.element.offset
  const durable = 'Add transport.jms.DurableSubscriberName: the broker then keeps messages under that name.'
  if (!isDurable && (config.transacted === true || config.acknowledgement === 'SESSION_TRANSACTED')) {
    const name = config.transacted ? 'SessionTransacted' : 'SessionAcknowledgement'
    const message = `transport.jms.${name}: a topic cannot be read in a transaction without a durable subscription, for what is rolled back is nowhere kept`
    site.error('jms-topic', message, at(`transport.jms.${name}`), durable)
  } else if (!isDurable) {
    const message = 'what is published to the topic while nobody listens here is lost'
    site.hint('topic-not-durable', message, at('transport.jms.DestinationType'), durable)
  }
  if (config.consumers > 1 || config.maxConsumers > 1) {
    const name = config.consumers > 1 ? 'ConcurrentConsumers' : 'MaxConcurrentConsumers'
    const message = `transport.jms.${name} has no effect on a topic: each consumer would get every message`
    site.warn('invalid-value', message, at(`transport.jms.${name}`), 'Remove it.')
  }
}

export interface AddressDrivers extends QueueDrivers {
  readonly parse: (url: string) => { readonly destination: string; readonly parameters: ReadonlyMap<string, string> }
}

/**
 * A `jms:/…` address written in the attribute `attribute` of an endpoint. Never an error: a message that is sent there is
 * told the same, and others may never go there.
 */
export function checkQueueAddress(url: string, attribute: string, site: ElementSite, drivers: AddressDrivers): void {
  if (!/^jms:/i.test(url)) return
  const { destination, parameters } = drivers.parse(url)
  const factories = site.decoding.env.connectionFactories ?? ConnectionFactories.none
  const { all, remark } = withFactory(parameters, factories)
  const { remarks } = drivers.resolve(all, destination, path => site.decoding.env.resource(path))
  const at = site.attribute(attribute)?.offset ?? site.element.offset
  const missing = remarks.some(({ code }) => code === 'jms-address-missing')
  const told = remark && missing ? [remark, ...remarks.filter(({ code }) => code !== 'jms-address-missing')] : remarks
  reportRemarks(told, site, at, { gentle: true })
}
