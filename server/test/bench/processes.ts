/** Programs under measurement: started, watched from outside, stopped. Reads Linux's /proc. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'

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
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) * TICK,
      residentMb: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await ended
  }
}

export interface Load {
  readonly perSecond: number
  /** Processor microseconds of the program for one request. */
  readonly cpuMicros: number
  readonly p99: number
}

/** Posts to one path over `connections` for some seconds. Every answer must have the status. */
export async function load(
  program: Program,
  path: string,
  { seconds, connections, body, status }: { seconds: number; connections: number; body: Uint8Array; status: number },
): Promise<Load> {
  const pool = new Pool(program.url, { connections, pipelining: 1 })
  const headers = { 'content-type': 'text/xml; charset=UTF-8' }
  const waits: number[] = []
  const before = program.usage
  const began = performance.now()
  const end = began + seconds * 1000
  const lane = async (): Promise<void> => {
    while (performance.now() < end) {
      const sent = performance.now()
      const response = await pool.request({ path, method: 'POST', headers, body })
      await response.body.dump()
      if (response.statusCode !== status) throw new Error(`${program.name}${path} answered ${response.statusCode}`)
      waits.push(performance.now() - sent)
    }
  }
  await Promise.all(Array.from({ length: connections }, lane))
  const took = (performance.now() - began) / 1000
  const after = program.usage
  await pool.close()
  waits.sort((a, b) => a - b)
  return {
    perSecond: waits.length / took,
    cpuMicros: ((after.cpuSeconds - before.cpuSeconds) / waits.length) * 1e6,
    p99: waits[Math.floor(waits.length * 0.99)] ?? 0,
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
