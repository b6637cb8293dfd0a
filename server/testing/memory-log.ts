import type { Log, LogFields } from '../kernel/contracts.ts'

export interface MemoryLine {
  readonly level: 'error' | 'warn' | 'info' | 'debug'
  readonly text: string
  /** Fields of the child loggers and of the call together. */
  readonly fields: LogFields
}

export interface MemoryLog extends Log {
  /** Every line so far, those of children included. */
  readonly lines: readonly MemoryLine[]
  /** The texts of one level, or of all. */
  texts(level?: MemoryLine['level']): readonly string[]
  /** Resolves with the first line, past or future, whose text contains `part`. */
  waitFor(part: string): Promise<MemoryLine>
  clear(): void
}

/** A log that keeps its lines, for tests. */
export function memoryLog(options: { debug?: boolean } = {}): MemoryLog {
  const lines: MemoryLine[] = []
  const waiting = new Set<{ part: string; found: (line: MemoryLine) => void }>()
  const add = (level: MemoryLine['level'], text: string, fields: LogFields): void => {
    const line = { level, text, fields }
    lines.push(line)
    for (const waiter of waiting) {
      if (!text.includes(waiter.part)) continue
      waiting.delete(waiter)
      waiter.found(line)
    }
  }
  const logWith = (inherited: LogFields): Log => ({
    debugOn: options.debug ?? true,
    error: (text, fields) => add('error', text, { ...inherited, ...fields }),
    warn: (text, fields) => add('warn', text, { ...inherited, ...fields }),
    info: (text, fields) => add('info', text, { ...inherited, ...fields }),
    debug: (text, fields) => {
      if (options.debug ?? true) add('debug', text, { ...inherited, ...fields })
    },
    child: fields => logWith({ ...inherited, ...fields }),
  })
  return {
    ...logWith({}),
    lines,
    texts: level => lines.filter(line => level === undefined || line.level === level).map(line => line.text),
    waitFor(part) {
      const line = lines.find(line => line.text.includes(part))
      return line ? Promise.resolve(line) : new Promise(found => waiting.add({ part, found }))
    },
    clear: () => void (lines.length = 0),
  }
}
