import {
  AmqpConnections,
  openAmqpQueue,
  type AmqpQueue,
  type Dial,
  type Tries,
  type TryLedger,
} from '../../drivers/amqp/index.ts'
import { resolveJms, type ResolvedJms } from '../../drivers/amqp/jndi.ts'
import type { Json, JournalLedger } from '../../drivers/journal/contracts.ts'
import type {
  BrowsedMessage,
  Consumer,
  Delivery,
  MessageStore,
  StoredMessage,
  StoreState,
} from '../../kernel/contracts.ts'
import { asIntegrationError } from '../../kernel/errors.ts'
import { SeenWindow, WindowConsumer } from '../../runtime/seen-window.ts'
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
import type { Services } from '../../schema/services.ts'

const TYPE = 'jms-message-store'
const TRAITS = { durable: true, ordered: true, browsable: true, sharedBetweenNodes: true }

/** As many ids as Artemis remembers for the same purpose, and as long as an outage should last at most. */
const WINDOW = { count: 20_000, ageMs: 24 * 3_600_000 }
/** Messages looked through, from the oldest, to remove one of them. */
const REACH = 1000

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
    doc: 'How to speak to the broker. AMQP 1.0 is offered.',
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
  receiveTimeout: param('store.jms.ConsumerReceiveTimeOut', text(), {
    doc: 'How long one poll waits.',
    ignored: 'Messages are pushed as they arrive; nothing is polled.',
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
  readonly dial?: Dial
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
      'A queue at a message broker, over AMQP 1.0: ActiveMQ Artemis, the embedded broker, Qpid, Azure Service Bus.',
    details: `
    A message counts as stored when the broker has confirmed it. While the broker is away the store is \`connecting\`, it
    reconnects by itself, and its failover store takes the messages. On the queue a message is plain text or bytes with its
    headers as properties, readable by any JMS client; text, bytes and map messages of others are forwarded, and what
    cannot be read goes to quarantine with the reason. (Synapse writes serialised Java objects and throws away anything
    else.) That a message was delivered is noted in the journal before the broker is told, so one that comes again because
    its acknowledgement was lost is dropped. Failed attempts are counted in the journal, too: a broker's own count is
    neither exact nor lasting.`,
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
      for (const { severity, code, message, hint } of resolved.remarks) {
        if (severity === 'error') site.error(code, message, at, hint)
        else if (severity === 'warning') site.warn(code, message, at, hint)
        else site.hint(code, message, at, hint)
      }
      if (resolved.options.insideJvm !== undefined) {
        site.error(
          'not-supported',
          'a vm: address is a broker inside a Java process, and there is none here',
          at,
          'Remove class and parameters: the store is then the embedded journal. Or give the address of a broker.',
        )
      }
    },
    create: (config, env) => new JmsStore(config, env, access),
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

/** One set of connections per server: stores at the same broker share one. */
const shared = new WeakMap<Services, AmqpConnections>()

function connectionsOf(services: Services, access: BrokerAccess): AmqpConnections {
  const { clock, log } = services
  const known = shared.get(services) ?? new AmqpConnections({ clock, log, ...access })
  shared.set(services, known)
  return known
}

class JmsStore implements MessageStore {
  readonly name: string
  readonly type = TYPE
  readonly traits = TRAITS
  readonly producer = { put: (message: StoredMessage, signal?: AbortSignal) => this.#queue.put(message, signal) }
  readonly #queue: AmqpQueue
  readonly #window: SeenWindow
  readonly #prefetch: number

  constructor(config: Config, env: StoreEnv, access: BrokerAccess) {
    const { name, services, log } = env
    this.name = name
    this.#prefetch = config.prefetch
    const latin1 = (path: string): string | undefined => {
      const found = services.resources.read(path)
      return found && Buffer.from(found.bytes).toString('latin1')
    }
    const { target, queue } = resolve(config, name, latin1)
    if (!target) throw new TypeError(`store ${name} was made without a broker address`)
    if (config.destination === undefined)
      log.warn(`Destination not provided. Setting default destination to [${queue}].`)
    const ledger = services.journal.ledger(`jms:${name}`, WINDOW)
    this.#window = new SeenWindow(config.deduplication === 'off' ? null : ledger, services.clock, log)
    this.#queue = openAmqpQueue({
      target,
      queue,
      clock: services.clock,
      log,
      connections: connectionsOf(services, access),
      deadlineMs: services.settings.storeConfirmDeadline,
      ledger: triesIn(ledger, services),
      quarantine: (message, reason) => env.quarantine(Buffer.concat([...services.encode(message)]), reason),
    })
    this.#queue.onReady(() => log.info(`Successfully connected to JMS store ${name}`))
    this.#queue.connect()
    log.info(`Store [${name}]. Initialized... `)
  }

  get status(): StoreState {
    return this.#queue.state
  }

  async consumer(options: { window?: number } = {}): Promise<Consumer> {
    return new WindowConsumer(this.#queue.consumer({ window: options.window ?? this.#prefetch }), this.#window)
  }

  browse(page?: { after?: string; limit?: number }): AsyncIterable<BrowsedMessage> {
    return this.#queue.browse(page)
  }

  async find(id: string): Promise<BrowsedMessage | undefined> {
    for await (const browsed of this.#queue.browse({ limit: REACH })) if (browsed.message.id === id) return browsed
    return undefined
  }

  /** A broker lets nobody remove a message in the middle of a queue: those before it are taken, too, and given back. */
  async remove(id: string): Promise<boolean> {
    const consumer = this.#queue.consumer({ window: REACH })
    const passed: Delivery[] = []
    try {
      for (
        let delivery = await consumer.take(0);
        delivery && passed.length < REACH;
        delivery = await consumer.take(0)
      ) {
        if (delivery.message.id === id) {
          await delivery.ack()
          return true
        }
        passed.push(delivery)
      }
      return false
    } finally {
      for (const delivery of passed) await delivery.release()
      await consumer[Symbol.asyncDispose]()
    }
  }

  async clear(): Promise<number> {
    const consumer = this.#queue.consumer({ window: 1 })
    let removed = 0
    try {
      for (let delivery = await consumer.take(0); delivery; delivery = await consumer.take(0)) {
        await delivery.ack()
        removed++
      }
      return removed
    } finally {
      await consumer[Symbol.asyncDispose]()
    }
  }

  async depth(): Promise<number> {
    if (this.#queue.state.state !== 'ready') return -1
    try {
      return await this.#queue.depth()
    } catch {
      return -1
    }
  }

  onReady(listener: () => void): () => void {
    return this.#queue.onReady(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.close()
  }
}

/** Failed tries, kept in the journal beside the ids of delivered messages. */
function triesIn(ledger: JournalLedger, { clock, log }: Services): TryLedger {
  return {
    read: id => (ledger.get(id)?.note as Tries | null | undefined) ?? undefined,
    write: (id, tries) => ledger.remember(id, tries as unknown as Json, clock.now()),
    async forget(id) {
      // Where its identity is its id, the note made way for "done" already.
      if (ledger.isDone(id)) return
      try {
        await ledger.remember(id, null, clock.now())
      } catch (thrown) {
        log.debug('failed tries of a delivered message could not be forgotten', {
          reason: asIntegrationError(thrown).message,
        })
      }
    },
  }
}
