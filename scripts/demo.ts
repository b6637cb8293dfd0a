/**
 * `npm run demo`: the scenario of sample 02 plays itself. Orders are placed while the broker is stopped, killed, and the
 * server is killed, too; at the end each one must have arrived exactly once, or the exit code is 1.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { copyWithPorts } from '../server/cli/samples.ts'
import { Child, startBrokerChild, startServer } from '../server/testing/child.ts'
import { ManagementClient } from '../server/testing/management-client.ts'
import { orderBody, orderIdIn } from '../server/testing/order-load.ts'
import { freePorts } from '../server/testing/ports.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const LONGEST = 60_000
const began = performance.now()
const home = await mkdtemp(join(tmpdir(), 'holdfast-demo-'))
const artifacts = join(home, 'artifacts')
const [http, management, brokerPort, backendPort] = (await freePorts(4)) as [number, number, number, number]
const admin = new ManagementClient(management)
const children: Child[] = []
const placed: string[] = []

const deadline = setTimeout(() => {
  say(`\nNot done after ${LONGEST / 1000} s: something is wrong.`)
  for (const child of children) console.error(child.failure('').message)
  process.exit(1)
}, LONGEST)

try {
  process.exitCode = (await play()) ? 0 : 1
} catch (thrown) {
  console.error(thrown)
  process.exitCode = 1
} finally {
  clearTimeout(deadline)
  for (const child of children.reverse()) await child[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
}

async function play(): Promise<boolean> {
  title('Guaranteed delivery with a failover store: sample 02, the scenario of the WSO2 EI document')
  await copyWithPorts(
    join(root, 'samples', '02-failover-ei', 'artifacts'),
    artifacts,
    new Map([
      [61616, brokerPort],
      [9000, backendPort],
    ]),
  )
  await hurry()
  say(
    'Same XML, but interval 20 ms instead of 1 s, so that this does not take minutes; free ports instead of the printed ones.',
  )

  const backend = keep(new Child(['backend', '--port', String(backendPort)]))
  await backend.says(/Stock-quote back end at/)
  let broker = keep(await startBrokerChild(home, brokerPort))
  let server = keep(await serve())
  say(`Back end on ${backendPort}, broker on ${brokerPort}, server on ${http}: up.`)

  title('1. All is well')
  await order(3)
  await arrived('they go through the broker and arrive')

  title('2. The broker is stopped')
  await broker.end('SIGTERM')
  await order(5)
  await depths()

  title('3. The broker is back')
  broker = keep(await startBrokerChild(home, brokerPort))
  await arrived('the failover store empties itself')
  await depths()

  title('4. kill -9 for the broker, and while orders wait kill -9 for the server')
  const [, ended] = await Promise.all([order(5), broker.end('SIGKILL')])
  say(`The broker was killed in the middle of it (${ended.signal}).`)
  await order(5)
  await depths()
  await server.end('SIGKILL')
  server = keep(await serve())
  say('The server was killed and is up again. What it had accepted:')
  await depths()

  title('5. The broker is back')
  broker = keep(await startBrokerChild(home, brokerPort))
  await arrived('what was in the queue of the broker and what waited in the failover store arrives')
  await depths()

  title('The books')
  const exact = await audit()
  await server.end('SIGTERM')
  await broker.end('SIGTERM')
  await backend.end('SIGTERM')
  say(`${((performance.now() - began) / 1000).toFixed(1)} s`)
  return exact
}

async function hurry(): Promise<void> {
  for (const name of await readdir(artifacts)) {
    const file = join(artifacts, name)
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replace('<parameter name="interval">1000<', '<parameter name="interval">20<'))
  }
}

function serve(): Promise<Child> {
  return startServer({ home, artifacts, ports: { http, management } })
}

async function order(count: number): Promise<void> {
  const told: number[] = []
  for (let left = count; left > 0; left--) {
    const id = `demo-${placed.length + 1}`
    const response = await fetch(`http://127.0.0.1:${http}/services/Proxy1`, {
      method: 'POST',
      headers: { 'content-type': 'text/xml; charset=UTF-8', soapaction: '"urn:placeOrder"' },
      body: orderBody(id),
    })
    await response.arrayBuffer()
    if (response.status !== 202) throw new Error(`order ${id} was answered ${response.status}`)
    placed.push(id)
    told.push(response.status)
  }
  say(`${count} orders placed, answered ${told.join(' ')}`)
}

async function depths(): Promise<void> {
  for (const [store, size] of Object.entries(await admin.depths())) {
    say(`  store ${store.padEnd(9)} ${size < 0 ? 'cannot be reached' : `${size} waiting`}`)
  }
}

interface Seen {
  readonly requests: readonly { readonly body: string; readonly executed: boolean }[]
}

async function executions(): Promise<Map<string, number>> {
  const response = await fetch(`http://127.0.0.1:${backendPort}/_seen?last=10000`)
  const { requests } = (await response.json()) as Seen
  const times = new Map<string, number>()
  for (const { body, executed } of requests) {
    const id = orderIdIn(Buffer.from(body)) ?? 'unknown'
    if (executed) times.set(id, (times.get(id) ?? 0) + 1)
  }
  return times
}

/** Waits until the back end has done every order that was placed. */
async function arrived(what: string): Promise<void> {
  const since = performance.now()
  let done = await executions()
  while (!placed.every(id => done.has(id))) {
    await sleep(50)
    done = await executions()
  }
  say(
    `${placed.length} of ${placed.length} orders are at the back end after ${Math.round(performance.now() - since)} ms: ${what}`,
  )
}

async function audit(): Promise<boolean> {
  const done = await executions()
  const missing = placed.filter(id => !done.has(id))
  const twice = [...done].filter(([, times]) => times > 1).map(([id]) => id)
  const strangers = [...done.keys()].filter(id => !placed.includes(id))
  say(`placed and answered 202    ${placed.length}`)
  say(
    `arrived                    ${placed.length - missing.length}${missing.length > 0 ? `, missing ${missing.join(' ')}` : ''}`,
  )
  say(`arrived more than once     ${twice.length}${twice.length > 0 ? `: ${twice.join(' ')}` : ''}`)
  const exact = missing.length === 0 && twice.length === 0 && strangers.length === 0
  say(exact ? 'Every order arrived exactly once.' : 'This must not happen.')
  return exact
}

function keep(child: Child): Child {
  children.push(child)
  return child
}

function title(text: string): void {
  console.log(`\n${text}\n${'─'.repeat(Math.min(text.length, 100))}`)
}

function say(text: string): void {
  console.log(text)
}
