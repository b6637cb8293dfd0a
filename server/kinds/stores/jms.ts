import { brokerConnections } from '../../drivers/brokers/index.ts'
import { type Dialer, hostsOf, managerOf, openQueue, type ResolvedJms, resolveJms } from '../../drivers/jms/index.ts'
import { DELIVERED_WINDOW, QueueStore, triesIn } from '../../runtime/queue-store.ts'
import { reportRemarks } from '../../runtime/remarks.ts'
import { SeenWindow } from '../../runtime/seen-window.ts'
import {
  defineStore,
  int,
  oneOf,
  param,
  parameters,
  secret,
  text,
  type ConfigOf,
  type StoreEnv,
} from '../../schema/index.ts'

const TYPE = 'jms-message-store'
const TRAITS = { durable: true, ordered: true, browsable: true, sharedBetweenNodes: true }

const fields = {
  initialFactory: param('java.naming.factory.initial', text(), {
    doc: 'JNDI context class; tells which product it is.',
  }),
  providerUrl: param('java.naming.provider.url', text(), {
    doc: 'Address of the broker, a failover list, or a JNDI properties file.',
  }),
  destination: param('store.jms.destination', text(), {
    doc: 'JNDI name or name of the queue. Absent: the name of the store and `_Queue`.',
  }),
  connectionFactory: param('store.jms.connection.factory', text(), {
    fallback: 'QueueConnectionFactory',
    doc: 'JNDI name of the connection factory.',
  }),
  username: param('store.jms.username', text(), { doc: 'Counts only together with a password.' }),
  password: param('store.jms.password', secret(), { doc: 'Counts only together with a user name.' }),
  protocol: param('store.jms.protocol', oneOf('auto', 'amqp', 'openwire', 'stomp'), {
    fallback: 'auto',
    advanced: true,
    doc: 'What to speak to the broker: OpenWire or AMQP 1.0. By itself the port is asked: ActiveMQ Classic greets by OpenWire, a broker that stays silent for 0.3 s is spoken to by AMQP. STOMP is refused.',
  }),
  deduplication: param('store.jms.deduplication', oneOf('auto', 'off'), {
    fallback: 'auto',
    advanced: true,
    doc: 'Off: a message delivered before, whose acknowledgement was lost, is delivered again.',
  }),
  prefetch: param('store.jms.prefetch', int({ min: 1 }), {
    fallback: 1,
    advanced: true,
    doc: 'Messages a worker holds at once. Others cannot see them, so order is kept across nodes only with 1.',
  }),
  specVersion: param('store.jms.JMSSpecVersion', text(), {
    doc: 'Version of the JMS interface.',
    ignored: 'It names a Java interface; nothing changes on the wire.',
  }),
  cacheConnection: param('store.jms.cache.connection', text(), {
    doc: 'Keeps the connection open.',
    ignored: 'The connection is always kept and shared, and comes back by itself.',
  }),
  receiveTimeout: param('store.jms.ConsumerReceiveTimeOut', int(), {
    fallback: 6000,
    doc: 'Milliseconds one question for a message waits at the broker, where messages are asked for (OpenWire). AMQP brokers push them.',
  }),
  classLoader: param('vender.class.loader.enabled', text(), {
    doc: 'Java class loading.',
    ignored: 'There are no Java classes to load.',
  }),
  jndi: parameters({ doc: 'Entries of the JNDI environment, such as connectionfactory.NAME and queue.NAME.' }),
}

type Config = ConfigOf<typeof fields>

/** How stores reach their brokers. */
export interface BrokerAccess {
  /** Absent: over the network. */
  readonly dialer?: Dialer
  readonly random: () => number
}

const network: BrokerAccess = { random: Math.random }

/** The store with another way to its brokers than the network: the simulator has one. */
export function jmsStore(access: BrokerAccess) {
  return defineStore({
    name: 'jms',
    classes: [
      'org.apache.synapse.message.store.impl.jms.JmsStore',
      'org.wso2.carbon.message.store.persistence.jms.JMSMessageStore',
    ],
    type: TYPE,
    summary:
      'A queue at a message broker: ActiveMQ Classic over OpenWire; ActiveMQ Artemis, the embedded broker, Qpid, Azure Service Bus over AMQP 1.0.',
    details: `
    A message counts as stored when the broker has confirmed it. While the broker is away the store is \`connecting\`, it
    reconnects by itself, and its failover store takes the messages. On the queue a message is plain text or bytes with its
    headers as properties, readable by any JMS client; text, bytes and map messages of others are forwarded, and what
    cannot be read goes to quarantine with the reason. (Synapse writes serialised Java objects and throws away anything
    else.) That a message was delivered is noted in the journal before the broker is told, so one that comes again because
    its acknowledgement was lost is dropped. Failed attempts are counted in the journal, too: a broker's own count is
    neither exact nor lasting.

    ActiveMQ Classic needs no AMQP connector: where \`tcp://HOST:61616\` greets by OpenWire, OpenWire is spoken. Messages are
    asked for one at a time unless \`store.jms.prefetch\` is larger, so that what nobody works on stays visible to others.
    A message sent again after a lost answer carries the number it had, by which the broker drops the second copy, also
    when another broker of a \`failover:(…)\` list has taken over. A message moved here from another store has its number
    noted in the journal before it is sent, so that this holds over a crash of this server, too (the broker remembers the
    last number of 64 producers; at other brokers the copy has the same id, and our consumers drop it).
    \`JMS_MSG_P_JMSXGroupID\` makes messages of a group go to one consumer.
    Of the address, \`jms.useCompression\`, \`wireFormat.maxFrameSize\` and \`wireFormat.maxInactivityDuration\` are obeyed.`,
    traits: TRAITS,
    fields,
    examples: [
      {
        title: 'A queue at an ActiveMQ broker',
        xml: `<messageStore name="orders" class="org.apache.synapse.message.store.impl.jms.JmsStore">
  <parameter name="java.naming.factory.initial">org.apache.activemq.jndi.ActiveMQInitialContextFactory</parameter>
  <parameter name="java.naming.provider.url">tcp://localhost:61616</parameter>
</messageStore>`,
      },
    ],
    check(config, site) {
      const name = site.element.attributeNode('name')?.value.trim() ?? ''
      const resolved = resolve(config, name, path => site.decoding.env.resource(path))
      const at = site.parameter('java.naming.provider.url')?.offset ?? site.element.offset
      reportRemarks(resolved.remarks, site, at)
      if (resolved.options.insideJvm !== undefined) {
        site.error(
          'not-supported',
          'a vm: address is a broker inside a Java process, and there is none here',
          at,
          'Remove class and parameters: the store is then the embedded journal. Or give the address of a broker.',
        )
      }
    },
    manager(config) {
      const { target } = resolve(config, '', () => undefined)
      return target && managerOf(target)
    },
    hosts: config => hostsOf(resolve(config, '', () => undefined).target),
    create: (config, env) => open(config, env, access),
  })
}

export default jmsStore(network)

function resolve(config: Config, name: string, readFile: (path: string) => string | undefined): ResolvedJms {
  const { initialFactory, providerUrl, destination, connectionFactory, username, password, protocol, jndi } = config
  const names = new Map(Object.entries(jndi))
  if (initialFactory !== undefined) names.set('java.naming.factory.initial', initialFactory)
  if (providerUrl !== undefined) names.set('java.naming.provider.url', providerUrl)
  return resolveJms({
    parameters: names,
    connectionFactory,
    destination: destination ?? `${name}_Queue`,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    protocol,
    readFile,
  })
}

function open(config: Config, env: StoreEnv, access: BrokerAccess): QueueStore {
  const { name, services, log } = env
  const latin1 = (path: string): string | undefined => {
    const found = services.resources.read(path)
    return found && Buffer.from(found.bytes).toString('latin1')
  }
  const { target, queue: physical } = resolve(config, name, latin1)
  if (!target) throw new TypeError(`store ${name} was made without a broker address`)
  if (config.destination === undefined)
    log.warn(`Destination not provided. Setting default destination to [${physical}].`)
  const ledger = services.journal.ledger(`jms:${name}`, DELIVERED_WINDOW)
  const queue = openQueue({
    target,
    queue: physical,
    clock: services.clock,
    connections: brokerConnections(services, access),
    deadlineMs: services.settings.storeConfirmDeadline,
    ...(config.receiveTimeout > 0 && { pollMs: config.receiveTimeout }),
    ledger: triesIn(ledger, services),
    quarantine: (message, reason) => env.quarantine(Buffer.concat([...services.encode(message)]), reason),
  })
  queue.onReady(() => log.info(`Successfully connected to JMS store ${name}`))
  queue.connect()
  log.info(`Store [${name}]. Initialized... `)
  return new QueueStore({
    name,
    type: TYPE,
    queue,
    window: new SeenWindow(config.deduplication === 'off' ? null : ledger, services.clock, log),
    prefetch: config.prefetch,
  })
}
