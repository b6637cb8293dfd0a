import { checkRabbit } from '../../runtime/rabbitmq/check.ts'
import { isOptionalArgument, rabbitFields } from '../../runtime/rabbitmq/parameters.ts'
import { defineInbound, flag, parameters, param, text } from '../../schema/index.ts'

/** Messages worked on at once where `sequential` is false, as many as the threads of the peer. */
const AT_ONCE = 20

const SECRET = /password/i

export default defineInbound({
  name: 'rabbitmq',
  classes: ['rabbitmq'],
  summary: 'Takes messages from a queue at RabbitMQ. Needs the package amqplib.',
  details: `
    A message is settled when its flow, parallel branches included, has come to its end, never before: a crash loses none.
    With \`rabbitmq.queue.auto.ack\` true it is acknowledged then, whatever came of it. With false the flow decides by
    properties in the axis2 or default scope: \`SET_ROLLBACK_ONLY\` rejects it (to the dead-letter exchange of the queue, or
    away where there is none), \`SET_REQUEUE_ON_ROLLBACK\` gives it back to the queue after
    \`rabbitmq.message.requeue.delay\`, \`ACKNOWLEDGE\` true takes it out and false rejects it where the queue was made with a
    dead-letter exchange here, and gives it back elsewhere; \`ACK_ON_SUCCESS\` gives it back after a fault, handled or not. A
    flow that says nothing and fails gives it back.

    \`rabbitmq.message.max.dead.lettered.count\` ends the round through a dead-letter queue with a delay: beyond it a message
    goes, confirmed by the broker, to the error exchange, and to quarantine where none is named. Arguments for the queue and
    the exchange are written as \`rabbitmq.queue.optional.x-dead-letter-exchange\`.

    Headers are transport headers of the message. An answer of the flow goes to its reply queue, if it names one.`,
  fields: {
    ...rabbitFields,
    sequential: param('sequential', flag(), {
      fallback: true,
      doc: `False: messages are independent, and up to ${AT_ONCE} are worked on at once.`,
    }),
    coordination: param('coordination', text(), {
      doc: 'Whether one node of a cluster polls.',
      ignored: 'Every server takes messages; the broker gives each one to one of them.',
    }),
    others: parameters({ doc: 'Arguments for the queue and the exchange.' }),
  },
  examples: [
    {
      title: 'The flow decides; what fails comes again after half a minute',
      xml: `<inboundEndpoint name="students" protocol="rabbitmq" sequence="register" onError="later">
  <parameters>
    <parameter name="rabbitmq.server.host.name">localhost</parameter>
    <parameter name="rabbitmq.queue.name">student-registration</parameter>
    <parameter name="rabbitmq.queue.auto.ack">false</parameter>
    <parameter name="rabbitmq.message.requeue.delay">30000</parameter>
  </parameters>
</inboundEndpoint>`,
    },
  ],
  check(config, site) {
    checkRabbit(config, site, false)
    for (const name of Object.keys(config.others)) {
      if (isOptionalArgument(name)) continue
      site.hint(
        'no-effect',
        `parameter "${name}" has no effect`,
        site.parameter(name)?.offset ?? site.element.offset,
        'Remove it, or check its spelling.',
      )
    }
  },
  create(config, { name, sequence, onError, at, services, log, parameters: written }) {
    const main = { role: 'sequence', name: 'main', at } as const
    return services.rabbitmq.listener({
      origin: { label: `inboundendpoint:${name}`, kind: 'inbound', name },
      called: `inbound endpoint ${name}`,
      entrance: { kind: 'sequence', ref: sequence ?? main, onError },
      parameters: { ...config, consumers: Math.max(config.consumers, config.sequential ? 1 : AT_ONCE) },
      optional: config.others,
      properties: Object.fromEntries(Object.entries(written).filter(([key]) => !SECRET.test(key))),
      log,
    })
  },
})
