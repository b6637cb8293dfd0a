/**
 * `npm run bench [-- WORKLOAD… --repeats N --seconds N]`: what Holdfast takes beside what it is measured against, in
 * alternating runs on this machine. It prints ratios of medians, processor time first: absolute figures belong to the
 * machine. With SYNAPSE_HOME set, `wrk`, `nginx` and Java at hand, Apache Synapse runs beside it as well.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { load, median, Program, type Load } from '../server/test/bench/processes.ts'
import { ADMIN } from '../server/testing/child.ts'
import { freePorts } from '../server/testing/ports.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const bare = join(root, 'server', 'test', 'bench', 'bare.mjs')
const peers = resolve(process.env['HOLDFAST_PEERS'] ?? join(root, '..', 'shared', 'peers'))

const workloads: Readonly<Record<string, () => Promise<void>>> = { start, pass, store, drain }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repeats: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '32' },
    backlog: { type: 'string', default: '5000' },
  },
})
const repeats = Math.max(3, Number(values.repeats))
const chosen = positionals.length > 0 ? positionals : Object.keys(workloads)
const unknown = chosen.find(name => !Object.hasOwn(workloads, name))
if (unknown !== undefined) {
  console.error(`there is no workload "${unknown}"; there are: ${Object.keys(workloads).join(', ')}`)
  process.exit(2)
}

const work = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
const body = Buffer.from(
  `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>${'<x/>'.repeat(95)}</soapenv:Body></soapenv:Envelope>`,
)
try {
  console.log(
    `${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, Node ${process.version}, medians of ${repeats} runs`,
  )
  for (const name of chosen) await workloads[name]!()
  besideSynapse()
} finally {
  rmSync(work, { recursive: true, force: true })
}

// ── workloads ──

async function start(): Promise<void> {
  heading('start', 'from exec to the first answer, and memory two seconds later')
  const [backendPort] = await freePorts(1)
  await using backend = new Program('back end', `http://127.0.0.1:${backendPort}`, [
    bare,
    'backend',
    String(backendPort),
  ])
  await backend.answers('/pass')
  const kinds = {
    holdfast: () => holdfast(backend.url),
    'empty Node': async () => new Program('empty Node', '', [bare, 'empty']),
    'bare fastify': async () => {
      const [port] = await freePorts(1)
      return new Program('bare fastify', `http://127.0.0.1:${port}`, [bare, 'fastify', String(port)])
    },
  }
  const found = new Map(
    Object.keys(kinds).map(name => [name, { ms: [] as number[], mb: [] as number[], cpu: [] as number[] }]),
  )
  for (let run = 0; run < repeats; run++) {
    for (const [name, make] of alternating(Object.entries(kinds), run)) {
      await using program = await make()
      const ms = program.url === '' ? await program.prints() : await program.answers('/services/Pass')
      await sleep(2000)
      const { residentMb, cpuSeconds } = program.usage
      const rows = found.get(name)!
      rows.ms.push(ms)
      rows.mb.push(residentMb)
      rows.cpu.push(cpuSeconds)
    }
  }
  const mine = found.get('holdfast')!
  for (const [name, { ms, mb, cpu }] of found) {
    if (name === 'holdfast') continue
    ratio(`processor time ÷ ${name}`, mine.cpu, cpu)
    ratio(`start ÷ ${name}`, mine.ms, ms)
    ratio(`idle memory ÷ ${name}`, mine.mb, mb)
  }
}

async function pass(): Promise<void> {
  heading('pass', 'a proxy with an endpoint and nothing else, 0.5 kB')
  await using stage = await openStage()
  const { server, bareProxies } = stage
  if (bareProxies.length === 0) console.log(`  no bare proxies at ${peers}; HOLDFAST_PEERS names their folder`)
  const found = await alternate([server, ...bareProxies], program => measure(program, '/services/Pass', 200))
  for (const { name } of bareProxies) compare(name, found.get('holdfast')!, found.get(name)!)
}

async function store(): Promise<void> {
  heading('store', 'accepted and stored, answered 202')
  await using stage = await openStage()
  const { server } = stage
  const paths = {
    'a pass-through': '/services/Pass',
    'in memory': '/services/AcceptInMemory',
    'in the journal': '/services/AcceptInJournal',
  }
  const found = new Map(Object.keys(paths).map(name => [name, [] as Load[]]))
  for (let run = -1; run < repeats; run++) {
    for (const [name, path] of alternating(Object.entries(paths), run)) {
      const result = await measure(server, path, path.endsWith('Pass') ? 200 : 202)
      if (run >= 0) found.get(name)!.push(result)
    }
  }
  const journal = found.get('in the journal')!
  for (const [name, loads] of found) if (loads !== journal) compare(name, journal, loads, 'in the journal')
}

async function drain(): Promise<void> {
  const backlog = Number(values.backlog)
  heading('drain', `${backlog} stored messages forwarded by one worker`)
  await using stage = await openStage()
  const { server, backend, management } = stage
  const micros: number[] = []
  const passing: number[] = []
  const speed: number[] = []
  for (let run = 0; run < repeats; run++) {
    passing.push((await measure(server, '/services/Pass', 200)).cpuMicros)
    await processor(management, 'inactive')
    const before = await count(backend)
    await Promise.all(
      Array.from({ length: 16 }, async (_, lane) => {
        for (let sent = lane; sent < backlog; sent += 16) {
          const response = await fetch(`${server.url}/services/Queue`, {
            method: 'POST',
            body,
            headers: { 'content-type': 'text/xml' },
          })
          if (response.status !== 202) throw new Error(`Queue answered ${response.status}`)
        }
      }),
    )
    const { cpuSeconds } = server.usage
    const began = performance.now()
    await processor(management, 'active')
    while ((await count(backend)) < before + backlog) await sleep(20)
    speed.push(backlog / ((performance.now() - began) / 1000))
    micros.push(((server.usage.cpuSeconds - cpuSeconds) / backlog) * 1e6)
  }
  ratio('processor time a message ÷ a pass-through request', micros, passing)
  console.log(`  ${Math.round(median(speed))} a second here, spread ${spread(speed)}`)
}

// ── the stage ──

interface Stage extends AsyncDisposable {
  readonly backend: Program
  readonly server: Program
  readonly management: string
  readonly bareProxies: readonly Program[]
}

async function openStage(): Promise<Stage> {
  const [backendPort, managementPort] = (await freePorts(2)) as [number, number]
  const backend = new Program('back end', `http://127.0.0.1:${backendPort}`, [bare, 'backend', String(backendPort)])
  await backend.answers('/pass')
  const server = await holdfast(backend.url, managementPort)
  await server.answers('/services/Pass')
  const bareProxies: Program[] = []
  for (const mode of ['http-dispatch', 'fastify-request']) {
    const proxy = await bareProxy(mode, backend.url)
    if (proxy) bareProxies.push(proxy)
  }
  return {
    backend,
    server,
    management: `http://127.0.0.1:${managementPort}`,
    bareProxies,
    async [Symbol.asyncDispose]() {
      for (const program of [server, ...bareProxies, backend]) await program[Symbol.asyncDispose]()
    },
  }
}

async function holdfast(backend: string, managementPort?: number): Promise<Program> {
  const [http, free] = (await freePorts(2)) as [number, number]
  const folder = mkdtempSync(join(work, 'server-'))
  const artifacts = join(folder, 'artifacts')
  mkdirSync(artifacts)
  const xml = readFileSync(join(root, 'server', 'test', 'bench', 'workloads.xml'), 'utf8')
  writeFileSync(join(artifacts, 'workloads.xml'), xml.replaceAll('BACKEND', backend))
  const args = ['run', '--quiet', '--artifacts', artifacts, '--home', join(folder, 'home'), '--http-port', String(http)]
  return new Program(
    'holdfast',
    `http://127.0.0.1:${http}`,
    [
      join(root, 'dist', 'holdfast.js'),
      ...args,
      '--https-port',
      '0',
      '--management-port',
      String(managementPort ?? free),
    ],
    { HOLDFAST_ADMIN_USER: ADMIN.user, HOLDFAST_ADMIN_PASSWORD: ADMIN.password },
  )
}

/** The least a Node proxy can do, from the folder of peers; its libraries are ours. */
async function bareProxy(mode: string, backend: string): Promise<Program | undefined> {
  const source = join(peers, 'bare', 'server.mjs')
  if (!existsSync(source)) return undefined
  const folder = join(root, '.cache', 'bench')
  mkdirSync(folder, { recursive: true })
  cpSync(source, join(folder, 'server.mjs'))
  const routes = join(work, 'routes.xml')
  writeFileSync(routes, `<proxy name="Pass"><address uri="${backend}/pass"/></proxy>`)
  const [port] = await freePorts(1)
  const proxy = new Program(mode, `http://127.0.0.1:${port}`, [join(folder, 'server.mjs'), mode, String(port), routes])
  await proxy.answers('/services/Pass')
  return proxy
}

function measure(program: Program, path: string, status: number): Promise<Load> {
  return load(program, path, { seconds: Number(values.seconds), connections: Number(values.connections), body, status })
}

async function alternate(
  programs: readonly Program[],
  run: (program: Program) => Promise<Load>,
): Promise<Map<string, Load[]>> {
  const found = new Map(programs.map(({ name }) => [name, [] as Load[]]))
  // The first round warms them up.
  for (let round = -1; round < repeats; round++) {
    for (const program of alternating(programs, round)) {
      const result = await run(program)
      if (round >= 0) found.get(program.name)!.push(result)
    }
  }
  return found
}

function alternating<T>(items: readonly T[], run: number): readonly T[] {
  return run % 2 === 0 ? items : [...items].reverse()
}

async function count(backend: Program): Promise<number> {
  return Number(await (await fetch(`${backend.url}/count`)).text())
}

async function processor(management: string, status: string): Promise<void> {
  const basic = Buffer.from(`${ADMIN.user}:${ADMIN.password}`).toString('base64')
  const login = await fetch(`${management}/management/login`, { headers: { authorization: `Basic ${basic}` } })
  const { AccessToken } = (await login.json()) as { AccessToken: string }
  const response = await fetch(`${management}/management/message-processors`, {
    method: 'POST',
    headers: { authorization: `Bearer ${AccessToken}` },
    body: JSON.stringify({ name: 'Forwarder', status }),
  })
  if (response.status !== 200) throw new Error(`the processor could not be set ${status}: ${await response.text()}`)
}

// ── Apache Synapse ──

/** The programs of the folder of peers do this themselves; theirs are the runs and the table. */
function besideSynapse(): void {
  const program = join(peers, 'bench', 'bench.mjs')
  const missing = [
    ...(existsSync(program) ? [] : [program]),
    ...(process.env['SYNAPSE_HOME'] ? [] : ['SYNAPSE_HOME']),
    ...['wrk', 'nginx', 'java'].filter(name => spawnSync('which', [name]).status !== 0),
  ]
  heading('synapse', 'Apache Synapse and the bare proxy beside it')
  if (missing.length > 0) {
    console.log(`  left out, not found: ${missing.join(', ')}`)
    return
  }
  const theirs: Readonly<Record<string, string>> = {
    start: 'start',
    pass: 'pass-500,pass-10k',
    store: 'keep-500',
    drain: 'drain',
  }
  const servers = ['synapse', 'holdfast', join(peers, 'bare', 'http-dispatch.mjs')].join(',')
  const args = ['--servers', servers, '--project', root, '--workloads', chosen.map(name => theirs[name]!).join(',')]
  const out = join(work, 'peers.txt')
  const length = ['--repeats', String(repeats), '--seconds', values.seconds, '--connections', values.connections]
  const run = spawnSync(
    process.execPath,
    [program, ...args, ...length, '--warmup', '10', '--warmup-each', '3', '--out', out],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  if (run.status !== 0) throw new Error(`${program} failed`)
  const records = readFileSync(out, 'utf8')
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as { workload: string; server: string } & Record<string, number>)
  for (const workload of new Set(records.map(record => record.workload))) {
    const of = (server: string, field: string): number[] =>
      records.filter(r => r.workload === workload && r.server === server && r[field] !== undefined).map(r => r[field]!)
    for (const field of ['cpuPer1000', 'cpuSeconds', 'perSecond', 'p99', 'ms', 'idleRssMb', 'rssMb']) {
      const [mine, others] = [of('holdfast', field), of('synapse', field)]
      if (mine.length > 0 && others.length > 0) ratio(`${workload} ${field} ÷ synapse`, mine, others)
    }
  }
}

// ── printing ──

function heading(name: string, what: string): void {
  console.log(`\n${name}: ${what}`)
}

function compare(name: string, mine: readonly Load[], theirs: readonly Load[], me = 'holdfast'): void {
  const of = (loads: readonly Load[], field: keyof Load): number[] => loads.map(one => one[field])
  console.log(`  ${me} ÷ ${name}`)
  ratio('  processor time a request', of(mine, 'cpuMicros'), of(theirs, 'cpuMicros'))
  ratio('  requests a second', of(mine, 'perSecond'), of(theirs, 'perSecond'))
  ratio('  p99', of(mine, 'p99'), of(theirs, 'p99'))
}

function ratio(what: string, mine: readonly number[], theirs: readonly number[]): void {
  console.log(
    `  ${what.padEnd(52)} ${(median(mine) / median(theirs)).toFixed(2).padStart(6)}   spread ${spread(mine)} and ${spread(theirs)}`,
  )
}

function spread(values: readonly number[]): string {
  return `${Math.round(((Math.max(...values) - Math.min(...values)) / median(values)) * 100)}%`
}
