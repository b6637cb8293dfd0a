/** SIGTERM under load: what was begun is finished, what was accepted is kept, and the exit code is 0. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBackend } from '../../../axis2-mock/main.ts'
import { startServer } from '../../testing/child.ts'
import { digestOf, orderIdIn, OrderLoad } from '../../testing/order-load.ts'
import { freePorts } from '../../testing/ports.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import { problemsOf, report, type Arrival } from '../crash/account.ts'
import { deploy, journalScenario } from '../crash/scenarios.ts'

test('SIGTERM under load ends in good order: exit code 0, all accepted orders arrive once, none unanswered was taken', async () => {
  await using folder = await tempFolder('stop')
  await using backend = await startBackend({ port: 0 })
  const [http, management] = (await freePorts(2)) as [number, number]
  const artifacts = join(folder.path, 'artifacts')
  await deploy(artifacts, await journalScenario.artifacts({ broker: 0, backend: backend.port }))
  const options = { home: join(folder.path, 'home'), artifacts, ports: { http, management } }
  await using first = await startServer(options)
  await using load = new OrderLoad({
    port: http,
    path: journalScenario.path,
    lanes: 16,
    prefix: 'stop',
    padding: () => 0,
  })
  load.acceptUpTo(Infinity)
  await load.until(300)
  first.signal('SIGTERM')
  const { code } = await first.exited
  load.acceptUpTo(0)
  assert.equal(code, 0, first.output)
  assert.match(first.output, /stopping: no new requests, work under way is finished[^]* - stopped\n$/)
  await load.quiet()

  await using second = await startServer(options)
  const accepted = load.orders.filter(({ outcome }) => outcome === 'accepted').length
  await backend.waitFor(({ total }) => total >= accepted)
  assert.equal((await second.end('SIGTERM')).code, 0)
  const arrivals = backend.seen.requests.map(({ number, at, key, body }): Arrival => ({
    number,
    at,
    key,
    order: orderIdIn(body),
    digest: digestOf(body),
  }))
  const account = { orders: load.orders, arrivals, kills: [], events: [] }
  const problems = problemsOf(account, { workers: 1, ordered: true })
  assert.equal(problems.length, 0, report(account, problems))
  assert.equal(arrivals.length, accepted, 'an order without an answer was not taken')
})
