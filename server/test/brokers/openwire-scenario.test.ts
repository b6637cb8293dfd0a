/** The guaranteed-delivery document of WSO2 EI, step by step, with its XML as printed, at ActiveMQ Classic by OpenWire only. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ADMIN, Child } from '../../testing/child.ts'
import { onDocumentedPorts } from '../../testing/documented-ports.ts'
import { ManagementClient } from '../../testing/management-client.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import { missingOurOwn, startClassic } from './servers/index.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const env = { HOLDFAST_ADMIN_USER: ADMIN.user, HOLDFAST_ADMIN_PASSWORD: ADMIN.password }
const ORDER = ['-Daddurl=http://localhost:8280/services/Proxy1', '-Dmode=placeorder']

const VERSIONS = ['5.17.2', '5.18.3', '6.3.1'] as const
const skips = new Map<string, string | false>()
// What is to be got is got here: inside, there is no way to the outside.
for (const version of VERSIONS) skips.set(version, await missingOurOwn(`classic-${version}`))

await onDocumentedPorts('the EI scenario at ActiveMQ Classic', import.meta.url, () => {
  for (const version of VERSIONS) {
    test(
      `WF-1, WF-3, WF-4, WF-8, WF-9: the whole walk of the document at ${version}`,
      { skip: skips.get(version)! },
      async () => {
        await using home = await tempFolder('ei-classic')
        await using backend = new Child(['backend'])
        await backend.says(/Stock-quote back end at http:\/\/127\.0\.0\.1:9000/)
        // Steps 1 to 6: both stores, the proxy, the endpoint, both processors. The broker is not there yet.
        const artifacts = join('samples', '02-failover-ei', 'artifacts')
        const run = (): Child => new Child(['run', '--artifacts', artifacts, '--home', home.path], { cwd: root, env })
        const management = new ManagementClient(9164)
        const place = async (): Promise<void> => {
          await using client = new Child(['stockquote', ...ORDER])
          assert.deepEqual(await client.exited, { code: 0, signal: null }, client.output)
        }
        await using first = run()
        await first.answers('http://localhost:9164/healthz')
        await place()
        assert.deepEqual(await management.depths(), { Orginal: -1, failover: 1 })

        await using broker = await startClassic(version, { openwirePort: 61616, login: false })
        await backend.says(/SimpleStockQuoteService {2}:: Accepted order #1 for : \d+ stocks of IBM at \$ [\d.]+/)
        await first.says(/connected to the broker .*protocol=OpenWire/)

        // Step 7: an order through the original store.
        await place()
        await backend.says(/Accepted order #2 for/)
        assert.equal((await management.depths())['failover'], 0)

        // Step 8: the broker is shut down, orders wait in the failover store; it comes back, and they are delivered.
        await broker.stop()
        for (let left = 3; left > 0; left--) await place()
        assert.equal((await management.depths())['failover'], 3)
        assert.equal(await accepted(), 2)
        await broker.start()
        await backend.says(/Accepted order #5 for/)

        // The same with both killed: the broker while it runs, the server while orders wait.
        await broker.kill()
        for (let left = 2; left > 0; left--) await place()
        await first.end('SIGKILL')
        await using second = run()
        await second.answers('http://localhost:9164/healthz')
        assert.equal((await management.depths())['failover'], 2)
        await broker.start()
        await backend.says(/Accepted order #7 for/)
        await place()
        await backend.says(/Accepted order #8 for/)
        const seen = await (await fetch('http://localhost:9000/_seen')).json()
        const { operations, keys } = seen as { operations: object; keys: { duplicates: unknown[] } }
        assert.deepEqual([operations, keys.duplicates], [{ placeOrder: 8 }, []])
        assert.deepEqual(await second.end('SIGTERM'), { code: 0, signal: null })
      },
    )
  }
})

async function accepted(): Promise<number> {
  const seen = await (await fetch('http://localhost:9000/_seen')).json()
  return (seen as { operations: { placeOrder: number } }).operations.placeOrder
}
