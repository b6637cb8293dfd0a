import { checkSchedule, rateOf, reconnectFields, reconnectOf, scheduleFields } from '../../runtime/processor-fields.ts'
import { Sampler } from '../../runtime/sampler.ts'
import { StoredFlow } from '../../runtime/stored-flow.ts'
import { StoreProcessor } from '../../runtime/store-processor.ts'
import { defineProcessor, int, param, ref } from '../../schema/index.ts'

const TYPE = 'Sampling-processor'
/** Synapse never samples more often. */
const SHORTEST_INTERVAL = 1000
const PAUSE = { interval: 1000, maxInterval: 30_000, growth: 'exponential', factor: 2 } as const

export default defineProcessor({
  name: 'sampling',
  classes: [
    'org.apache.synapse.message.processor.impl.sampler.SamplingProcessor',
    'org.apache.synapse.message.processors.sampler.SamplingProcessor',
  ],
  type: TYPE,
  summary: 'Runs a sequence on stored messages, a few in every interval.',
  details: `
    Every interval (at least a second) as many messages as \`concurrency\` says are taken and run through the sequence, at
    the same time. A message leaves the store when its sequence has ended; Synapse takes it out before the sequence
    begins and loses it in a crash. A sequence is not run twice because it failed: the failure is logged and the message
    goes to the quarantine of its store with the reason. As long as the sequence is not deployed messages stay where they
    are; Synapse throws them away. With a cron expression \`concurrency\` messages are taken at each firing.`,
  fields: {
    ...scheduleFields,
    ...reconnectFields,
    sequence: param('sequence', ref('sequence'), { required: true, doc: 'Runs on each message.' }),
    concurrency: param('concurrency', int({ min: 1 }), {
      fallback: 1,
      doc: 'Messages in one interval, worked on at the same time.',
    }),
  },
  examples: [
    {
      title: 'Three messages a second',
      xml: `<messageProcessor name="sample" class="org.apache.synapse.message.processor.impl.sampler.SamplingProcessor" messageStore="orders">
  <parameter name="sequence">work</parameter>
  <parameter name="concurrency">3</parameter>
</messageProcessor>`,
    },
  ],
  check(config, site) {
    checkSchedule({ ...config, batchSize: config.concurrency * (config.batchSize ?? 1) }, site)
    if (config.interval < SHORTEST_INTERVAL && !config.cronExpression) {
      const at = site.parameter('interval')?.offset ?? site.element.offset
      site.hint('no-effect', 'a sampling processor works once a second at most', at, 'Raise concurrency instead.')
    }
  },
  create(config, env) {
    const flow = new StoredFlow(env.name, env.services, env.log)
    const interval = Math.max(SHORTEST_INTERVAL, config.interval)
    return new StoreProcessor({
      name: env.name,
      type: TYPE,
      store: env.store,
      parameters: env.parameters,
      initiallyActive: config.isActive,
      // Each takes one message in an interval, so that one slow sequence does not hold up the others.
      workers: config.memberCount * config.concurrency,
      rate: rateOf({ ...config, interval, batchSize: config.batchSize ?? 1 }, env),
      retry: PAUSE,
      maxAttempts: 0,
      reconnect: reconnectOf(config),
      services: env.services,
      log: env.log,
      handler: () => new Sampler(flow, config.sequence!.name, env.store.name),
    })
  },
})
