import type { Log, LogFields } from '../../kernel/contracts.ts'
import type { Account } from './account.ts'
import type { Plan } from './plan.ts'
import type { Violation } from './violation.ts'

interface Line {
  readonly at: number
  readonly life: number
  /** Number of the message it is about; undefined: about the whole world, or about the message `id` names. */
  readonly message: number | undefined
  readonly id: string | undefined
  readonly text: string
}

/** A message named in the words of a line. */
const NAMED = /\[([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\]/

/** Said of every artifact at every start, or of every failed try: nothing that tells one seed from another. */
const NOISE = [
  /has been deployed from file/,
  /Sequence name does not Exist/,
  /^log debug/,
  /^log info: Started message/,
]

/**
 * What happened, for people. Kept only when a seed is played again to be looked at: the first time it would cost more
 * than the simulation itself.
 */
export class Story {
  readonly #lines: Line[] = []
  readonly #now: () => number
  life = 0

  constructor(now: () => number) {
    this.#now = now
  }

  tell(message: number | undefined, text: string): void {
    this.#lines.push({ at: this.#now(), life: this.life, message, id: undefined, text })
  }

  /** The server's own log lines become part of the story. */
  log(fields: LogFields = {}): Log {
    const write = (level: string, text: string, more: LogFields = {}): void => {
      const { messageId, ...rest } = { ...fields, ...more } as Record<string, unknown>
      const { cause, error, ...shown } = rest
      const said = [cause, error].flatMap(one => (one instanceof Error ? [one.message] : []))
      const id = typeof messageId === 'string' ? messageId : NAMED.exec(text)?.[1]
      const about = Object.keys(shown).length > 0 ? ` ${JSON.stringify(shown)}` : ''
      const why = said.length > 0 ? ` (${said.join('; ')})` : ''
      const line = `log ${level}: ${text}${about}${why}`
      this.#lines.push({ at: this.#now(), life: this.life, message: undefined, id, text: line })
    }
    return {
      debugOn: true,
      error: (text, more) => write('error', text, more),
      warn: (text, more) => write('warn', text, more),
      info: (text, more) => write('info', text, more),
      debug: (text, more) => write('debug', text, more),
      child: more => this.log({ ...fields, ...more }),
    }
  }

  /** Everything that concerns the message that went wrong, and what happened to the world meanwhile. */
  timeline(seed: number, plan: Plan, violation: Violation | undefined, account: Account): string {
    const about = violation?.about
    const id = about === undefined ? undefined : account.messages[about]?.id
    const isOwn = ({ message, id: named }: Line): boolean =>
      about === undefined || message === about || (id !== undefined && named === id)
    const isWorld = ({ message, id: named, text }: Line): boolean =>
      message === undefined && named === undefined && !NOISE.some(noise => noise.test(text))
    const shown = this.#lines.filter(line => isOwn(line) || isWorld(line))
    const lines = shown.map(line => `${stamp(line.at)}  ${isOwn(line) && about !== undefined ? '▸' : ' '} ${line.text}`)
    let life = 0
    const withLives = shown.flatMap((line, index) => {
      if (line.life === life) return [lines[index]!]
      life = line.life
      return [`── life ${life} ──`, lines[index]!]
    })
    const title = about === undefined ? `Seed ${seed}` : `Seed ${seed}, message ${about}${id ? ` (${id})` : ''}`
    return [title, ...described(plan), '', ...withLives, '', violation?.message ?? 'every promise was kept'].join('\n')
  }
}

/** The configuration of the seed, in the words of the artifacts. */
function described({ routes, latency }: Plan): string[] {
  const lines = routes.flatMap(({ proxy, entry, stores, endpoints, group, processors }) => [
    `  ${proxy} stores in ${entry}`,
    ...stores.map(({ name, kind, failover, limit }) => {
      const more = [failover && `failover ${failover}`, limit && `limit ${limit}`].filter(Boolean).join(', ')
      return `  store ${name}: ${kind}${more ? `, ${more}` : ''}`
    }),
    ...(group ? [`  group ${group.name}: ${group.kind} of ${endpoints.map(({ name }) => name).join(', ')}`] : []),
    ...endpoints.map(
      ({ name, timeout, suspend }) => `  endpoint ${name}: timeout ${timeout}, suspended for ${suspend}`,
    ),
    ...processors.map(one => {
      const { name, kind, store, target, workers, keyed, interval, retryInterval, maxAttempts, failStore, drop } = one
      const end = drop ? ', then drop' : failStore === undefined ? '' : `, then to ${failStore}`
      const tries = maxAttempts === 0 ? 'no end of tries' : `${maxAttempts} tries${end}`
      return `  processor ${name}: ${kind} from ${store} to ${target}, ${workers} worker(s)${keyed ? ' by key' : ''}, every ${interval} ms, again after ${retryInterval} ms, ${tries}`
    }),
  ])
  return [...lines, `  latency: ${JSON.stringify(latency)}`]
}

function stamp(ms: number): string {
  return `${(ms / 1000).toFixed(3).padStart(10)} s`
}

/** Says nothing, at no cost. */
export const silentLog: Log = {
  debugOn: false,
  error() {},
  warn() {},
  info() {},
  debug() {},
  child: () => silentLog,
}
