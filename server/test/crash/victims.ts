/** The processes of a crash run that are killed and come back: server and broker. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../../kernel/clock.ts'
import { serverChild, startBrokerChild, startServer, type Child, type ServerOptions } from '../../testing/child.ts'
import type { Moment, Victim } from './plan.ts'

/** The smallest there is: segments are begun, sealed and deleted all the time. */
const SMALL_FILES = { HOLDFAST_JOURNAL_SEGMENT_SIZE: '1 MiB' }
const KILL_POINTS = pathToFileURL(join(import.meta.dirname, '../../testing/kill-points.mjs')).href
const WITH_KILL_POINTS = { ...SMALL_FILES, NODE_OPTIONS: `--import=${KILL_POINTS}` }
/** A point may not be passed any more; then the kill comes all the same. */
const LONGEST_WAIT_MS = 20_000

/** How a victim died: where it was to, where it happened to be, or by itself before the kill could come. */
export type Death = 'at its point' | 'killed' | 'stopped before'

export class Victims implements AsyncDisposable {
  readonly #server: ServerOptions
  readonly #broker: { readonly home: string; readonly port: number }
  readonly #alive = new Map<Victim, Child>()

  constructor(server: ServerOptions, broker: { readonly home: string; readonly port: number }) {
    this.#server = { ...server, env: { ...server.env, ...WITH_KILL_POINTS } }
    this.#broker = broker
  }

  get(victim: Victim): Child | undefined {
    return this.#alive.get(victim)
  }

  async start(victim: Victim): Promise<void> {
    const { home, port } = this.#broker
    const child =
      victim === 'server' ? await startServer(this.#server) : await startBrokerChild(home, port, WITH_KILL_POINTS)
    this.#alive.set(victim, child)
  }

  /** Kills them one right behind the other and waits for their end. */
  async kill(victims: readonly Victim[]): Promise<void> {
    const children = victims.map(victim => this.#take(victim))
    for (const child of children) child.signal('SIGKILL')
    for (const child of children) await buried(child)
  }

  /** Lets the first victim die at a point it passes; `begin` sets off what leads there. The others follow it. */
  async killAt(victims: readonly Victim[], moment: Moment, begin: () => Promise<void>): Promise<Death> {
    const [first, ...others] = victims.map(victim => this.#take(victim))
    const { at, nth } = 'at' in moment ? moment : {}
    if (at) first!.tell({ kill: { ...at, nth } })
    await begin()
    const patience = new AbortController()
    const died = await Promise.race([
      first!.exited.then(() => true),
      systemClock.sleep(LONGEST_WAIT_MS, patience.signal).then(() => false),
    ])
    patience.abort()
    if (!died) first!.signal('SIGKILL')
    for (const child of others) child.signal('SIGKILL')
    for (const child of others) await buried(child)
    const { signal, code } = await first!.exited
    if (signal === 'SIGKILL') return died ? 'at its point' : 'killed'
    if (moment.kind === 'stop' && code === 0) return 'stopped before'
    throw first!.failure('it ended before it was killed')
  }

  /** Asks the server to stop and kills it before it may have, with the others. */
  async killStopping(victims: readonly Victim[], ms: number): Promise<Death> {
    const [first, ...others] = victims.map(victim => this.#take(victim))
    first!.signal('SIGTERM')
    await Promise.race([systemClock.sleep(ms), first!.exited])
    for (const child of [first!, ...others]) child.signal('SIGKILL')
    for (const child of others) await buried(child)
    const { signal, code } = await first!.exited
    if (signal === 'SIGKILL') return 'killed'
    if (code === 0) return 'stopped before'
    throw first!.failure('it was asked to stop and failed')
  }

  /** Starts the server and kills it so many milliseconds into its start. */
  async killStarting(ms: number): Promise<void> {
    const child = serverChild(this.#server)
    await systemClock.sleep(ms)
    child.signal('SIGKILL')
    await buried(child)
  }

  /** Rejects when a process ends that nobody killed. */
  endedByItself(): Promise<never> {
    return Promise.race(
      [...this.#alive].map(async ([victim, child]) => {
        await child.exited
        // Killed since, in its turn.
        if (this.#alive.get(victim) !== child) return new Promise<never>(() => {})
        throw child.failure(`the ${victim} ended by itself`)
      }),
    )
  }

  /** In good order, or it throws. */
  async stop(): Promise<void> {
    for (const victim of ['server', 'broker'] as const) {
      if (!this.#alive.has(victim)) continue
      const child = this.#take(victim)
      const { code } = await child.end('SIGTERM')
      if (code !== 0) throw child.failure(`the ${victim} did not stop in good order`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const children = [...this.#alive.values()]
    this.#alive.clear()
    await Promise.all(children.map(child => child[Symbol.asyncDispose]()))
  }

  #take(victim: Victim): Child {
    const child = this.#alive.get(victim)
    if (!child) throw new Error(`there is no ${victim}`)
    this.#alive.delete(victim)
    return child
  }
}

async function buried(child: Child): Promise<void> {
  const { signal } = await child.exited
  if (signal !== 'SIGKILL') throw child.failure('it ended before it was killed')
}
