import type { Backoff } from '../kernel/backoff.ts'
import type { ConfigOf } from '../schema/fields.ts'
import { decimal, flag, int, milliseconds, param, text, type ProcessorEnv } from '../schema/index.ts'
import type { ElementSite } from '../schema/element-site.ts'
import type { ValueType } from '../schema/types.ts'
import type { Rate } from './pace.ts'
import { parseQuartz, QUARTZ_EXPECTED, type QuartzCron } from './quartz.ts'
import { cronTicks, localTimeZone } from './scheduler.ts'

const quartz: ValueType<QuartzCron> = {
  name: 'quartz',
  expected: QUARTZ_EXPECTED,
  xsd: 'xs:string',
  parse(given) {
    try {
      return { value: parseQuartz(given) }
    } catch (thrown) {
      return {
        problem: thrown instanceof Error ? thrown.message : String(thrown),
        hint: `Expected ${QUARTZ_EXPECTED}.`,
      }
    }
  },
  print: value => value.source,
}

const computed = 'Synapse writes it into configurations it saves; the value follows from interval and cronExpression.'
const java = 'There is no Axis2 client here.'

/** Parameters of every scheduled processor. */
export const scheduleFields = {
  interval: param('interval', milliseconds(), {
    fallback: 1000,
    doc: 'Least time between two messages. One that reaches an idle processor goes out at once. 0: no pause. With a cron expression: pause between the messages of one firing.',
  }),
  cronExpression: param('cronExpression', quartz, {
    doc: 'When to work, in Quartz syntax, instead of every interval.',
  }),
  batchSize: param('message.processor.batch.size', int({ min: 1 }), {
    advanced: true,
    doc: 'Messages in one interval; absent: one. With a cron expression messages in one firing; absent: all.',
  }),
  batchInterval: param('message.processor.batch.interval', milliseconds(), {
    fallback: 0,
    advanced: true,
    doc: 'Pause between the messages of a batch.',
  }),
  isActive: param('is.active', flag(), {
    fallback: true,
    doc: 'Whether it works at its very first deployment. Afterwards what an operator said counts.',
  }),
  memberCount: param('member.count', int({ min: 0 }), {
    fallback: 1,
    doc: 'Messages worked on at the same time. Order is kept only with 1.',
  }),
  throttle: param('throttle', text(), { doc: 'Computed by Synapse.', ignored: computed }),
  throttleInterval: param('throttle.interval', text(), { doc: 'Computed by Synapse.', ignored: computed }),
  cronDotExpression: param('cron.expression', text(), { doc: 'Computed by Synapse.', ignored: computed }),
  quartzConf: param('quartz.conf', text(), {
    doc: 'Scheduler file.',
    ignored: 'There is no Quartz scheduler to configure here.',
  }),
  bindServer: param('bind.processor.server', text(), {
    doc: 'Removed from Synapse in 2015.',
    ignored: 'Processors are not bound to servers.',
  }),
  pinnedServers: param('pinnedServers', text(), {
    doc: 'Removed from Synapse in 2015.',
    ignored: 'Processors are not bound to servers.',
  }),
  failoverStore: param('store.failover.message.store.name', text(), {
    doc: 'A parameter of stores.',
    ignored: 'It belongs to the message store, not to the processor.',
  }),
}

export const axis2Fields = {
  axis2Repo: param('axis2.repo', text(), { doc: 'Java client repository.', ignored: java }),
  axis2Config: param('axis2.config', text(), { doc: 'Java client configuration.', ignored: java }),
}

/** How long to wait between tries of one message. */
export const retryFields = {
  retryInterval: param('client.retry.interval', milliseconds(), { fallback: 1000, doc: 'Pause after a failed try.' }),
  retryMaxInterval: param('client.retry.max.interval', milliseconds(), {
    advanced: true,
    doc: 'Longest pause, where the pauses grow. Absent: they do not.',
  }),
  retryFactor: param('client.retry.factor', decimal({ min: 1 }), {
    advanced: true,
    doc: 'Each pause is so many times the one before, up to the longest. Absent: 1, or 2 where a longest pause is given.',
  }),
}

/** How long to wait for a store that cannot be reached. */
export const reconnectFields = {
  storeAttempts: param('max.store.connection.attempts', int({ min: -1 }), {
    fallback: -1,
    doc: 'Failed attempts to reach the store again before the processor deactivates itself; -1 or 0: never. A store that was never reached since the start does not count.',
  }),
  storeInterval: param('store.connection.retry.interval', milliseconds(), {
    fallback: 1000,
    doc: 'Pause before the first attempt.',
  }),
  storeMaxInterval: param('store.connection.retry.max.interval', milliseconds(), {
    fallback: 60_000,
    advanced: true,
    doc: 'Longest pause.',
  }),
  storeFactor: param('store.connection.retry.factor', decimal({ min: 1 }), {
    fallback: 2,
    advanced: true,
    doc: 'Each pause is so many times the one before.',
  }),
}

type Schedule = Pick<ConfigOf<typeof scheduleFields>, 'interval' | 'cronExpression' | 'batchSize' | 'batchInterval'>

export function rateOf({ interval, cronExpression, batchSize, batchInterval }: Schedule, env: ProcessorEnv): Rate {
  if (!cronExpression) return { kind: 'interval', interval, size: batchSize ?? 1, pause: batchInterval }
  return {
    kind: 'cron',
    ticks: cronTicks(cronExpression, localTimeZone(), env.log),
    size: batchSize ?? Infinity,
    pause: interval,
  }
}

export function retryOf({ retryInterval, retryMaxInterval, retryFactor }: ConfigOf<typeof retryFields>): Backoff {
  return {
    interval: retryInterval,
    maxInterval: retryMaxInterval ?? (retryFactor === undefined ? retryInterval : Infinity),
    growth: 'exponential',
    factor: retryFactor ?? 2,
  }
}

export function reconnectOf(config: ConfigOf<typeof reconnectFields>): { backoff: Backoff; attempts: number } {
  return {
    attempts: Math.max(0, config.storeAttempts),
    backoff: {
      interval: config.storeInterval,
      maxInterval: config.storeMaxInterval,
      growth: 'exponential',
      factor: config.storeFactor,
    },
  }
}

/** What a backlog of this size should not take longer than. */
const BACKLOG = 10_000
const HOURS = 3_600_000

export function checkSchedule(config: Schedule, site: ElementSite): void {
  const { interval, cronExpression, batchSize } = config
  if (cronExpression) return
  const hours = (BACKLOG / (batchSize ?? 1)) * (interval / HOURS)
  if (hours < 2) return
  site.hint(
    'slow-drain',
    `a backlog of ${BACKLOG} messages takes ${Math.round(hours)} hours at this interval`,
    site.parameter('interval')?.offset ?? site.element.offset,
    'Lower interval (0: no pause), or set message.processor.batch.size.',
  )
}
