import type { Clock, Timer } from '../kernel/clock.ts'
import type { Log } from '../kernel/contracts.ts'
import type { QuartzCron } from './quartz.ts'
import type { Timetable } from './recurring.ts'
import { cronTicks, localTimeZone, nextTimes } from './scheduler.ts'

/** At the times of a Quartz expression, in local time. */
export function byCron(cron: QuartzCron, log: Log): Timetable {
  const zone = localTimeZone()
  return {
    shown: { kind: 'cron', expression: cron.source },
    follow: (_clock, run) => cronTicks(cron, zone, log).onTick(run),
    next: () => nextTimes(cron, zone, 1)[0]?.getTime(),
  }
}

/**
 * At once, then every `interval` milliseconds, `count` times in all. Times are those of a clock face, not distances: one
 * that is late does not move the next. Those missed while the machine slept are left out.
 */
export function byInterval(interval: number, count: number | undefined): Timetable {
  let next: number | undefined
  return {
    shown: { kind: 'interval', interval, ...(count !== undefined && { count }) },
    follow(clock, run, end) {
      let timer: Timer | undefined
      let due = clock.monotonic()
      let left = count ?? Infinity
      const fire = (): void => {
        left--
        if (left > 0) {
          due += (1 + missed(clock, due, interval)) * interval
          next = clock.now() + (due - clock.monotonic())
          timer = clock.after(due - clock.monotonic(), fire)
        } else {
          next = undefined
          end()
        }
        run()
      }
      next = clock.now()
      timer = clock.after(0, fire)
      return () => {
        timer?.cancel()
        next = undefined
      }
    },
    next: () => next,
  }
}

/** Whole intervals that have passed since `due`; a timer may also be a little early. */
function missed(clock: Clock, due: number, interval: number): number {
  return Math.max(0, Math.floor((clock.monotonic() - due) / interval))
}
