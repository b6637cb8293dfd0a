/** Programs under measurement: started, watched from outside, stopped. Reads Linux's /proc. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Usage {
  readonly cpuSeconds: number
  readonly residentMb: number
}

/** A clock tick of Linux's process accounting, in seconds. */
const TICK = 0.01

export class Program implements AsyncDisposable {
  readonly name: string
  readonly url: string
  readonly #child: ChildProcess
  readonly #began = performance.now()
  #output = ''

  constructor(name: string, url: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.name = name
    this.url = url
    const own = Object.entries(process.env).filter(([variable]) => !variable.startsWith('HOLDFAST_'))
    const options = { env: { ...Object.fromEntries(own), ...env } }
    this.#child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding('utf8').on('data', text => (this.#output += text))
    }
  }

  /** Milliseconds from its start until `path` first answers 200. */
  async answers(path: string): Promise<number> {
    for (;;) {
      try {
        const { status, body } = await fetch(`${this.url}${path}`, { method: 'POST', body: 'x' })
        await body?.cancel()
        if (status === 200) return performance.now() - this.#began
      } catch {
        // Not yet.
      }
      if (this.#child.exitCode !== null) throw new Error(`${this.name} ended:\n${this.#output}`)
      if (performance.now() - this.#began > 60_000) throw new Error(`${this.name} does not answer:\n${this.#output}`)
      await sleep(2)
    }
  }

  /** Milliseconds from its start until it has printed a line. */
  async prints(): Promise<number> {
    while (!this.#output.includes('\n')) await once(this.#child.stdout!, 'data')
    return performance.now() - this.#began
  }

  get usage(): Usage {
    return usageOf(String(this.#child.pid))
  }

  /** Highest resident memory so far, in MB. */
  get peakMb(): number {
    return megabytes(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'), 'VmHWM')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await ended
  }
}

function usageOf(pid: string, group?: number): Usage {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  if (group !== undefined && Number(fields[2]) !== group) return { cpuSeconds: 0, residentMb: 0 }
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) * TICK,
    residentMb: megabytes(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS'),
  }
}

function megabytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024
}

/** All processes of a group together. */
export function groupUsage(group: number, processes: readonly string[]): Usage {
  let [cpuSeconds, residentMb] = [0, 0]
  for (const pid of processes) {
    if (!/^\d+$/.test(pid)) continue
    try {
      const usage = usageOf(pid, group)
      cpuSeconds += usage.cpuSeconds
      residentMb += usage.residentMb
    } catch {
      // It has ended meanwhile.
    }
  }
  return { cpuSeconds, residentMb }
}
