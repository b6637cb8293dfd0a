import { resolveTransport } from '../../drivers/jms/transport-parameters.ts'
import { checkQueue } from '../../runtime/jms/check.ts'
import { isTransacted, jmsFields, NO_THROTTLE } from '../../runtime/jms/parameters.ts'
import { defineInbound, flag, int, param, parameters, text } from '../../schema/index.ts'

/** Messages worked on at once where `sequential` is false, as many as the threads of the peer. */
const AT_ONCE = 20

const SECRET = /password|credentials|connectionfactory|provider\.url/i

export default defineInbound({
  name: 'jms',
  classes: ['jms'],
  summary: 'Takes messages from a queue or a topic at a message broker.',
  details: `
    A message is acknowledged when its flow, parallel branches included, has come to its end: a crash loses none, and repeats
    at most the one in flight of each consumer. What the flow asks of HTTP back ends carries a key that stays the same when
    the message comes again.

    With \`transport.jms.SessionTransacted\` true, what the flow sends to the same broker (\`jms:/…\` addresses and JMS stores
    with the same address and user, by \`send\`, \`call\`, \`callout\` and \`store\`) becomes visible together with the
    acknowledgement, or not at all. Such sends are one-way: nobody can answer before the commit.

    A flow is undone when it sets \`SET_ROLLBACK_ONLY\` (or \`SET_RECOVER\`) to true in the axis2 or default scope, when a
    fault is handled by no sequence, or when a transaction takes too long. The message then comes again as the redelivery
    policy of the broker's address says (\`jms.redeliveryPolicy.maximumRedeliveries\`, 6 unless said otherwise; 0: never; -1:
    for ever), and goes to the dead letters when that is used up. The property \`jms.message.delivery.count\` tells how often
    it has come. What no flow can look into is kept in quarantine, with the reason.

    A topic (\`transport.jms.DestinationType\`, or a JNDI name of one) hands out what is published while somebody reads it. With
    \`transport.jms.DurableSubscriberName\` the broker keeps it under that name meanwhile, and a flow that fails gets it again.
    One consumer reads a topic, whatever ConcurrentConsumers says: each would get every message. The embedded broker has
    queues only.

    JMS properties are transport headers of the message; a map message is a \`JMSMap\` element. An answer of the flow goes to
    the reply destination, if there is one.`,
  fields: {
    ...jmsFields,
    interval: param('interval', int(), {
      doc: 'Pause between two polls.',
      ignored: 'Messages are pushed; nothing is polled.',
    }),
    sequential: param('sequential', flag(), {
      fallback: true,
      doc: `False: messages are independent, and up to ${AT_ONCE} are worked on at once. Each is acknowledged after its own flow.`,
    }),
    concurrent: param('concurrent.consumers', int({ min: 1 }), {
      fallback: 1,
      doc: 'The same as transport.jms.ConcurrentConsumers.',
    }),
    coordination: param('coordination', text(), {
      doc: 'Whether one node of a cluster polls.',
      ignored: 'Every server takes messages; the broker gives each one to one of them.',
    }),
    jndi: parameters({ doc: 'Entries of the JNDI environment, such as connectionfactory.NAME and queue.NAME.' }),
  },
  examples: [
    {
      title: 'Orders from ActiveMQ',
      xml: `<inboundEndpoint name="orders" protocol="jms" sequence="takeOrder">
  <parameters>
    <parameter name="java.naming.factory.initial">org.apache.activemq.jndi.ActiveMQInitialContextFactory</parameter>
    <parameter name="java.naming.provider.url">tcp://localhost:61616</parameter>
    <parameter name="transport.jms.Destination">orders</parameter>
  </parameters>
</inboundEndpoint>`,
    },
    {
      title: 'One transaction for the message and what comes of it; what fails goes to the dead letters at once',
      xml: `<inboundEndpoint name="process" protocol="jms" sequence="work" onError="undo">
  <parameters>
    <parameter name="java.naming.factory.initial">org.apache.activemq.jndi.ActiveMQInitialContextFactory</parameter>
    <parameter name="java.naming.provider.url">tcp://localhost:61616?jms.redeliveryPolicy.maximumRedeliveries=0</parameter>
    <parameter name="transport.jms.Destination">A</parameter>
    <parameter name="transport.jms.SessionTransacted">true</parameter>
  </parameters>
</inboundEndpoint>`,
    },
  ],
  check(config, site) {
    checkQueue(config, config.jndi, site, { resolve: resolveTransport, otherCallers: false, gentle: false })
  },
  create(config, { name, sequence, onError, at, services, log, parameters: written }) {
    const main = { role: 'sequence', name: 'main', at } as const
    return services.jms.listener({
      origin: { label: `inboundendpoint:${name}`, kind: 'inbound', name },
      called: `inbound endpoint ${name}`,
      entrance: { kind: 'sequence', ref: sequence ?? main, onError },
      parameters: config,
      jndi: config.jndi,
      transacted: isTransacted(config, false),
      least: Math.max(config.concurrent, config.sequential ? 1 : AT_ONCE),
      throttle: NO_THROTTLE,
      properties: Object.fromEntries(Object.entries(written).filter(([key]) => !SECRET.test(key))),
      log,
    })
  },
})
