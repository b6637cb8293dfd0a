import { randomNumbers } from '../../../axis2-mock/quotes.ts'
import { POINTS, type Point } from './points.ts'

export type Victim = 'server' | 'broker'
export type ScenarioName = keyof typeof POINTS

/**
 * When the first victim dies, once enough orders were accepted:
 * - `time`: killed after a while;
 * - `point`: it kills itself as it passes a scripted point;
 * - `arrival`: killed while the back end works on an order, between send and settle;
 * - `deploy`: every artifact is written again, and it dies on reading one of them, or a while after;
 * - `stop`: told to stop, and killed before it has, or as it gives back its lock.
 */
export type Moment =
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'point'; readonly at: Point; readonly nth: number }
  | { readonly kind: 'arrival'; readonly nth: number }
  | { readonly kind: 'deploy' | 'stop'; readonly ms: number; readonly at?: Point; readonly nth?: number }

export interface Round {
  readonly number: number
  /** In this order, one right behind the other. */
  readonly victims: readonly Victim[]
  /** The order in which they come back. */
  readonly revived: readonly Victim[]
  /** Before the kill. */
  readonly accepted: number
  readonly moment: Moment
  /** The restarted server is killed once more, so many milliseconds into its start. */
  readonly again: number | undefined
  /** Orders accepted while the broker alone is away. */
  readonly meanwhile: number
  /** Orders accepted after all are back. */
  readonly after: number
}

/** At least as many have to be accepted before a kill, or the round does not count. */
export const LEAST_ACCEPTED = 200
const LONGEST_MS = 60
/** About as long as a start takes. */
const START_MS = 400
/** Between a change of the artifacts and the look at them, and for the look itself. */
const LOOK_MS = 300
const STOP_MS = 120

const CHOICES: readonly (readonly Victim[])[] = [['server'], ['broker'], ['server', 'broker'], ['broker', 'server']]

/** The same seed is the same schedule. Victims, moments and points take turns, so that a few rounds meet them all. */
export function planRounds(seed: number, rounds: number, scenario: ScenarioName): Round[] {
  const random = randomNumbers(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  const choices = scenario === 'failover' ? CHOICES : CHOICES.slice(0, 1)
  const decks = { server: deck(POINTS[scenario].server, below), broker: deck(POINTS[scenario].broker, below) }
  const specials = { server: deck(SERVER_MOMENTS, below), broker: deck(BROKER_MOMENTS, below) }
  const moment = (first: Victim): Moment => {
    const kind = specials[first]()!
    if (kind === 'point') {
      const at = decks[first]()!
      return { kind, at, nth: FREQUENT.has(at.point) ? 1 + below(5) : 1 }
    }
    if (kind === 'arrival') return { kind, nth: 1 + below(20) }
    if (kind === 'time') return { kind, ms: below(LONGEST_MS) }
    const scripted = below(2) === 0
    if (kind === 'stop') {
      const at: Point = { point: 'unlock', when: below(2) === 0 ? 'before' : 'after' }
      return { kind, ms: below(STOP_MS), ...(scripted && { at, nth: 1 }) }
    }
    return { kind, ms: below(LOOK_MS), ...(scripted && { at: { point: 'deploy', when: 'before' }, nth: 1 + below(5) }) }
  }
  const offset = below(choices.length)
  return Array.from({ length: rounds }, (_, index) => {
    const victims = choices[(index + offset) % choices.length]!
    return {
      number: index + 1,
      victims,
      revived: below(2) === 0 ? victims : [...victims].reverse(),
      accepted: LEAST_ACCEPTED + below(60),
      moment: moment(victims[0]!),
      again: victims.includes('server') && below(4) === 0 ? below(START_MS) : undefined,
      meanwhile: 1 + below(60),
      after: 1 + below(40),
    }
  })
}

/** Points that are passed many times a second. */
const FREQUENT: ReadonlySet<string> = new Set(['append', 'sync', 'answer', 'send', 'sent', 'settle', 'frame'])
const SERVER_MOMENTS = ['point', 'point', 'point', 'point', 'time', 'time', 'arrival', 'deploy', 'stop'] as const
const BROKER_MOMENTS = ['point', 'point', 'time'] as const

/** Deals all cards before any comes again. */
function deck<T>(cards: readonly T[], below: (limit: number) => number): () => T | undefined {
  let left: T[] = []
  return () => {
    if (left.length === 0) left = [...cards]
    return left.splice(below(left.length), 1)[0]
  }
}

/** What the moment is called where moments are counted. */
export function momentName(moment: Moment): string {
  const at = 'at' in moment ? moment.at : undefined
  if (moment.kind === 'point') return `${at!.when} ${at!.point}`
  return at ? `${moment.kind}, ${at.when} ${at.point}` : moment.kind
}

/** One line that says it all. */
export function sayRound({ number, victims, revived, accepted, moment, again, meanwhile, after }: Round): string {
  const count = 'nth' in moment ? ` number ${moment.nth}` : ''
  const ms = 'ms' in moment && !('at' in moment) ? ` +${moment.ms} ms` : ''
  const second = again === undefined ? '' : `, the server again ${again} ms into its start`
  const back = revived.length > 1 ? `, back: ${revived.join(' then ')}` : ''
  const when = `${momentName(moment)}${count}${ms}`
  return `round ${number}: kill ${victims.join(' and ')} (${when}) after ${accepted} accepted${second}${back}, +${meanwhile} +${after}`
}
