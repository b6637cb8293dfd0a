import { createTask, setLogger } from 'node-cron'
import type { Log } from '../kernel/contracts.ts'
import type { Ticks } from './pace.ts'
import { parseQuartz, type QuartzCron } from './quartz.ts'

/** The library prints coloured lines to the console unless it is told otherwise; ours are in the log. */
const SILENT = { info: nothing, warn: nothing, error: nothing, debug: nothing }
setLogger(SILENT)

function nothing(): void {}

/** The time zone of this machine. */
export function localTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone
}

/**
 * Fires by a Quartz expression, in local time of `timeZone`. In spring a time that does not exist is left out; in autumn a
 * time that comes twice fires once, the second time it comes (dependencies.md §7). A firing that was missed because the
 * process was busy is made up for.
 */
export function cronTicks(cron: QuartzCron, timeZone: string, log: Log): Ticks {
  return {
    onTick(listener) {
      const fire = (at: Date): void => {
        if (cron.years === null || cron.years.has(yearIn(at, timeZone))) listener()
      }
      const task = createTask(cron.expression, ({ date }) => fire(date), { timezone: timeZone, logger: SILENT })
      task.on('execution:missed', ({ date }) => {
        log.warn('a scheduled time was missed because the server was busy; it is made up for', { cron: cron.source })
        fire(date)
      })
      void task.start()
      return () => void task.destroy()
    },
  }
}

/** The next times the expression fires, for people. */
export function nextTimes(cron: QuartzCron, timeZone: string, count: number): Date[] {
  const task = createTask(cron.expression, nothing, { timezone: timeZone, logger: SILENT })
  try {
    if (cron.years === null) return task.getNextRuns(count)
    // The library does not know years: enough runs to reach the year wanted are looked at.
    const wanted = task.getNextRuns(LOOK_AHEAD).filter(date => cron.years!.has(yearIn(date, timeZone)))
    return wanted.slice(0, count)
  } finally {
    void task.destroy()
  }
}

const LOOK_AHEAD = 3000

function yearIn(date: Date, timeZone: string): number {
  return Number(new Intl.DateTimeFormat('en', { year: 'numeric', timeZone }).format(date))
}

export { parseQuartz }
