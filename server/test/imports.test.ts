/** The architecture (house style §3.2) as a test: who may import whom, and where the outside is let in. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What the files of a part may import, besides their own part. `server/x.ts` is a part of its own. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  xml: ['kernel'],
  schema: ['kernel', 'xml'],
  expr: ['kernel', 'xml'],
  codecs: ['kernel', 'xml'],
  drivers: ['kernel'],
  settings: ['kernel'],
  observe: ['kernel', 'settings'],
  runtime: ['kernel', 'xml', 'schema'],
  deploy: ['kernel', 'xml', 'schema', 'runtime'],
  extensions: ['kernel', 'xml', 'schema', 'codecs', 'runtime'],
  kinds: ['kernel', 'xml', 'schema', 'expr', 'codecs', 'drivers', 'runtime', 'extensions'],
  broker: ['kernel', 'drivers'],
  transport: ['kernel', 'xml', 'schema', 'codecs', 'drivers', 'runtime', 'deploy'],
  management: ['kernel', 'xml', 'schema', 'runtime', 'deploy', 'observe'],
  console: ['kernel', 'xml', 'schema', 'runtime', 'deploy', 'management'],
  'axis2-mock': ['kernel', 'xml'],
  cli: ['kernel', 'xml', 'deploy', 'extensions', 'settings', 'observe', 'transport', 'broker', 'axis2-mock', 'app.ts'],
  'main.ts': ['cli'],
}

/** The composition root, which may see everything. */
const ROOT = new Set(['app.ts', 'app'])

/** The only places that may import a package: everything else goes through them. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  'fast-xml-parser': ['server/xml/'],
  fastify: ['server/transport/', 'server/management/', 'server/console/'],
  rhea: ['server/drivers/amqp/', 'server/broker/'],
  'node-cron': ['server/runtime/scheduler.ts'],
  winston: ['server/observe/'],
  'winston-transport': ['server/observe/'],
  undici: ['server/drivers/http/'],
  'json-p3': ['server/expr/'],
  'toml-eslint-parser': ['server/settings/'],
  ajv: ['server/drivers/json-schema/'],
  amqplib: ['server/drivers/rabbitmq/'],
  esbuild: ['server/extensions/'],
  fontoxpath: ['server/drivers/xquery/'],
  mysql2: ['server/drivers/sql/'],
  pg: ['server/drivers/sql/'],
  'ajv-draft-04': ['server/drivers/json-schema/'],
  'libxml2-wasm': ['server/drivers/xml-schema/'],
  'quickjs-emscripten': ['server/drivers/script/'],
  yauzl: ['server/deploy/'],
}

/** Of Node itself, what pure code may use: nothing that reaches out of the process. `node:vm` is there for deadlines. */
const PURE_NODE = new Set(['node:buffer', 'node:crypto', 'node:path', 'node:util', 'node:vm', 'node:zlib'])

/** Files that look at the process itself, and why; one that no longer does fails. */
const PROCESS_WISE: Readonly<Record<string, string>> = {
  'server/main.ts': 'is the start of the process',
  'server/cli/companion.ts': 'starts the same program again',
  'server/drivers/http/tls-context.ts': 'certificates are named in variables that Node itself reads',
}

interface Import {
  readonly from: string
  /** Path below the root, or the name of a package. */
  readonly to: string
  readonly isPackage: boolean
  readonly typesOnly: boolean
}

interface Source {
  readonly file: string
  readonly text: string
  readonly imports: readonly Import[]
}

const sources = ['server', 'axis2-mock'].flatMap(folder => sourcesIn(join(root, folder)))
const production = sources.filter(({ file }) => !file.endsWith('.test.ts') && !/^server\/(?:testing|test)\//.test(file))

function sourcesIn(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => {
      const path = join(entry.parentPath, entry.name)
      const file = relative(root, path).split(sep).join('/')
      const text = readFileSync(path, 'utf8')
      return { file, text, imports: importsOf(file, text) }
    })
}

function importsOf(file: string, text: string): Import[] {
  const found: Import[] = []
  const statement = /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm
  for (const [, typed, fixed, dynamic] of text.matchAll(statement)) {
    const name = (fixed ?? dynamic)!
    const isPackage = !name.startsWith('.')
    const to = isPackage
      ? name
      : normalize(join(dirname(file), name))
          .split(sep)
          .join('/')
    found.push({ from: file, to, isPackage, typesOnly: typed !== undefined })
  }
  return found
}

/** `server/xml/tree.ts` belongs to `xml`, `server/app.ts` to itself, `axis2-mock/main.ts` to `axis2-mock`. */
function partOf(file: string): string {
  const [first, second] = file.split('/')
  return first === 'server' ? second! : first!
}

/** Shapes without behaviour may be named by everybody. */
function isContract({ to, typesOnly }: Import): boolean {
  return typesOnly && to.endsWith('/contracts.ts')
}

const inner = production.flatMap(({ imports }) => imports.filter(({ isPackage }) => !isPackage))
const outer = production.flatMap(({ imports }) => imports.filter(({ isPackage }) => isPackage))

test('the graph was read: known edges are in it', () => {
  const has = (from: string, to: string): boolean => inner.some(one => one.from === from && one.to === to)
  assert.ok(production.length > 150)
  assert.ok(has('server/deploy/linker.ts', 'server/kernel/nearest.ts'))
  assert.ok(has('server/cli/all.ts', 'server/cli/run.ts'), 'dynamic imports count')
  assert.ok(outer.some(({ to }) => to === 'rhea'))
})

test('every import goes in the direction the architecture draws', () => {
  const wrong = inner
    .filter(one => partOf(one.from) !== partOf(one.to) && !ROOT.has(partOf(one.from)) && !isContract(one))
    .filter(one => !(MAY_IMPORT[partOf(one.from)] ?? []).includes(partOf(one.to)))
    .map(({ from, to }) => `${from} imports ${to}`)
  assert.deepEqual(wrong, [])
})

test('nothing in production imports what is made for tests', () => {
  const wrong = inner.filter(({ to }) => /^server\/(?:testing|test)\//.test(to) || to.endsWith('.test.ts'))
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  )
})

test('a kind never imports another kind', () => {
  const wrong = inner.filter(
    ({ from, to }) => partOf(from) === 'kinds' && partOf(to) === 'kinds' && from !== 'server/kinds/all.ts',
  )
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  )
})

test('only the composition root, the rigs of tests and the generator know the list of kinds', () => {
  const knowing = inner.filter(({ to }) => to === 'server/kinds/all.ts').map(({ from }) => from)
  assert.deepEqual(knowing, ['server/app/decoding.ts'])
})

test('every package has one home', () => {
  const packages = outer.filter(({ to }) => !to.startsWith('node:'))
  const nameOf = (path: string): string => path.split('/', path.startsWith('@') ? 2 : 1).join('/')
  const wrong = packages.filter(({ from, to }) => !(HOMES[nameOf(to)] ?? []).some(home => from.startsWith(home)))
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  )
})

test('Node is named as node:, and the pure parts use nothing of it that reaches out of the process', () => {
  const pure = new Set(['kernel', 'xml', 'schema', 'expr', 'codecs'])
  const wrong = outer.filter(({ from, to }) => to.startsWith('node:') && pure.has(partOf(from)) && !PURE_NODE.has(to))
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  )
})

test('no file waits for itself: imports of values form no circle', () => {
  const edges = new Map<string, string[]>()
  for (const { from, to, typesOnly } of inner) if (!typesOnly) edges.set(from, [...(edges.get(from) ?? []), to])
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    else if (!done.has(file)) {
      for (const next of edges.get(file) ?? []) visit(next, [...path, file])
      done.add(file)
    }
  }
  for (const file of edges.keys()) visit(file, [])
  assert.deepEqual(circles, [])
})

test('time comes from the clock that is handed in', () => {
  const own = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bset(?:Timeout|Interval)\(/
  const wrong = production
    .filter(({ file }) => file.startsWith('server/') && file !== 'server/kernel/clock.ts')
    .flatMap(({ file, text }) =>
      text.split('\n').flatMap((line, index) => (own.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
    )
  assert.deepEqual(wrong, [])
})

test('only the start of the process looks at its arguments and environment, and only it ends the process', () => {
  const looking = production
    .filter(({ file, text }) => file.startsWith('server/') && /\bprocess\.(?:env|argv|exit)\b/.test(text))
    .map(({ file }) => file)
  assert.deepEqual(looking.sort(), Object.keys(PROCESS_WISE).sort())
})
