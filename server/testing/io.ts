import type { Io } from '../cli/command.ts'

/** What a command wrote, and the signals a person would send it. */
export interface RecordedIo extends Io {
  readonly stdout: string
  readonly stderr: string
  /** The first Ctrl-C, then the second. */
  interrupt(): void
  /** Resolves with everything written to standard output once it contains `text`. */
  says(text: string): Promise<string>
}

export function recordedIo(environment: Partial<Pick<Io, 'env' | 'cwd'>> = {}): RecordedIo {
  const stop = new AbortController()
  const hurry = new AbortController()
  let stdout = ''
  let stderr = ''
  let waiting: { text: string; resolve: (stdout: string) => void }[] = []
  return {
    out(text) {
      stdout += text
      for (const { resolve } of waiting.filter(({ text: wanted }) => stdout.includes(wanted))) resolve(stdout)
      waiting = waiting.filter(({ text: wanted }) => !stdout.includes(wanted))
    },
    err(text) {
      stderr += text
    },
    env: environment.env ?? {},
    cwd: environment.cwd ?? process.cwd(),
    signal: stop.signal,
    hurry: hurry.signal,
    get stdout() {
      return stdout
    },
    get stderr() {
      return stderr
    },
    interrupt() {
      if (stop.signal.aborted) hurry.abort()
      else stop.abort()
    },
    says(text) {
      return stdout.includes(text) ? Promise.resolve(stdout) : new Promise(resolve => waiting.push({ text, resolve }))
    },
  }
}
