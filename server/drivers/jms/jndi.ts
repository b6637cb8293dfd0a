/** What a JMS configuration (JNDI names, factory class, credentials) means for us (messaging-peers §3.1). */
import { parseProperties } from './properties-file.ts'
import type { BrokerTarget, Protocol } from './target.ts'
import { parseBrokerUrl } from './url.ts'
import type { Remark, UrlOptions } from './url.ts'

export interface JmsConfiguration {
  /** Everything written as parameters: `java.naming.…`, `connectionfactory.…`, `queue.…`; wins over a properties file. */
  readonly parameters: ReadonlyMap<string, string>
  /** JNDI name of the connection factory. */
  readonly connectionFactory?: string
  /** JNDI name or physical name of the queue. */
  readonly destination: string
  /** It may be a topic. */
  readonly topics?: true
  readonly username?: string
  readonly password?: string
  /** `store.jms.protocol`; without it the factory class decides. */
  readonly protocol?: 'auto' | 'amqp' | 'openwire' | 'stomp'
  /** The text of a file under the server's home, decoded as ISO-8859-1, or undefined if it is not there. */
  readonly readFile: (path: string) => string | undefined
}

export interface ResolvedJms {
  /** `auto`: the port is asked. */
  readonly protocol: Protocol
  /** Absent when a remark is an error, or when a queue of the journal stands for the broker (`options.insideJvm`). */
  readonly target?: BrokerTarget
  /** Physical name. */
  readonly queue: string
  /** JNDI knows it as a topic. */
  readonly isTopic: boolean
  readonly options: UrlOptions
  readonly remarks: readonly Remark[]
}

type Family = 'activemq' | 'artemis' | 'qpid' | 'unknown'

const FACTORIES: Readonly<Record<string, Family | { readonly refuse: string; readonly hint: string }>> = {
  'org.apache.activemq.jndi.ActiveMQInitialContextFactory': 'activemq',
  'org.apache.activemq.artemis.jndi.ActiveMQInitialContextFactory': 'artemis',
  'org.apache.qpid.jms.jndi.JmsInitialContextFactory': 'qpid',
  'org.apache.qpid.amqp_1_0.jms.jndi.PropertiesFileInitialContextFactory': 'qpid',
  // These two speak AMQP 0-9-1; the address, once found, says so.
  'org.wso2.andes.jndi.PropertiesFileInitialContextFactory': 'qpid',
  'org.apache.qpid.jndi.PropertiesFileInitialContextFactory': 'qpid',
  'com.sun.jndi.fscontext.RefFSContextFactory': {
    refuse: 'the .bindings file of IBM MQ can be read by Java only',
    hint: "Use IBM MQ's AMQP channel: java.naming.provider.url amqp://HOST:5672 and store.jms.protocol amqp.",
  },
}

const DEFAULT_FACTORY = 'QueueConnectionFactory'

export function resolveJms(configuration: JmsConfiguration): ResolvedJms {
  const { parameters, protocol } = configuration
  const remarks: Remark[] = []
  const className = parameters.get('java.naming.factory.initial')?.trim()
  const factory = className === undefined ? 'unknown' : FACTORIES[className]
  if (factory === undefined) {
    remarks.push({
      code: 'jms-factory-unknown',
      severity: 'warning',
      message: `${className} is not known; AMQP 1.0 is spoken to the address given`,
    })
  } else if (typeof factory === 'object' && protocol !== 'amqp') {
    remarks.push({ code: 'jms-factory-refused', severity: 'error', message: factory.refuse, hint: factory.hint })
  }
  if (protocol === 'stomp') {
    remarks.push({
      code: 'jms-protocol',
      severity: 'error',
      message: 'STOMP is not offered',
      hint: 'Leave the protocol out: ActiveMQ Classic is spoken to by OpenWire, other brokers by AMQP 1.0.',
    })
  }
  const family: Family = typeof factory === 'string' ? factory : 'unknown'
  const names = namesOf(configuration, remarks)
  const address = addressOf(family, names, configuration.connectionFactory ?? DEFAULT_FACTORY)
  const { queue, isTopic } = destinationOf(configuration, names, remarks)
  if (address === undefined && remarks.every(({ severity }) => severity !== 'error')) remarks.push(noAddress(family))
  const url = parseBrokerUrl(address ?? '')
  if (address !== undefined) remarks.push(...url.remarks)
  const failed = remarks.some(({ severity }) => severity === 'error')
  const spoken = spokenBy(protocol, family, url.options.protocol)
  return {
    protocol: spoken,
    ...(url.target && !failed && { target: { ...withLogin(url.target, configuration, names), protocol: spoken } }),
    queue,
    isTopic,
    options: url.options,
    remarks,
  }
}

/** What is asked for, then what the factory's own client would speak; Artemis has AMQP on the port of everything else. */
function spokenBy(asked: JmsConfiguration['protocol'], family: Family, scheme: 'amqp' | 'auto'): Protocol {
  if (asked === 'amqp' || asked === 'openwire') return asked
  return family === 'qpid' || family === 'artemis' ? 'amqp' : scheme
}

/** Parameters over the entries of the properties file that the provider URL may name. */
function namesOf({ parameters, readFile }: JmsConfiguration, remarks: Remark[]): Map<string, string> {
  const provider = parameters.get('java.naming.provider.url')?.trim()
  if (provider === undefined || !isPath(provider)) return new Map(parameters)
  const path = provider.replace(/^file:(?:\/\/)?/, '')
  const text = readFile(path)
  if (text === undefined) {
    remarks.push({
      code: 'jndi-file-missing',
      severity: 'error',
      message: `the JNDI properties file ${path} is not there`,
      hint: "Put it there (relative paths begin at the server's home), or give the broker's address as java.naming.provider.url.",
    })
    return new Map(parameters)
  }
  const names = parseProperties(text)
  for (const [name, value] of parameters) if (name !== 'java.naming.provider.url') names.set(name, value)
  return names
}

function isPath(provider: string): boolean {
  if (/^file:/i.test(provider)) return true
  return !/^[a-z0-9+]+:/i.test(provider) && !provider.startsWith('(')
}

function addressOf(family: Family, names: ReadonlyMap<string, string>, factory: string): string | undefined {
  const provider = names.get('java.naming.provider.url')?.trim()
  const byName = names.get(`connectionfactory.${factory}`) ?? names.get(`connectionFactory.${factory}`)
  const own = names.get(`connection.${factory}.brokerURL`)
  const general = provider !== undefined && !isPath(provider) ? provider : undefined
  const found = family === 'activemq' ? (own ?? general ?? byName) : (byName ?? own ?? general)
  return found?.trim() || undefined
}

function noAddress(family: Family): Remark {
  const where =
    family === 'qpid'
      ? `connectionfactory.${DEFAULT_FACTORY} (or a properties file named by java.naming.provider.url)`
      : 'java.naming.provider.url'
  return {
    code: 'jms-address-missing',
    severity: 'error',
    message: 'no broker address is given',
    hint: `Give it as parameter ${where}.`,
  }
}

/** A name that leads nowhere is the queue's own name, as with the peer. */
function destinationOf(
  { destination, topics }: JmsConfiguration,
  names: ReadonlyMap<string, string>,
  remarks: Remark[],
): { queue: string; isTopic: boolean } {
  const topic = names.get(`topic.${destination}`)
  const isTopic = topic !== undefined || destination.startsWith('dynamicTopics/')
  if (isTopic && !topics) {
    remarks.push({
      code: 'jms-topic',
      severity: 'error',
      message: `${destination} is a topic; a message store needs a queue`,
      hint: 'Name a queue.',
    })
  }
  const name = isTopic ? topic : names.get(`queue.${destination}`)
  return { queue: name?.trim() || destination.replace(/^dynamic(?:Queues|Topics)\//, ''), isTopic }
}

/** The store's own parameters, then the address, then JNDI's (messaging-peers §3.1). */
function withLogin(
  target: BrokerTarget,
  { username, password }: JmsConfiguration,
  names: ReadonlyMap<string, string>,
): BrokerTarget {
  // As with the peer, a name without a password is no login.
  if (username && password) return { ...target, username, password }
  if (target.username !== undefined) return target
  const principal = names.get('java.naming.security.principal')
  const credentials = names.get('java.naming.security.credentials')
  return principal && credentials ? { ...target, username: principal, password: credentials } : target
}
