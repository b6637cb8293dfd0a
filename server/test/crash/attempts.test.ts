/** P4 and P7 over kill -9: tries, the last error and the next try stay with the message, and so does having given up. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startBackend } from '../../../axis2-mock/main.ts'
import { systemClock } from '../../kernel/clock.ts'
import { startServer } from '../../testing/child.ts'
import { ManagementClient } from '../../testing/management-client.ts'
import { OrderLoad } from '../../testing/order-load.ts'
import { freePorts } from '../../testing/ports.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import { deploy, journalScenario } from './scenarios.ts'

interface ProcessorState {
  readonly name: string
  readonly wanted: string
  readonly observed: string
  readonly reason?: string
  readonly nextAttemptAt?: string
  readonly blockedMessageId?: string
  readonly attempts?: number
}

const TRIES = 3
const LOOK_AGAIN_MS = 10
const PATIENCE_MS = 10_000

async function processorUntil(
  management: ManagementClient,
  reached: (state: ProcessorState) => boolean,
): Promise<ProcessorState> {
  const since = systemClock.monotonic()
  for (;;) {
    const { list } = await management.get<{ list: ProcessorState[] }>('message-processors')
    const state = list.find(({ name }) => name === 'forward')!
    if (reached(state)) return state
    if (systemClock.monotonic() - since > PATIENCE_MS) throw new Error(`it stays ${JSON.stringify(state)}`)
    await systemClock.sleep(LOOK_AGAIN_MS)
  }
}

/** A server with one order that the back end refuses, forwarded with these parameters. */
async function refusing(folder: string, backendPort: number, parameters: Readonly<Record<string, number>>) {
  const [http, management] = (await freePorts(2)) as [number, number]
  const artifacts = join(folder, 'artifacts')
  const files = new Map(await journalScenario.artifacts({ broker: 0, backend: backendPort }))
  const written = Object.entries(parameters).map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
  files.set('forward.xml', files.get('forward.xml')!.replace(/<parameter [^]*<\/parameter>/, written.join('\n  ')))
  await deploy(artifacts, files)
  const options = { home: join(folder, 'home'), artifacts, ports: { http, management }, args: ['--quiet'] }
  return { start: () => startServer(options), http, management: new ManagementClient(management) }
}

async function placeOne(port: number): Promise<void> {
  await using load = new OrderLoad({ port, path: journalScenario.path, lanes: 1, prefix: 'only', padding: () => 0 })
  load.acceptUpTo(1)
  await load.until(1)
}

test('tries, the reason and the time of the next try are those of before the kill', async () => {
  await using folder = await tempFolder('attempts')
  await using backend = await startBackend({ port: 0, fault: { status: 503 } })
  const parameters = { interval: 1, 'client.retry.interval': 60_000, 'max.delivery.attempts': 4 }
  const { start, http, management } = await refusing(folder.path, backend.port, parameters)
  const waiting = (): Promise<ProcessorState> =>
    processorUntil(management, ({ observed, attempts }) => observed === 'waiting' && attempts === 1)

  await using first = await start()
  await placeOne(http)
  const before = await waiting()
  assert.match(before.reason!, /503/)
  await first.end('SIGKILL')
  await using second = await start()
  const { attempts, reason, blockedMessageId, nextAttemptAt } = await waiting()
  assert.deepEqual([attempts, reason, blockedMessageId], [1, before.reason, before.blockedMessageId])
  // Noted just before it is reported.
  assert.ok(Math.abs(Date.parse(nextAttemptAt!) - Date.parse(before.nextAttemptAt!)) < 1000)
  assert.equal(backend.seen.total, 1, 'nothing was sent before its time')
  await second.end('SIGTERM')
})

test('a server that is killed after every try makes no more of them than were asked for, and then stays deactivated', async () => {
  await using folder = await tempFolder('attempts')
  await using backend = await startBackend({ port: 0, fault: { status: 503 } })
  const parameters = { interval: 1, 'client.retry.interval': 300, 'max.delivery.attempts': TRIES }
  const { start, http, management } = await refusing(folder.path, backend.port, parameters)
  let server = await start()
  try {
    await placeOne(http)
    for (let tries = 1; tries < TRIES; tries++) {
      await processorUntil(management, ({ observed, attempts }) => observed === 'waiting' && attempts === tries)
      await server.end('SIGKILL')
      server = await start()
    }
    const gaveUp = ({ wanted, observed }: ProcessorState): boolean => wanted === 'inactive' && observed === 'stopped'
    const before = await processorUntil(management, gaveUp)
    assert.match(before.reason!, new RegExp(`could not be forwarded in ${TRIES} attempts`))
    await server.end('SIGKILL')
    server = await start()
    assert.deepEqual(await processorUntil(management, gaveUp), before)
    assert.equal(backend.seen.total, TRIES)
    assert.deepEqual([...backend.seen.arrivals.values()], [TRIES], 'every try carried the same id')
    assert.equal((await management.depths())['orders'], 1)
  } finally {
    await server[Symbol.asyncDispose]()
  }
})
