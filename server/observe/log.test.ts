import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { ManualClock } from '../kernel/clock.ts'
import { IntegrationError } from '../kernel/errors.ts'
import type { Settings } from '../settings/fields.ts'
import type { LogSystem } from './log.ts'
import { createLog } from './log.ts'

interface Rig extends LogSystem {
  /** What has been written so far. */
  out(): Promise<string>
  err(): string
  file(): Promise<string>
}

async function rig(t: TestContext, changes: Partial<Settings['log']> = {}): Promise<Rig> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'holdfast-log-'))
  const settings: Settings['log'] = {
    level: 'info',
    levels: {},
    file: join(folder, 'server.log'),
    format: 'text',
    quiet: false,
    maxSize: 1 << 20,
    keep: 3,
    ...changes,
  }
  const stdout = new PassThrough().setEncoding('utf8')
  const stderr = new PassThrough().setEncoding('utf8')
  const clock = new ManualClock(new Date(2025, 0, 31, 10, 0, 0, 123).getTime())
  const system = await createLog({ settings, clock, stdout, stderr })
  t.after(async () => {
    await system[Symbol.asyncDispose]()
    fs.rmSync(folder, { recursive: true, force: true })
  })
  const text = { out: '', err: '' }
  const read = async (): Promise<void> => {
    await system.flush()
    text.out += stdout.read() ?? ''
    text.err += stderr.read() ?? ''
  }
  return {
    ...system,
    out: async () => (await read(), text.out),
    err: () => (text.err += stderr.read() ?? ''),
    file: async () => (await read(), fs.readFileSync(settings.file, 'utf8')),
  }
}

test('a line looks as MI prints it, on the console and in the file', async t => {
  const { log, out, file } = await rig(t)
  log.child({ category: 'LogMediator', messageId: 'urn:uuid:1' }).info('{proxy:Orders} STEP = in')
  log.warn('the broker is slow', { category: 'JmsStore', ms: 7, store: 'My Store' })

  const expected =
    '[2025-01-31 10:00:00,123]  INFO {LogMediator} - {proxy:Orders} STEP = in\n' +
    '[2025-01-31 10:00:00,123]  WARN {JmsStore} - the broker is slow (ms=7, store="My Store")\n'
  assert.equal(await out(), expected)
  assert.equal(await file(), expected)
})

test('a line as JSON carries the message, the logger and every field', async t => {
  const { log, file } = await rig(t, { format: 'json' })
  log.child({ category: 'LogMediator', messageId: 'm-1' }).info('{proxy:Orders} STEP = in', { attempt: 2, msg: 'own' })

  assert.deepEqual(JSON.parse(await file()), {
    time: new Date(2025, 0, 31, 10, 0, 0, 123).toISOString(),
    level: 'info',
    logger: 'LogMediator',
    msg: '{proxy:Orders} STEP = in',
    messageId: 'm-1',
    attempt: 2,
    msg_: 'own',
  })
})

test('an error of ours is told with code and place, a defect with its stack', async t => {
  const { log, file } = await rig(t)
  const at = { file: 'a.xml', line: 3, column: 5 }
  log.error('message not stored', { error: new IntegrationError('STORE_FULL', 'the store is full', { at }) })
  log.error('broken', { error: new TypeError('x is not a function') })

  const text = await file()
  assert.ok(text.includes('ERROR {Holdfast} - message not stored: the store is full (STORE_FULL) at a.xml:3:5\n'), text)
  assert.match(text, /broken: x is not a function\nTypeError: x is not a function\n +at /)
})

test('an error in JSON keeps its code and cause', async t => {
  const { log, file } = await rig(t, { format: 'json' })
  log.error('failed', { error: new IntegrationError('STORE_FULL', 'full', { cause: new Error('disk') }) })

  assert.deepEqual(JSON.parse(await file()).error, { message: 'full', code: 'STORE_FULL', cause: 'disk' })
})

test('secrets never show, in neither layout', async t => {
  for (const format of ['text', 'json'] as const) {
    const { log, file } = await rig(t, { format })
    log.child({ password: 'hunter2' }).info('connecting to amqp://ship:hunter2@broker', {
      token: 'hunter2',
      url: 'amqp://ship:hunter2@broker',
      parameters: { 'store.jms.password': 'hunter2', 'store.jms.username': 'ship' },
      error: new IntegrationError('STORE_UNAVAILABLE', 'no answer from amqp://ship:hunter2@broker'),
    })
    const text = await file()
    assert.doesNotMatch(text, /hunter2/)
    assert.match(text, /ship/)
  }
})

test('what JSON cannot hold does not break the line', async t => {
  const { log, file } = await rig(t, { format: 'json' })
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  log.info('one', { circle })
  log.info('two', { big: 1n, bytes: new Uint8Array(3), error: 'text' })

  const [one, two] = (await file())
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  assert.match(String(one!['msg']), /could not be written as JSON/)
  assert.equal(two!['big'], '1')
  assert.equal(two!['bytes'], '(3 bytes)')
  assert.equal(two!['error'], 'text')
})

test('quiet: nothing on the console but fatal errors, everything in the file', async t => {
  const { log, out, err, file } = await rig(t, { quiet: true })
  log.error('bad')
  log.error('worse', { severity: 'FATAL' })

  assert.equal(await out(), '')
  assert.equal(err(), '[2025-01-31 10:00:00,123] FATAL {Holdfast} - worse\n')
  assert.equal((await file()).split('\n').length, 3)
})

test('the level of one logger can be changed while children of it are in use', async t => {
  const { log, levels, file } = await rig(t, { levels: { Noisy: 'error' } })
  const mediator = log.child({ category: 'LogMediator' })
  const flow = mediator.child({ messageId: 'm-1' })
  flow.debug('unseen')
  log.warn('unseen', { category: 'Noisy' })
  assert.equal(flow.debugOn, false)

  levels.set('LogMediator', 'debug')
  assert.equal(flow.debugOn, true)
  assert.equal(log.debugOn, false)
  flow.debug('seen')
  mediator.debug('a trace, unseen', { severity: 'TRACE' })
  levels.set('root', 'off')
  log.error('unseen')

  assert.equal(await file(), '[2025-01-31 10:00:00,123] DEBUG {LogMediator} - seen\n')
  assert.deepEqual(levels.list(), [
    { name: 'root', level: 'off' },
    { name: 'Holdfast', level: 'off' },
    { name: 'LogMediator', level: 'debug' },
    { name: 'Noisy', level: 'error' },
  ])
})

test('a log file that cannot be written is told on the console and harms nobody', async t => {
  const { log, flush, err } = await rig(t, { file: join(import.meta.filename, 'server.log') })
  log.warn('one')
  log.warn('two')
  await flush()

  assert.match(err(), /^holdfast: the log file .* cannot be written: .*\n$/)
})

test('a log without a file writes to the console alone', async t => {
  const { log, out } = await rig(t, { file: '' })
  log.info('hello')
  assert.match(await out(), /hello/)
})

test('a process that ends in the middle of its work leaves its last lines in the file', t => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'holdfast-log-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'server.log')
  const program = `
    import { createLog } from ${JSON.stringify(new URL('log.ts', import.meta.url).href)}
    import { systemClock } from ${JSON.stringify(new URL('../kernel/clock.ts', import.meta.url).href)}
    const settings = { level: 'info', levels: {}, file: ${JSON.stringify(file)}, format: 'text', quiet: true, maxSize: 1e6, keep: 1 }
    const { log } = await createLog({ settings, clock: systemClock })
    log.warn('on its way')
    log.info('last words')
    process.exit(3)`
  const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    encoding: 'utf8',
  })

  assert.equal(child.status, 3, child.stderr)
  const texts = fs
    .readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => line.split(' - ')[1])
  // The write that was under way cannot be waited for; its line is written again rather than lost.
  assert.deepEqual([...new Set(texts)], ['on its way', 'last words'])
})

test('what still waits can be written at once', async t => {
  const { log, flushSync, file } = await rig(t)
  log.info('last words')
  flushSync()
  assert.match(await file(), /last words/)
})
