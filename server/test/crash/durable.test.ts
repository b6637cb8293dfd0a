/** P1, as the operating system sees it: a 202 is written after the journal's fdatasync has returned. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startServer } from '../../testing/child.ts'
import { OrderLoad } from '../../testing/order-load.ts'
import { freePorts } from '../../testing/ports.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import { deploy, journalScenario } from './scenarios.ts'
import { promisedTooEarly, readTrace } from './system-calls.ts'

const CALLS = 'trace=fdatasync,fsync,pwrite64,pwritev,write,writev,sendto,sendmsg'
/** More than a whole group of records. */
const SHOWN = '200000'

/** A journal write, its sync on another thread, and the answer to one client. */
const TRACE = [
  '11 pwrite64(25</h/data/00000001.log>, "..<!-- order o-1 -->..", 22, 0) = 22',
  '12 fdatasync(25</h/data/00000001.log> <unfinished ...>',
  '11 write(7<TCP:[127.0.0.1:1->127.0.0.1:99]>, "HTTP/1.1 200 OK", 15) = 15',
  '12 <... fdatasync resumed>) = 0',
  '10 write(24<TCP:[127.0.0.1:80->127.0.0.1:4711]>, "HTTP/1.1 202 Accepted\\r\\n", 23) = 23',
]
const ORDER = { id: 'o-1', localPort: 4711 }
const early = (...lines: readonly string[]): string[] => promisedTooEarly(readTrace(lines.join('\n')), [ORDER])

test('a trace is read so that an answer before the sync, or without one, is found', () => {
  const [write, begin, other, end, answer] = TRACE as [string, string, string, string, string]
  assert.deepEqual(early(...TRACE), [])
  assert.deepEqual(early(write, begin, answer, other, end), ['o-1'])
  assert.deepEqual(early(begin, write, end, answer), ['o-1'], 'a sync that began before the write proves nothing')
  assert.deepEqual(early(write, begin, end.replace('= 0', '= -1 EIO (Input/output error)'), answer), ['o-1'])
  assert.deepEqual(early(write, begin.replace('00000001', '00000002'), end, answer), ['o-1'])
  assert.deepEqual(early(write, answer), ['o-1'])
  assert.deepEqual(early(begin, end, answer), ['o-1'])
  assert.deepEqual(early(write, begin, end), ['o-1'])
})

test('every 202 is written after the fdatasync of its record has returned', async t => {
  const usable = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'])
  if (usable.status !== 0) {
    const why = usable.error?.message ?? String(usable.stderr).trim()
    t.skip(`strace is not here or may not trace: ${why}`)
    return
  }
  await using folder = await tempFolder('durable')
  const [http, management] = (await freePorts(2)) as [number, number]
  const artifacts = join(folder.path, 'artifacts')
  const trace = join(folder.path, 'trace')
  await deploy(artifacts, await journalScenario.artifacts({ broker: 0, backend: http }))
  await using server = await startServer({
    home: join(folder.path, 'home'),
    artifacts,
    ports: { http, management },
    args: ['--quiet'],
    // The tracer does not see what a kernel ring does.
    env: { HOLDFAST_JOURNAL_SEGMENT_SIZE: '1 MiB', UV_USE_IO_URING: '0' },
    // -D: the process we started is the server, the tracer its grandchild.
    under: ['strace', '-D', '-f', '-yy', '-s', SHOWN, '-e', CALLS, '-o', trace],
  })
  // To a service whose messages stay, so that nothing else is written.
  const path = journalScenario.parking!.path
  await using load = new OrderLoad({ port: http, path, lanes: 6, prefix: 'durable', padding: () => 0 })
  load.acceptUpTo(60)
  await load.until(60)
  await load.quiet()
  const { orders } = load
  await load.stop()
  await server.end('SIGTERM')

  assert.deepEqual(
    orders.filter(({ outcome }) => outcome !== 'accepted'),
    [],
  )
  const calls = readTrace(await readFile(trace, 'utf8'))
  assert.ok(calls.filter(({ name }) => name === 'fdatasync').length > 5, 'the trace shows the syncs')
  assert.deepEqual(promisedTooEarly(calls, orders), [])
})
