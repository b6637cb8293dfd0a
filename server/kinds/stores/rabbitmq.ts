import { hostsOf, JmsConnections, openQueue, type Dialer } from '../../drivers/jms/index.ts'
import { durableQueue, rabbitDialer, type Route } from '../../drivers/rabbitmq/index.ts'
import { DELIVERED_WINDOW, QueueStore, triesIn } from '../../runtime/queue-store.ts'
import { rabbitRetryFields, rabbitTarget, rabbitTlsFields, reportProblems } from '../../runtime/rabbitmq/fields.ts'
import { SeenWindow } from '../../runtime/seen-window.ts'
import { defineStore, int, oneOf, param, secret, text, type ConfigOf, type StoreEnv } from '../../schema/index.ts'

const TYPE = 'rabbitmq-message-store'
const HEARTBEAT_SECONDS = 10

const fields = {
  hosts: param('store.rabbitmq.host.name', text(), {
    fallback: 'localhost',
    doc: 'Where the broker is; several separated by commas are tried in turn.',
  }),
  ports: param('store.rabbitmq.host.port', text(), {
    fallback: '5672',
    doc: 'Port of the broker; one for all hosts, or one for each, separated by commas.',
  }),
  username: param('store.rabbitmq.username', text(), { fallback: 'guest', doc: 'User at the broker.' }),
  password: param('store.rabbitmq.password', secret(), { doc: 'Password of the user. Absent: guest.' }),
  virtualHost: param('store.rabbitmq.virtual.host', text(), { fallback: '/', doc: 'Virtual host.' }),
  queue: param('store.rabbitmq.queue.name', text(), { doc: 'Name of the queue. Absent: the name of the store.' }),
  routingKey: param('store.rabbitmq.route.key', text(), {
    doc: 'Key messages are published with, and the queue is bound with. Absent: the name of the queue.',
  }),
  exchange: param('store.rabbitmq.exchange.name', text(), {
    doc: 'Exchange messages are published to; made as a durable direct one where it does not exist. Absent: the default exchange.',
  }),
  queueType: param('store.rabbitmq.queue.type', oneOf('classic', 'quorum'), {
    fallback: 'classic',
    advanced: true,
    doc: 'What is made where the queue does not exist: quorum queues are held by several nodes of a cluster. A queue that exists is used as it is.',
  }),
  deduplication: param('store.rabbitmq.deduplication', oneOf('auto', 'off'), {
    fallback: 'auto',
    advanced: true,
    doc: 'Off: a message delivered before, whose acknowledgement was lost, is delivered again.',
  }),
  prefetch: param('store.rabbitmq.prefetch', int({ min: 1, max: 65_535 }), {
    fallback: 1,
    advanced: true,
    doc: 'Messages a worker holds at once. Others cannot see them, so order is kept across nodes only with 1.',
  }),
  ...rabbitTlsFields,
  ...rabbitRetryFields,
}

type Config = ConfigOf<typeof fields>

/** The store with another way to its broker than the network. */
export function rabbitStore(dialer: (route: Route) => Dialer) {
  return defineStore({
    name: 'rabbitmq',
    classes: [
      'org.apache.synapse.message.store.impl.rabbitmq.RabbitMQStore',
      'org.apache.synapse.message.store.impl.rabbitmq.RabbitmqStore',
    ],
    type: TYPE,
    summary: 'A queue at RabbitMQ, over AMQP 0-9-1. Needs the package amqplib.',
    details: `
    A message counts as stored when the broker has confirmed it, whether guaranteed delivery is on or not: that flag only
    lets the failover store take over. It is published as mandatory, so one that no queue takes is a failure, too (RabbitMQ
    confirms it, and throws it away). The queue is looked for, and made durable where it does not exist; with an exchange it
    is bound to that. While the broker is away the store is \`connecting\`, it reconnects by itself through the list of hosts,
    nobody waits for it, and its failover store takes the messages.

    In the queue a message is its payload with its content type; its headers are headers, the rest is in \`SYN_…\` headers,
    at most 64 kB in all. Messages of others are forwarded. What delivered messages and failed tries are noted for, see the
    [store at a JMS broker](jms.md). A fail action \`broker\` rejects a message: it goes to the dead-letter exchange of the
    queue, or away where there is none.`,
    traits: { durable: true, ordered: true, browsable: false, sharedBetweenNodes: true },
    fields,
    examples: [
      {
        title: 'A queue in a cluster of two nodes',
        xml: `<messageStore name="orders" class="org.apache.synapse.message.store.impl.rabbitmq.RabbitMQStore">
  <parameter name="store.rabbitmq.host.name">rabbit1,rabbit2</parameter>
  <parameter name="store.rabbitmq.host.port">5672,5672</parameter>
  <parameter name="store.rabbitmq.queue.name">orders</parameter>
  <parameter name="store.rabbitmq.queue.type">quorum</parameter>
</messageStore>`,
      },
    ],
    check(config, site) {
      reportProblems(targetOf(config).problems, 'store.rabbitmq.host.port', site)
    },
    hosts: config => hostsOf(targetOf(config).target),
    create: (config, env) => open(config, env, dialer),
  })
}

export default rabbitStore(route => rabbitDialer(() => route))

function targetOf(config: Config) {
  return rabbitTarget({ ...config, heartbeat: HEARTBEAT_SECONDS }, config)
}

function open(config: Config, env: StoreEnv, dialer: (route: Route) => Dialer): QueueStore {
  const { name, services, log } = env
  const queueName = config.queue ?? name
  const route: Route = {
    queue: durableQueue(queueName, config.queueType === 'quorum' ? { 'x-queue-type': 'quorum' } : {}),
    routingKey: config.routingKey ?? queueName,
    ...(config.exchange !== undefined &&
      config.exchange !== '' && {
        exchange: {
          name: config.exchange,
          type: 'direct',
          declare: true,
          durable: true,
          autoDelete: false,
          arguments: {},
        },
      }),
  }
  const ledger = services.journal.ledger(`rabbitmq:${name}`, DELIVERED_WINDOW)
  // A connection for each store: what is published to is not a part of a message here.
  const connections = new JmsConnections({
    clock: services.clock,
    log,
    random: Math.random,
    dialer: dialer(route),
  })
  const queue = openQueue({
    target: targetOf(config).target,
    queue: queueName,
    clock: services.clock,
    connections,
    deadlineMs: services.settings.storeConfirmDeadline,
    ledger: triesIn(ledger, services),
    quarantine: (message, reason) => env.quarantine(Buffer.concat([...services.encode(message)]), reason),
  })
  queue.onReady(() => log.info('Successfully connected to RabbitMQ Broker', { store: name }))
  queue.connect()
  log.info(`Store [${name}]. Initialized... `)
  return new QueueStore({
    name,
    type: TYPE,
    queue,
    window: new SeenWindow(config.deduplication === 'off' ? null : ledger, services.clock, log),
    prefetch: config.prefetch,
    browsable: false,
  })
}
