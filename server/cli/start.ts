import { join } from 'node:path'
import { createServer } from 'node:net'
import type { App } from '../app.ts'
import { systemCode } from '../kernel/errors.ts'
import { loadSettings } from '../settings/load.ts'
import type { Settings } from '../settings/fields.ts'
import { portHolder } from '../transport/port-holder.ts'
import type { Command, Io, ParsedArgs } from './command.ts'
import { parse, UsageError } from './command.ts'
import { startCompanion, type Companion } from './companion.ts'
import run, { serve } from './run.ts'
import { chooseSample, copyWithPorts, samplesIn, table, withPorts, type Sample } from './samples.ts'
import { packageRoot } from './version.ts'

const DEFAULT_SAMPLE = '02-failover-ei'
const BROKER_PORT = 61616
const BACKEND_PORT = 9000
const BROKER = 'broker'
const BACKEND = 'back end'

/** Options of `run` that mean the same here. */
const passedOn = run.options.filter(({ name }) => name !== 'artifacts')

const start: Command = {
  name: 'start',
  summary: 'Runs a sample with all it needs: the broker, the stock-quote back end and the server.',
  usage: '[--sample NAME] [options]',
  options: [
    {
      name: 'sample',
      value: 'NAME',
      default: DEFAULT_SAMPLE,
      doc: 'Number of a sample, or a part of its name.',
    },
    { name: 'list', doc: 'Lists the samples.' },
    { name: 'no-broker', doc: `Uses the broker that listens on ${BROKER_PORT} already.` },
    { name: 'no-backend', doc: `Uses the back end that listens on ${BACKEND_PORT} already.` },
    ...passedOn,
  ],
  examples: [
    'holdfast start',
    'holdfast start --sample 4',
    'holdfast start --sample poison',
    'holdfast start --no-broker',
    'holdfast start --port-offset 100 --home other-home',
  ],

  async run(args, io) {
    const root = await packageRoot()
    const samples = await samplesIn(root)
    if (args.has('list')) {
      io.out(`${table(samples)}\n`)
      return 0
    }
    const sample = chooseSample(samples, args.text('sample')!)
    if (typeof sample === 'string') {
      io.err(`holdfast start: ${sample}\n`)
      return 2
    }
    return startSample(sample, args, io)
  },
}

export default start

/** Where everything of one start listens. */
interface Places {
  readonly home: string
  readonly offset: number
  readonly brokerPort: number
  readonly backendPort: number
}

async function startSample(sample: Sample, args: ParsedArgs, io: Io): Promise<number> {
  const flags = Object.fromEntries(passedOn.map(({ name, repeat }) => [name, given(args, name, repeat)]))
  const { settings, diagnostics } = await loadSettings({ flags, env: io.env, cwd: io.cwd })
  const offset = settings.server.offset ?? 0
  const places: Places = {
    home: settings.server.home,
    offset,
    brokerPort: BROKER_PORT + offset,
    backendPort: BACKEND_PORT + offset,
  }
  // The server says what is wrong with its settings, and starts nothing.
  if (diagnostics.some(({ severity }) => severity === 'error')) return serveSample(sample, places, args, io, [])
  const taken = await takenPorts(settings, places, args)
  if (taken.length > 0) {
    io.err(`holdfast start: ${takenText(taken, args, io)}`)
    return 1
  }
  const quiet = settings.log.quiet
  const companions: Companion[] = []
  const companion = (name: string, argv: readonly string[], advice: string): Promise<Companion> =>
    startCompanion({
      name,
      argv,
      io,
      quiet,
      onEnd: how => io.err(`${name.padEnd(8)}| ended (${how}). ${advice}\n`),
    })
  try {
    if (!args.has('no-backend')) {
      const argv = ['backend', '--port', String(places.backendPort)]
      companions.push(await companion('backend', argv, `Start it again: npx holdfast ${argv.join(' ')}`))
    }
    if (!args.has('no-broker') && !io.signal.aborted) {
      const argv = brokerArgv(places)
      companions.push(await companion('broker', argv, `Start it again: npx holdfast ${argv.join(' ')}`))
    }
    if (io.signal.aborted) return 0
    return await serveSample(sample, places, args, io, companions)
  } finally {
    for (const one of companions.reverse()) await one.stop()
  }
}

async function serveSample(
  sample: Sample,
  places: Places,
  args: ParsedArgs,
  io: Io,
  companions: readonly Companion[],
): Promise<number> {
  let { artifacts } = sample
  if (places.offset > 0) {
    artifacts = join(places.home, 'samples', sample.name)
    await copyWithPorts(sample.artifacts, artifacts, portsNow(places))
  }
  const argv = ['--artifacts', artifacts, '--artifacts', join(places.home, 'deploy')]
  for (const { name, value, repeat } of passedOn) {
    if (!args.has(name)) continue
    const values = repeat ? args.list(name) : [args.text(name)!]
    argv.push(...values.flatMap(text => (value === undefined ? [`--${name}`] : [`--${name}=${text}`])))
  }
  const parsed = parse(run, argv)
  if (parsed instanceof UsageError) throw new Error(parsed.message)
  return serve(parsed, io, app => greeting(app, sample, places, companions))
}

function given(args: ParsedArgs, name: string, repeat = false): string | boolean | readonly string[] | undefined {
  if (!args.has(name)) return undefined
  return repeat ? args.list(name) : args.text(name)
}

function portsNow({ offset, brokerPort, backendPort }: Places): Map<number, number> {
  return new Map([
    [BROKER_PORT, brokerPort],
    [BACKEND_PORT, backendPort],
    [8280, 8280 + offset],
    [8290, 8280 + offset],
    [8243, 8243 + offset],
    [9164, 9154 + offset],
  ])
}

// ── ports ──

interface Taken {
  readonly port: number
  readonly what: string
}

async function takenPorts(settings: Settings, places: Places, args: ParsedArgs): Promise<Taken[]> {
  const { http, https, management } = settings
  const wanted: (Taken & { host: string })[] = [
    ...(http.enabled ? http.ports : []).map(port => ({ port, host: http.host, what: 'HTTP' })),
    ...(https.enabled ? https.ports : []).map(port => ({ port, host: http.host, what: 'HTTPS' })),
    { port: management.port, host: management.host, what: 'management' },
  ]
  if (!args.has('no-broker')) wanted.push({ port: places.brokerPort, host: '127.0.0.1', what: BROKER })
  if (!args.has('no-backend')) wanted.push({ port: places.backendPort, host: '127.0.0.1', what: BACKEND })
  const taken: Taken[] = []
  for (const { port, host, what } of wanted) {
    if (port !== 0 && (await isTaken(port, host))) taken.push({ port, what })
  }
  return taken
}

function isTaken(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', error => {
      if (systemCode(error) === 'EADDRINUSE') resolve(true)
      else reject(error)
    })
    probe.listen({ port, ...(host !== '' && { host }) }, () => probe.close(() => resolve(false)))
  })
}

function takenText(taken: readonly Taken[], args: ParsedArgs, io: Io): string {
  const held = taken.map(({ port, what }) => ({ port, what, holder: portHolder(port) ?? 'another process' }))
  const rows = [...new Set(held.map(({ holder }) => holder))].map(holder => {
    const theirs = held.filter(one => one.holder === holder)
    const ports = theirs.map(({ port, what }) => `${port} (${what})`).join(', ')
    return `  ${holder} holds ${ports}`
  })
  // Broker and back end of another `start` end with it.
  const pid = /process (\d+)/.exec(held[0]!.holder)?.[1]
  const command = io.env['npm_lifecycle_event'] === 'start' ? 'npm start --' : 'npx holdfast start'
  const offset = Number(args.text('port-offset') ?? 0) + 100
  const only = (what: string): boolean => held.every(one => one.what === what)
  return [
    held.length === 1 ? 'a port is taken:' : `${held.length} ports are taken:`,
    ...rows,
    'If that is a Holdfast you have started before:',
    `  stop it    Ctrl-C in its window${pid === undefined ? '' : `, or: kill ${pid}`}`,
    `  or move    ${command} --port-offset ${offset} --home other-home`,
    ...(only(BROKER) ? [`  or share   ${command} --no-broker    takes the broker that is there`] : []),
    ...(only(BACKEND) ? [`  or share   ${command} --no-backend    takes the back end that is there`] : []),
    '',
  ].join('\n')
}

// ── what to do next ──

function greeting(app: App, sample: Sample, places: Places, companions: readonly Companion[]): string {
  const { http, management } = app.ports
  const report = app.lastDeployment
  const faulty = report?.faulty.length ?? 0
  const ports = portsNow(places).set(9164, management)
  const [port] = http
  // The documented port that is not open leads to the one that is.
  for (const documented of [8280, 8290])
    if (port !== undefined && !http.includes(documented)) ports.set(documented, port)
  const broker = companions.find(({ name }) => name === 'broker')
  return [
    '',
    `Holdfast is up with sample ${sample.name}: ${sample.title}`,
    '',
    'Try, in another window:',
    ...sample.first.map(command => `  ${withPorts(command, ports)}`),
    ...(broker
      ? [
          `  kill -9 ${broker.pid}    takes the broker away; this brings it back: npx holdfast ${brokerArgv(places).join(' ')}`,
        ]
      : []),
    '',
    `Services        ${http.map(open => `http://localhost:${open}/services/`).join('  ')}`,
    `Health, API     http://localhost:${management}/healthz`,
    `Artifacts       ${app.folders.join(', ')} (${report?.added.length ?? 0} deployed${faulty > 0 ? `, ${faulty} FAULTY: see the log above` : ''})`,
    `                drop a file into ${app.folders.at(-1)!} and it is live`,
    `This lesson     ${join(sample.folder, 'README.md')}; npm start -- --list shows the others`,
    'Stop            Ctrl-C',
    '',
    '',
  ].join('\n')
}

function brokerArgv({ brokerPort, home }: Places): string[] {
  return ['broker', ...(brokerPort === BROKER_PORT ? [] : ['--port', String(brokerPort)]), '--home', home]
}
