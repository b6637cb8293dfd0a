import type { StoredMessage } from '../../kernel/contracts.ts'
import { Forwarder, type FailAction, type Forwarding } from '../../runtime/forwarder.ts'
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
import { defineProcessor, flag, int, oneOf, param, ref, text } from '../../schema/index.ts'
import type { ElementSite } from '../../schema/element-site.ts'
import type { ValueType } from '../../schema/types.ts'

const TYPE = 'Scheduled-message-forwarding-processor'

/** Separated by commas; Synapse looks for the code anywhere in the text, so other separators are in use, too. */
const statusCodes: ValueType<readonly number[]> = {
  name: 'statusCodes',
  expected: 'HTTP status codes separated by commas',
  xsd: 'xs:string',
  parse(given) {
    const parts = given.split(/[\s,;]+/).filter(part => part !== '')
    const wrong = parts.find(part => !/^[1-5]\d\d$/.test(part))
    return wrong === undefined ? { value: parts.map(Number) } : { problem: `"${wrong}" is not an HTTP status code` }
  },
  print: codes => codes.join(','),
}

export default defineProcessor({
  name: 'forwarding',
  classes: [
    'org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor',
    'org.apache.synapse.message.processors.forward.ScheduledMessageForwardingProcessor',
  ],
  type: TYPE,
  summary: 'Sends stored messages to an endpoint, one after the other, until each is delivered or given up.',
  details: `
    The target is the attribute targetEndpoint, else the parameter target.endpoint, else the message's own property of
    that name. A message leaves the store when the back end has answered with a status of 2xx or one listed in
    non.retry.status.codes. Anything else is a failed try: the fault sequence runs, and after client.retry.interval it is
    sent again. After max.delivery.attempts real sends the message is dropped (max.delivery.drop), else moved to the store
    for failed messages, else the processor deactivates itself and the message stays; message.processor.fail.action says it
    in one word and beats both. A suspended endpoint, one that is
    not deployed (yet), or a store that is away cost no attempt: the processor waits and shows why.

    A message without OUT_ONLY has a reply, which goes through the reply sequence. Once the back end has taken the message
    it is never sent again, whatever the reply sequence does: drop, respond and send in it are harmless, and a failure in
    it is logged and runs the fault sequence. (In Synapse each of these sends the message again.) Without a reply sequence
    the reply is discarded with a warning; Synapse would deactivate the processor after the delivery and send the message
    again later. The fault sequence runs for every failed try, also with OUT_ONLY and a status of 400 or 500.

    Attempts and the time of the next try are kept with the message and outlive a restart. A reactivated processor gives
    its message as many attempts again.`,
  fields: {
    ...scheduleFields,
    ...retryFields,
    ...reconnectFields,
    maxAttempts: param('max.delivery.attempts', int(), {
      doc: 'Sends of one message before it is given up; 0 or less: no end. Absent: 4.',
    }),
    maxDeliverAttempts: param('max.deliver.attempts', int(), {
      advanced: true,
      doc: 'The same under the name Apache Synapse has for it.',
    }),
    drop: param('max.delivery.drop', text(), {
      fallback: 'Disabled',
      doc: 'Enabled (exactly so): a message that is given up is dropped.',
    }),
    deliverDrop: param('max.deliver.drop', flag(), {
      fallback: false,
      advanced: true,
      doc: 'True: the same under the name Apache Synapse has for it.',
    }),
    failStore: param('message.processor.failMessagesStore', ref('message-store'), {
      doc: 'Takes messages that are given up. While it cannot, the message stays and the processor waits for it.',
    }),
    failAction: param('message.processor.fail.action', oneOf('deactivate', 'store', 'drop', 'broker'), {
      advanced: true,
      doc: 'What becomes of a message that is given up: the processor stops and keeps it; the store for failed messages takes it; it is dropped; the broker takes it back as rejected, for its own dead-letter queue. Absent: max.delivery.drop, else the store, else deactivate.',
    }),
    delivered: param('non.retry.status.codes', statusCodes, { doc: 'Statuses that count as delivered.' }),
    failures: param('retry.http.status.codes', statusCodes, {
      advanced: true,
      doc: 'Statuses that count as failures.',
    }),
    requestSequence: param('message.processor.request.sequence', ref('sequence'), {
      advanced: true,
      doc: 'Runs before each try, on a copy: what it changes is sent, and the stored message stays as it is. A fault in it is a failed try.',
    }),
    replySequence: param('message.processor.reply.sequence', ref('sequence'), { doc: 'Runs on the reply.' }),
    replyBeforeAck: param('message.processor.reply.before.ack', flag(), {
      fallback: false,
      advanced: true,
      doc: 'True: a message whose reply sequence failed was not delivered; it is sent again, as after any failed try.',
    }),
    faultSequence: param('message.processor.fault.sequence', ref('sequence'), { doc: 'Runs after each failed try.' }),
    deactivateSequence: param('message.processor.deactivate.sequence', ref('sequence'), {
      doc: 'Runs when the processor has deactivated itself.',
    }),
    endpoint: param('target.endpoint', ref('endpoint'), {
      doc: 'Where to send, unless the element says targetEndpoint.',
    }),
    concurrency: param('concurrency', int({ min: 1 }), {
      fallback: 1,
      advanced: true,
      doc: 'Messages worked on at the same time, those of one key one after the other; not in Synapse.',
    }),
    concurrencyKey: param('concurrency.key', text(), {
      advanced: true,
      doc: 'Property or transport header that tells which messages must stay in order.',
    }),
    ...axis2Fields,
  },
  examples: [
    {
      title: 'Four tries, then stop and keep the message',
      xml: `<messageProcessor name="forward" class="org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor" messageStore="orders" targetEndpoint="OrderService">
  <parameter name="client.retry.interval">1000</parameter>
  <parameter name="max.delivery.attempts">4</parameter>
</messageProcessor>`,
    },
    {
      title: 'Move what cannot be delivered out of the way',
      xml: `<messageProcessor name="forward" class="org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor" messageStore="orders" targetEndpoint="OrderService">
  <parameter name="interval">100</parameter>
  <parameter name="message.processor.failMessagesStore">failed</parameter>
</messageProcessor>`,
    },
  ],
  check(config, site) {
    checkSchedule(config, site)
    checkConcurrency(config, site)
    const { drop, deliverDrop, failStore, failAction, replyBeforeAck, replySequence } = config
    const at = (name: string): number => site.parameter(name)?.offset ?? site.element.offset
    const drops = drop === 'Enabled' || deliverDrop
    if (drop !== 'Enabled' && drop !== 'Disabled') {
      site.warn(
        'no-effect',
        `max.delivery.drop "${drop}" drops nothing`,
        at('max.delivery.drop'),
        'Only the exact word Enabled does.',
      )
    }
    if (failAction === 'store' && !failStore) {
      site.error(
        'missing',
        'messages that are given up are to go to a store, but none is named',
        at('message.processor.fail.action'),
        'Name it with the parameter message.processor.failMessagesStore.',
      )
    }
    if (failAction !== undefined && failAction !== 'store' && failStore) {
      site.warn(
        'one-too-many',
        `the fail action "${failAction}" beats the store for failed messages: nothing will get there`,
        at('message.processor.failMessagesStore'),
        'Keep one of the two.',
      )
    }
    if (failAction !== undefined && failAction !== 'drop' && drops) {
      site.warn(
        'one-too-many',
        `the fail action "${failAction}" beats dropping: nothing is dropped`,
        at('message.processor.fail.action'),
        'Keep one of the two.',
      )
    }
    if (replyBeforeAck && !replySequence) {
      site.warn(
        'no-effect',
        'without a reply sequence nothing happens to the reply before the message is acknowledged',
        at('message.processor.reply.before.ack'),
        'Name one with message.processor.reply.sequence, or remove the parameter.',
      )
    }
    if (failAction === undefined && drops && failStore) {
      site.warn(
        'one-too-many',
        'dropping beats the store for failed messages: nothing will get there',
        at('message.processor.failMessagesStore'),
        'Keep one of the two.',
      )
    }
    if ((drops || failStore || failAction !== undefined) && attemptsOf(config) === 0) {
      site.hint(
        'no-effect',
        'messages are never given up, so nothing is dropped or moved',
        site.element.offset,
        'Set max.delivery.attempts to 1 or more.',
      )
    }
  },
  create(config, env) {
    const settings: Forwarding = {
      endpoint: (env.targetEndpoint ?? config.endpoint)?.name,
      requestSequence: config.requestSequence?.name,
      replySequence: config.replySequence?.name,
      replyBeforeAck: config.replyBeforeAck,
      faultSequence: config.faultSequence?.name,
      deactivateSequence: config.deactivateSequence?.name,
      failStore: config.failStore?.name,
      failAction: failActionOf(config),
      delivered: new Set(config.delivered),
      failures: new Set(config.failures),
    }
    const flow = new StoredFlow(env.name, env.services, env.log)
    const processor: StoreProcessor = new StoreProcessor({
      name: env.name,
      type: TYPE,
      store: env.store,
      parameters: env.parameters,
      initiallyActive: config.isActive,
      workers: config.concurrency > 1 ? config.concurrency : config.memberCount,
      ...(config.concurrency > 1 && config.concurrencyKey !== undefined && { keyOf: keyReader(config.concurrencyKey) }),
      rate: rateOf(config, env),
      retry: retryOf(config),
      maxAttempts: attemptsOf(config),
      reconnect: reconnectOf(config),
      services: env.services,
      log: env.log,
      handler: () => new Forwarder(flow, settings),
      ...(settings.replySequence !== undefined && {
        onEnd: env.services.callers.answerFor(env.store.name, () => processor.state.wanted === 'active'),
      }),
    })
    return processor
  },
})

function checkConcurrency(
  config: { readonly concurrency: number; readonly concurrencyKey: string | undefined; readonly memberCount: number },
  site: ElementSite,
): void {
  const at = (name: string): number => site.parameter(name)?.offset ?? site.element.offset
  if (config.concurrency > 1 && config.concurrencyKey === undefined) {
    const hint =
      'Add concurrency.key with the property or header that must keep its order, or use member.count where order does not matter.'
    site.error('missing', 'concurrency needs to know which messages must stay in order', at('concurrency'), hint)
  }
  if (config.concurrency > 1 && config.memberCount > 1) {
    site.warn(
      'one-too-many',
      'member.count has no effect beside concurrency',
      at('member.count'),
      'Keep one of the two.',
    )
  }
}

/** The value of a property or, if there is none, of a transport header; messages without either share one key. */
function keyReader(name: string): (message: StoredMessage) => string {
  const lower = name.toLowerCase()
  return ({ envelope, headers }) => {
    const property = envelope.properties[name]
    if (property !== undefined) return String(property)
    for (let at = 0; at < headers.length; at += 2) if (headers[at]!.toLowerCase() === lower) return headers[at + 1]!
    return ''
  }
}

/** Where no word says it, what Synapse does: dropping beats the store, the store beats deactivation (WF-6). */
function failActionOf(config: {
  readonly failAction: FailAction | undefined
  readonly drop: string
  readonly deliverDrop: boolean
  readonly failStore: unknown
}): FailAction {
  if (config.failAction !== undefined) return config.failAction
  if (config.drop === 'Enabled' || config.deliverDrop) return 'drop'
  return config.failStore === undefined ? 'deactivate' : 'store'
}

const SYNAPSE_ATTEMPTS = 4

/** 0: no end. */
function attemptsOf(config: {
  readonly maxAttempts: number | undefined
  readonly maxDeliverAttempts: number | undefined
}): number {
  return Math.max(0, config.maxAttempts ?? config.maxDeliverAttempts ?? SYNAPSE_ATTEMPTS)
}
