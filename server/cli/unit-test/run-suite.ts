import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { bodyTextOf, createApp, decodeEnv, diagnosticLine, requestMessage, type App } from '../../app.ts'
import { systemClock } from '../../kernel/clock.ts'
import { Exchange, MessageContext } from '../../kernel/context.ts'
import type { Log, LogFields, SourceRef } from '../../kernel/contracts.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import type { Message } from '../../kernel/message.ts'
import { LogLevels } from '../../observe/levels.ts'
import type { LogSystem } from '../../observe/log.ts'
import { loadSettings } from '../../settings/load.ts'
import { isSame } from './compare.ts'
import { Mocks, typeOf } from './mocks.ts'
import type { Artifact, Assertion, Case, Suite } from './suite.ts'

export interface CaseResult {
  readonly name: string
  readonly at: SourceRef
  readonly ms: number
  /** None: it passed. */
  readonly failures: readonly Failure[]
  /** Warnings and errors the server has logged meanwhile; shown with a failure. */
  readonly log: readonly string[]
}

export interface Failure {
  readonly kind: 'failure' | 'error'
  readonly message: string
  readonly at: SourceRef
  readonly expected?: string
  readonly actual?: string
}

/** Longest a case may take. */
const PATIENCE_MS = 30_000
/** The log lines of a case that are kept. */
const MOST_LINES = 20

/** A server of its own for each suite, in a home of its own, with the back ends replaced. */
export async function runSuite(suite: Suite, env: NodeJS.ProcessEnv): Promise<readonly CaseResult[]> {
  const started = systemClock.monotonic()
  const broken = (message: string, log: readonly string[] = []): CaseResult[] =>
    (suite.cases.length > 0 ? suite.cases : [{ name: 'suite', at: at(suite) }]).map(({ name, at }) => ({
      name,
      at,
      ms: systemClock.monotonic() - started,
      failures: [{ kind: 'error', message, at }],
      log,
    }))
  const [connector] = suite.connectors
  if (connector !== undefined) {
    return broken(
      `the suite uses the connector ${connector}; connectors are not supported. Replace its operations by <call> to an endpoint with a mock service`,
    )
  }
  const home = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  const lines: string[] = []
  try {
    await using mocks = await Mocks.start(suite.mocks)
    const app = await appFor(suite, mocks, home, env, lines)
    try {
      await app.start()
      const faulty = app.lastDeployment?.diagnostics.filter(({ severity }) => severity === 'error') ?? []
      if (faulty.length > 0) return broken(`an artifact cannot be deployed: ${faulty.map(diagnosticLine).join('\n')}`)
      const results: CaseResult[] = []
      for (const one of suite.cases) results.push(await runCase(one, suite, app, { home, mocks, lines }))
      return results
    } finally {
      await app.stop()
    }
  } catch (thrown) {
    return broken(textOf(thrown), lines)
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

function at(suite: Suite): SourceRef {
  return { file: suite.file, line: 1, column: 1 }
}

async function appFor(suite: Suite, mocks: Mocks, home: string, env: NodeJS.ProcessEnv, lines: string[]): Promise<App> {
  const folder = join(home, 'artifacts')
  await mkdir(folder, { recursive: true })
  for (const [index, { xml, name }] of [suite.artifact, ...suite.supportive].entries()) {
    await writeFile(join(folder, `${index}-${name.replace(/\W/g, '_')}.xml`), mocks.rewrite(xml, name))
  }
  for (const { key, bytes } of suite.resources) {
    const path = join(home, 'registry', key.replace(/^\/?_system\//, '').replaceAll('..', ''))
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, mocks.rewrite(Buffer.from(bytes).toString('utf8'), ''))
  }
  const { settings } = await loadSettings({
    flags: {
      home,
      artifacts: [folder],
      'http-port': ['0'],
      'https-port': ['0'],
      'management-port': '0',
      'log-file': '',
    },
    env: { HOLDFAST_ADMIN_USER: 'admin', HOLDFAST_ADMIN_PASSWORD: home, HOLDFAST_SERVER_HOT_DEPLOYMENT: 'false' },
    cwd: home,
  })
  return createApp({ settings, logs: linesOf(lines), clock: systemClock, env, version: 'test' })
}

interface Around {
  readonly home: string
  readonly mocks: Mocks
  readonly lines: string[]
}

async function runCase(one: Case, suite: Suite, app: App, { home, mocks, lines }: Around): Promise<CaseResult> {
  const started = systemClock.monotonic()
  lines.length = 0
  mocks.strays.length = 0
  const failures: Failure[] = []
  try {
    const outcome = await (suite.artifact.kind === 'sequence'
      ? runSequence(one, suite.artifact, app)
      : call(one, suite.artifact, app))
    const { compile } = decodeEnv(home, {}, systemClock)
    for (const assertion of one.assertions) {
      const failure = await check(assertion, outcome, source => compile(source, assertion.namespace, assertion.at))
      if (failure) failures.push(failure)
    }
  } catch (thrown) {
    failures.push({ kind: 'error', message: textOf(thrown), at: one.at })
  }
  const { name, at } = one
  return { name, at, ms: systemClock.monotonic() - started, failures, log: [...mocks.strays, ...lines] }
}

interface Outcome {
  readonly ctx: MessageContext
  readonly status: number | undefined
}

/** The sequence alone, on a message of its own; what it left is looked at. */
async function runSequence({ payload, method, properties }: Case, artifact: Artifact, app: App): Promise<Outcome> {
  const sequence = app.registry.find('sequence', artifact.name)
  if (!sequence) throw new IntegrationError('SEQUENCE_UNKNOWN', `there is no sequence ${artifact.name}`)
  const message = requestMessage(
    payload ?? '',
    payload === undefined ? '' : typeFor(payload, properties),
    method ?? 'POST',
  )
  const answers: Message[] = []
  let acknowledged: number | undefined
  const exchange = new Exchange({
    reply: reply => void answers.push(reply),
    acknowledge: status => void (acknowledged = status),
  })
  const ctx = new MessageContext({
    message,
    runtime: app.registry,
    log: app.log,
    exchange,
    origin: { label: 'test', kind: 'main', name: 'test' },
  })
  for (const { name, value, scope } of properties) {
    if (scope === 'transport') message.headers.set(name, value)
    else if (scope.startsWith('axis2')) message.axis2.set(name, value)
    else ctx.properties.set(name, value)
  }
  await sequence.mediate(ctx)
  const [answer] = answers
  if (answer) ctx.message = answer
  const status = Number(ctx.message.flag('HTTP_SC') ?? acknowledged)
  return { ctx, status: Number.isNaN(status) ? undefined : status }
}

/** A proxy or an API, as a caller sees it. */
async function call(one: Case, artifact: Artifact, app: App): Promise<Outcome> {
  const { payload, properties } = one
  const [port] = one.protocol === 'https' ? app.ports.https : app.ports.http
  const method = one.method ?? (artifact.kind === 'api' && payload === undefined ? 'GET' : 'POST')
  const hasBody = method !== 'GET' && method !== 'HEAD' && payload !== undefined
  const headers = properties
    .filter(({ scope }) => scope === 'transport')
    .map(({ name, value }) => [name, value] as [string, string])
  const typed = headers.some(([name]) => name.toLowerCase() === 'content-type')
  if (hasBody && !typed) headers.push(['Content-Type', typeFor(payload, properties)])
  const reply = await app.ask(`${one.protocol}://127.0.0.1:${port}${pathOf(one, artifact)}`, {
    method,
    headers,
    body: hasBody ? payload : '',
    timeoutMs: PATIENCE_MS,
  })
  const ctx = new MessageContext({
    message: reply,
    runtime: app.registry,
    log: app.log,
    origin: { label: 'test', kind: 'main', name: 'test' },
  })
  return { ctx, status: Number(reply.flag('HTTP_SC')) }
}

function pathOf({ path }: Case, { kind, name, element }: Artifact): string {
  if (kind !== 'api') return `/services/${name}${path === '/' ? '' : path}`
  const version = element.attribute('version') ?? ''
  const context = (element.attribute('context') ?? '').replaceAll('{version}', version).replace(/\/$/, '')
  const inPath = version !== '' && element.attribute('version-type') === 'url' ? `/${version}` : ''
  const base = `${context}${inPath}`
  if (path.startsWith(`${base}/`) || path === base) return path
  return `${base}${path.startsWith('/') || path === '' ? path : `/${path}`}`
}

function typeFor(payload: string, properties: Case['properties']): string {
  const given = properties.find(({ name, scope }) => name.toLowerCase() === 'content-type' && scope === 'transport')
  return given?.value ?? typeOf(payload)
}

async function check(
  { kind, actual, expected, message, at }: Assertion,
  { ctx, status }: Outcome,
  compile: (source: string) => { readonly needsBody: boolean; string(ctx: MessageContext): string },
): Promise<Failure | undefined> {
  let found: string
  try {
    if (/^\$body\b$/.test(actual)) found = await bodyTextOf(ctx.message)
    else if (actual === '$statusCode') found = status === undefined ? '' : String(status)
    else if (actual === '$httpVersion') found = '1.1'
    else {
      await ctx.message.body.collect()
      found = compile(actual).string(ctx)
    }
  } catch (thrown) {
    return { kind: 'error', message: `${actual}: ${textOf(thrown)}`, at }
  }
  if (kind === 'assertNotNull') {
    return found.trim() === '' ? { kind: 'failure', message: message || `${actual} is empty`, at } : undefined
  }
  if (isSame(found, expected) || isSame(withoutParameters(actual, found, expected), expected)) return undefined
  // What stands in a SOAP body may be meant without its envelope.
  if (
    actual === '$body' &&
    /^\s*<(?:\w+:)?Envelope\b/.test(found) &&
    isSame(compile('$body/*[1]').string(ctx), expected)
  ) {
    return undefined
  }
  return { kind: 'failure', message: message || `${actual} is not what was expected`, at, expected, actual: found }
}

/** `application/json` is as good as `application/json; charset=UTF-8` where the parameters are left out. */
function withoutParameters(actual: string, found: string, expected: string): string {
  return /^\$trp:content-type$/i.test(actual) && !expected.includes(';') ? found.split(';')[0]! : found
}

/** Warnings and errors, for people. */
function linesOf(lines: string[]): LogSystem {
  const keep = (level: string, text: string, fields?: LogFields): void => {
    const error = fields?.['error'] ?? fields?.['reason'] ?? fields?.['cause']
    if (lines.length < MOST_LINES) lines.push(`${level} ${text}${error === undefined ? '' : ` (${textOf(error)})`}`)
  }
  const log: Log = {
    debugOn: false,
    error: (text, fields) => keep('ERROR', text, fields),
    warn: (text, fields) => keep('WARN', text, fields),
    info: () => undefined,
    debug: () => undefined,
    child: () => log,
  }
  const nothing = async (): Promise<void> => undefined
  return {
    log,
    levels: new LogLevels('warn'),
    flush: nothing,
    flushSync: () => undefined,
    [Symbol.asyncDispose]: nothing,
  }
}
