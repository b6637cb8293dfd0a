import { randomNumbers } from '../../../axis2-mock/quotes.ts'

export type Victim = 'server' | 'broker'

/** When to kill, once enough orders were accepted: after a while, or as a journal next changes its files. */
export type Moment =
  | { readonly after: 'time'; readonly ms: number }
  | { readonly after: 'files'; readonly changes: number }

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

const CHOICES: readonly (readonly Victim[])[] = [['server'], ['broker'], ['server', 'broker'], ['broker', 'server']]

/** The same seed is the same schedule. Victims take turns, so that a few rounds meet every choice. */
export function planRounds(seed: number, rounds: number, hasBroker: boolean): Round[] {
  const random = randomNumbers(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  const choices = hasBroker ? CHOICES : CHOICES.slice(0, 1)
  const offset = below(choices.length)
  return Array.from({ length: rounds }, (_, index) => {
    const victims = choices[(index + offset) % choices.length]!
    const moment: Moment =
      below(2) === 0 ? { after: 'time', ms: below(LONGEST_MS) } : { after: 'files', changes: 1 + below(6) }
    return {
      number: index + 1,
      victims,
      revived: below(2) === 0 ? victims : [...victims].reverse(),
      accepted: LEAST_ACCEPTED + below(200),
      moment,
      again: victims.includes('server') && below(4) === 0 ? below(START_MS) : undefined,
      meanwhile: 1 + below(100),
      after: 1 + below(50),
    }
  })
}

/** One line that says it all. */
export function sayRound({ number, victims, revived, accepted, moment, again, meanwhile, after }: Round): string {
  const when = moment.after === 'time' ? `${moment.ms} ms later` : `${moment.changes} file changes later`
  const second = again === undefined ? '' : `, the server again ${again} ms into its start`
  const back = revived.length > 1 ? `, back: ${revived.join(' then ')}` : ''
  return `round ${number}: kill ${victims.join(' and ')} ${when} than ${accepted} accepted${second}${back}, +${meanwhile} +${after}`
}
