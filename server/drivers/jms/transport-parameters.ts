/** The `transport.jms.…` parameters of listeners and of `jms:/…` addresses, as far as they say which queue is meant. */
import { resolveJms } from './jndi.ts'
import type { ResolvedJms } from './jndi.ts'
import type { Protocol } from './target.ts'
import { decode } from './url-query.ts'
import type { Remark } from './url-query.ts'
import { managerOf } from './work.ts'

export interface JmsAddress {
  readonly destination: string
  readonly parameters: ReadonlyMap<string, string>
}

/** Parameters of ours. Anything else behind the address of a broker is an option of that address. */
const OURS = /^(?:transport\.|java\.naming\.|connection[fF]actory\.|connection\.|queue\.|topic\.|vender\.|rampart\.)/
const HOLDS_URL = /^(?:java\.naming\.provider\.url|connection[fF]actory\..*|connection\..*)$/

/** Reads `jms:/QUEUE?name=value&…`. The address of a broker inside it may have options of its own, unescaped. */
export function parseJmsAddress(url: string): JmsAddress {
  const [, path = '', query = ''] = /^jms:\/*([^?]*)(?:\?(.*))?$/is.exec(url.trim()) ?? []
  const given: [string, string][] = []
  for (const part of query.split('&')) {
    const at = part.indexOf('=')
    const name = at < 0 ? part : part.slice(0, at)
    const last = given.at(-1)
    if (last && HOLDS_URL.test(last[0]) && !OURS.test(name)) last[1] += `&${part}`
    else if (name !== '') given.push([decode(name), at < 0 ? '' : part.slice(at + 1)])
  }
  return { destination: decode(path), parameters: new Map(given.map(([name, value]) => [name, decode(value)])) }
}

export interface TransportQueue extends ResolvedJms {
  /** The durable subscription to read, and who reads it; only of a topic. */
  readonly subscription?: { readonly name: string; readonly clientId: string }
  /** Physical name of the queue answers go to, where one is named. */
  readonly replyQueue?: string
}

/**
 * Which queue at which broker is meant. `fallback` is the destination where none is named. Never throws: what is wrong is
 * a remark.
 */
export function resolveTransport(
  parameters: ReadonlyMap<string, string>,
  fallback: string,
  readFile: (path: string) => string | undefined,
): TransportQueue {
  const get = (name: string): string | undefined => parameters.get(`transport.jms.${name}`)?.trim() || undefined
  const remarks: Remark[] = []
  const username = get('UserName')
  const password = get('Password')
  const configuration = {
    parameters,
    connectionFactory: get('ConnectionFactoryJNDIName') ?? 'QueueConnectionFactory',
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    protocol: protocolOf(get('Protocol'), remarks),
    readFile,
  }
  const resolved = resolveJms({ ...configuration, destination: get('Destination') ?? fallback, topics: true })
  const isTopic = resolved.isTopic || get('DestinationType')?.toLowerCase() === 'topic'
  const subscription = subscriptionOf(get, isTopic, remarks)
  const reply = get('ReplyDestination')
  const all = [...remarks, ...resolved.remarks]
  const { target, ...rest } = resolved
  const usable = target !== undefined && !all.some(({ severity }) => severity === 'error')
  return {
    ...rest,
    isTopic,
    remarks: all,
    ...(subscription && { subscription }),
    ...(usable && { target: { ...target, ...(subscription && { clientId: subscription.clientId }) } }),
    ...(reply !== undefined && { replyQueue: resolveJms({ ...configuration, destination: reply }).queue }),
  }
}

function subscriptionOf(
  get: (name: string) => string | undefined,
  isTopic: boolean,
  remarks: Remark[],
): TransportQueue['subscription'] {
  const is = (name: string): boolean => get(name)?.toLowerCase() === 'true'
  const refuse = (message: string, hint: string): void =>
    void remarks.push({ code: 'jms-topic', severity: 'error', message, hint })
  if (get('ReplyDestinationType')?.toLowerCase() === 'topic')
    refuse('transport.jms.ReplyDestinationType topic is not offered', 'Let answers go to a queue.')
  if (is('SharedSubscription')) {
    const hint =
      'Remove it: a durable subscription has one reader. For several, let the broker forward the topic into a queue (ActiveMQ: virtual topics, Artemis: a queue of the address).'
    refuse('transport.jms.SharedSubscription is not offered', hint)
  }
  const name = get('DurableSubscriberName')
  const asked = get('SubscriptionDurable') === undefined ? name !== undefined : is('SubscriptionDurable')
  if (!asked) return undefined
  if (!isTopic) {
    const hint = 'Set transport.jms.DestinationType to topic, or remove it: a queue keeps its messages by itself.'
    remarks.push({
      code: 'jms-topic',
      severity: 'warning',
      message: 'a durable subscription is for topics, and this is a queue',
      hint,
    })
    return undefined
  }
  if (name === undefined) {
    const hint = 'Add transport.jms.DurableSubscriberName; the broker keeps messages under that name.'
    refuse('transport.jms.SubscriptionDurable needs a name', hint)
    return undefined
  }
  return { name, clientId: get('DurableSubscriberClientID') ?? name }
}

function protocolOf(given: string | undefined, remarks: Remark[]): Protocol {
  const protocol = given?.toLowerCase() ?? 'auto'
  if (protocol === 'auto' || protocol === 'amqp' || protocol === 'openwire') return protocol
  remarks.push({
    code: 'jms-protocol',
    severity: 'error',
    message: `transport.jms.Protocol ${given} is not offered`,
    hint: 'Use auto, amqp or openwire.',
  })
  return 'auto'
}

/**
 * The manager of a transaction that sends to this address take part in; undefined for any other address. `named` adds to
 * its parameters those of the connection factory it names.
 */
export function managerOfAddress(
  url: string,
  named: (parameters: JmsAddress['parameters']) => JmsAddress['parameters'],
): ReturnType<typeof managerOf> | undefined {
  if (!/^jms:/i.test(url)) return undefined
  const { destination, parameters } = parseJmsAddress(url)
  const { target } = resolveTransport(named(parameters), destination, () => undefined)
  return target && managerOf(target)
}
