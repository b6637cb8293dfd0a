import type { Log } from '../kernel/contracts.ts'
import type { ElementSite } from '../schema/element-site.ts'
import { attr, child, flag, int } from '../schema/index.ts'
import type { ValueType } from '../schema/types.ts'
import { parseQuartz, QUARTZ_EXPECTED, type QuartzCron } from './quartz.ts'
import type { Timetable } from './recurring.ts'
import { byCron, byInterval } from './timetable.ts'

function quartz(): ValueType<QuartzCron> {
  return {
    name: 'cron',
    expected: QUARTZ_EXPECTED,
    xsd: 'xs:string',
    parse(given, site) {
      const resolved = site.substitute(given.trim())
      if (!('value' in resolved)) return resolved
      try {
        return { value: { ...parseQuartz(resolved.value), source: given.trim() } }
      } catch (thrown) {
        return { problem: thrown instanceof Error ? thrown.message : String(thrown) }
      }
    },
    print: ({ source }) => source,
  }
}

function replaceableInt(): ValueType<number> {
  const whole = int()
  return {
    ...whole,
    parse(given, site) {
      const resolved = site.substitute(given.trim())
      return 'value' in resolved ? whole.parse(resolved.value, site) : resolved
    },
  }
}

/** `<trigger>` of a task (synapse-language G.3). */
export const triggerField = child(
  'trigger',
  {
    cron: attr(quartz(), { doc: 'A Quartz cron expression, in local time.' }),
    interval: attr(replaceableInt(), { doc: 'Seconds between two runs; the first one is at once.' }),
    count: attr(replaceableInt(), { doc: 'How often it runs; absent or -1: for ever.' }),
    once: attr(flag(), { doc: 'True: once, at once. The same as no timetable at all.' }),
  },
  { doc: 'When it runs. Absent: once, at once.' },
)

export interface Trigger {
  readonly cron: QuartzCron | undefined
  readonly interval: number | undefined
  readonly count: number | undefined
  readonly once: boolean | undefined
}

export function checkTrigger(trigger: Trigger | undefined, site: ElementSite): void {
  if (!trigger) return
  const { cron, interval, count, once } = trigger
  const offset = site.element.childElements.find(({ local }) => local === 'trigger')?.offset ?? site.element.offset
  if (cron && interval !== undefined) {
    site.error('one-too-many', 'a trigger has either cron or interval', offset, 'Remove one of the two.')
  }
  if (interval !== undefined && interval < 1) {
    site.error('invalid-value', 'the interval must be at least one second', offset, 'Write a larger number.')
  }
  if (interval === undefined && !cron && count !== undefined && count > 1) {
    site.error('missing', 'a count above 1 needs an interval', offset, 'Add interval="…" in seconds.')
  }
  if (cron && count !== undefined) {
    site.warn('no-effect', 'count has no effect beside cron', offset, 'Remove it.')
  }
  if (once === true && (cron || interval !== undefined)) {
    site.warn('one-too-many', 'once="true" has no effect beside cron or interval', offset, 'Keep one of the two.')
  }
}

export function timetableOf(trigger: Trigger | undefined, log: Log): Timetable {
  if (trigger?.cron) return byCron(trigger.cron, log)
  if (trigger?.interval === undefined) return byInterval(1000, 1)
  const { count = -1 } = trigger
  return byInterval(trigger.interval * 1000, count < 0 ? undefined : Math.max(1, count))
}
