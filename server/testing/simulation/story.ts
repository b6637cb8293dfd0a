import type { Log, LogFields } from '../../kernel/contracts.ts'

interface Line {
  readonly at: number
  readonly life: number
  /** Number of the message it is about; undefined: about the whole world, or about the message `id` names. */
  readonly message: number | undefined
  readonly id: string | undefined
  readonly text: string
}

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
      const id = typeof messageId === 'string' ? messageId : undefined
      const about = Object.keys(shown).length > 0 ? ` ${JSON.stringify(shown)}` : ''
      this.#lines.push({
        at: this.#now(),
        life: this.life,
        message: undefined,
        id,
        text: `log ${level}: ${text}${about}${said.length > 0 ? ` (${said.join('; ')})` : ''}`,
      })
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

  /** Everything that concerns one message, and what happened to the world meanwhile. Without a number: everything. */
  timeline(message: number | undefined, id: string | undefined): string {
    const own = (line: Line): boolean =>
      message === undefined || line.message === message || (id !== undefined && line.id === id)
    const world = (line: Line): boolean => line.message === undefined && line.id === undefined
    const shown = this.#lines.filter(line => own(line) || world(line))
    return shown.map(({ at, life, text }) => `${clock(at)} life ${life}  ${text}`).join('\n')
  }
}

function clock(ms: number): string {
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
