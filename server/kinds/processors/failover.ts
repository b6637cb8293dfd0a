import { Mover, type Moving } from '../../runtime/mover.ts'
import {
  axis2Fields,
  checkSchedule,
  rateOf,
  reconnectFields,
  reconnectOf,
  retryFields,
  retryOf,
  scheduleFields,
} from '../../runtime/processor-fields.ts'
import { StoredFlow } from '../../runtime/stored-flow.ts'
import { StoreProcessor } from '../../runtime/store-processor.ts'
import { defineProcessor, int, param, ref, text } from '../../schema/index.ts'

const TYPE = 'Failover-scheduled-message-forwarding-processor'

export default defineProcessor({
  name: 'failover',
  classes: ['org.apache.synapse.message.processor.impl.failover.FailoverScheduledMessageForwardingProcessor'],
  type: TYPE,
  summary: 'Moves messages from a failover store back to the store they were meant for.',
  details: `
    A message leaves the source only when the target holds it, under the same id; between two journal stores both happen
    in one step. While the target is away the move is tried every client.retry.interval, and at once when the target can
    be reached again. Order is kept. When max.delivery.attempts are used up the message is dropped (max.delivery.drop), or
    the deactivate sequence runs and the processor deactivates itself; the message stays in the source.

    In Synapse a processor without a target throws its messages away; here that is an error at deployment. Leading back
    to the own store is an error, too.`,
  fields: {
    ...scheduleFields,
    ...retryFields,
    ...reconnectFields,
    maxAttempts: param('max.delivery.attempts', int(), {
      fallback: -1,
      doc: 'Tries of one message before it is given up; 0 or less: no end.',
    }),
    drop: param('max.delivery.drop', text(), {
      fallback: 'Disabled',
      doc: 'Enabled (exactly so): a message that is given up is dropped.',
    }),
    target: param('message.target.store.name', ref('message-store'), {
      required: true,
      doc: 'The store messages are moved to.',
    }),
    faultSequence: param('message.processor.fault.sequence', ref('sequence'), { doc: 'Runs after each failed try.' }),
    deactivateSequence: param('message.processor.deactivate.sequence', ref('sequence'), {
      doc: 'Runs before the processor deactivates itself.',
    }),
    ...axis2Fields,
  },
  examples: [
    {
      title: 'Drain the failover store when the broker is back',
      xml: `<messageProcessor name="drain" class="org.apache.synapse.message.processor.impl.failover.FailoverScheduledMessageForwardingProcessor" messageStore="failover">
  <parameter name="client.retry.interval">60000</parameter>
  <parameter name="message.target.store.name">orders</parameter>
</messageProcessor>`,
    },
  ],
  check(config, site) {
    checkSchedule(config, site)
    const { target, drop } = config
    if (drop !== 'Enabled' && drop !== 'Disabled') {
      const at = site.parameter('max.delivery.drop')?.offset ?? site.element.offset
      site.warn('no-effect', `max.delivery.drop "${drop}" drops nothing`, at, 'Only the exact word Enabled does.')
    }
    const source = site.element.attributeNode('messageStore')?.value.trim()
    if (target && target.name === source) {
      const at = site.parameter('message.target.store.name')?.offset ?? site.element.offset
      site.error(
        'store-circle',
        `messages would be moved from store "${source}" to itself, for ever`,
        at,
        'Name another store.',
      )
    }
  },
  create(config, env) {
    const settings: Moving = {
      target: config.target!.name,
      faultSequence: config.faultSequence?.name,
      deactivateSequence: config.deactivateSequence?.name,
      drop: config.drop === 'Enabled',
    }
    const flow = new StoredFlow(env.name, env.services, env.log)
    return new StoreProcessor({
      name: env.name,
      type: TYPE,
      store: env.store,
      parameters: env.parameters,
      initiallyActive: config.isActive,
      workers: config.memberCount,
      rate: rateOf(config, env),
      retry: retryOf(config),
      maxAttempts: Math.max(0, config.maxAttempts),
      reconnect: reconnectOf(config),
      services: env.services,
      log: env.log,
      handler: () => new Mover(flow, settings),
    })
  },
})
