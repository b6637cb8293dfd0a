import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Child } from '../../testing/child.ts'
import { DOCUMENTED, onDocumentedPorts } from '../../testing/documented-ports.ts'
import { isFree } from '../../testing/ports.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import { systemClock } from '../../kernel/clock.ts'

const UP = /Try, in another window:[^]*Stop {3,}Ctrl-C/

async function placeOrder(): Promise<void> {
  await using client = new Child([
    'stockquote',
    '--addurl',
    'http://localhost:8280/services/Proxy1',
    '--mode',
    'placeorder',
  ])
  assert.deepEqual(await client.exited, { code: 0, signal: null }, client.output)
}

async function allFree(): Promise<boolean> {
  for (const port of DOCUMENTED) if (!(await isFree(port))) return false
  return true
}

await onDocumentedPorts('holdfast start runs a whole lesson', import.meta.url, () => {
  test('start brings up broker, back end and server, shows their lines, and Ctrl-C stops all of them', async () => {
    await using home = await tempFolder('start')
    await using all = new Child(['start', '--home', home.path])
    await all.says(UP)
    await placeOrder()
    await all.says(/backend \|.*Accepted order #1 for : \d+ stocks of IBM/)
    assert.deepEqual(await all.end('SIGINT'), { code: 0, signal: null }, all.output)
    assert.match(all.output, /stopped[^]*broker {2}\| Stopping the broker/, 'the server goes before its broker')
    assert.ok(await allFree())
  })

  test('a second start says who holds the ports and how to go on, and touches nothing', async () => {
    await using home = await tempFolder('start')
    await using first = new Child(['start', '--home', home.path])
    await first.says(UP)
    await using second = new Child(['start', '--home', home.path])
    assert.deepEqual(await second.exited, { code: 1, signal: null })
    assert.match(second.output, new RegExp(`process ${first.pid}\\) holds 8280 \\(HTTP\\), 8290 \\(HTTP\\)`))
    assert.match(second.output, new RegExp(`kill ${first.pid}\n`))
    assert.match(second.output, /--port-offset 100 --home other-home/)
    await placeOrder()
  })

  test('a broker that is killed is reported with the command that brings it back, and orders go on', async () => {
    await using home = await tempFolder('start')
    await using all = new Child(['start', '--home', home.path])
    const said = await all.says(UP)
    process.kill(Number(/kill -9 (\d+)/.exec(said)![1]), 'SIGKILL')
    await all.says(/broker {2}\| ended \(SIGKILL\)\. Start it again: npx holdfast broker --home /)
    await placeOrder()
    await using broker = new Child(['broker', '--home', home.path])
    await broker.says(/Holdfast broker at/)
    await all.says(/Accepted order #1 for/)
  })

  test('a start that is killed leaves no broker and no back end behind', async () => {
    await using home = await tempFolder('start')
    await using all = new Child(['start', '--home', home.path])
    await all.says(UP)
    await all.end('SIGKILL')
    const since = systemClock.monotonic()
    while (!(await allFree())) {
      assert.ok(systemClock.monotonic() - since < 10_000, 'the ports are still taken')
      await systemClock.sleep(20)
    }
  })
})
