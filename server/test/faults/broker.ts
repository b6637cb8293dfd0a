/** Faults between the server and its broker: document 000's scenario, whose failover store takes what the broker cannot. */
import { startBrokerChild, type Child } from '../../testing/child.ts'
import { startFaultProxy, type FaultProxy } from '../../testing/fault-proxy.ts'
import { freePorts } from '../../testing/ports.ts'
import { join } from 'node:path'
import { brokerArtifacts } from './artifacts.ts'
import { reasonIn } from './disk.ts'
import type { Fault } from './play.ts'
import { Stand, type Say } from './stand.ts'

/** Ten seconds unless told; here a confirm that does not come is given up sooner. */
const CONFIRM_MS = 1_500
const ENV = { HOLDFAST_STORE_CONFIRM_TIMEOUT: `${CONFIRM_MS} ms` }
/** A login that was refused is tried again after a pause of 5 s, and a broker that was silent is missed after 30 s. */
const LONG_MS = 60_000

interface Parts {
  readonly stand: Stand
  readonly proxy: FaultProxy
  readonly broker: { child: Child; readonly port: number; start(env?: Readonly<Record<string, string>>): Promise<void> }
}

async function withBroker(
  play: (parts: Parts) => Promise<void>,
  { login = '', env = {} as Readonly<Record<string, string>> } = {},
): Promise<void> {
  const [port] = (await freePorts(1)) as [number]
  await using proxy = await startFaultProxy({ targetPort: port })
  await using stand = await Stand.prepare({
    artifacts: async backend => withLogin(await brokerArtifacts(proxy.port, backend), login),
    path: '/services/Proxy1',
    env: ENV,
  })
  const home = join(stand.folder, 'broker')
  const broker: Parts['broker'] = {
    child: await startBrokerChild(home, port, env),
    port,
    async start(other = env) {
      broker.child = await startBrokerChild(home, port, other)
    },
  }
  try {
    await stand.start()
    await ready(stand)
    await play({ stand, proxy, broker })
    await stand.stop()
  } finally {
    await broker.child[Symbol.asyncDispose]()
  }
}

function withLogin(files: ReadonlyMap<string, string>, login: string): ReadonlyMap<string, string> {
  if (login === '') return files
  return new Map([...files].map(([name, xml]) => [name, xml.replace('tcp://', `tcp://${login}@`)]))
}

function ready(stand: Stand): Promise<unknown> {
  return stand.until(
    'the store is ready',
    async () => {
      const { state } = await stand.store('Orginal')
      return state === 'ready' ? true : undefined
    },
    LONG_MS,
  )
}

/** While it is broken: orders are accepted all the same, and it is said why they do not go to the broker. */
async function brokenAndHealed(
  { stand, proxy }: Parts,
  say: Say,
  break_: () => Promise<void> | void,
  heal: () => Promise<void> | void,
  /** Only what was connected is broken: it may be whole again before anybody asks. */
  reconnects = false,
): Promise<void> {
  await stand.accepted(30, 500)
  await break_()
  const answers = await Promise.all(Array.from({ length: 20 }, () => stand.order()))
  const slowest = Math.max(...answers.map(({ ms }) => ms))
  const statuses = [...new Set(answers.map(({ status }) => status))]
  say('client', `20 orders at once: ${statuses.join(', ')}, the slowest after ${slowest} ms`)
  const refused = answers.find(({ status }) => status !== 202)
  if (refused) throw stand.failure(`an order was answered ${refused.status}: ${reasonIn(refused.text)}`)
  // A confirm that is given up, and one more try on a fresh connection.
  if (slowest > 4 * CONFIRM_MS + 2_000) throw stand.failure('it took longer than the confirm may')
  if (!reconnects) {
    const store = await stand.until('the health check says that the store is away', async () => {
      const found = await stand.store('Orginal')
      return found.state === 'ready' ? undefined : found
    })
    say('health', `store ${store.name} ${store.state}: ${store.reason}`)
  }
  say('log', await stand.logged(/WARN.*(cannot be used|did not take)/))
  say('api', `message-stores: ${JSON.stringify(await stand.api.depths())}`)
  await heal()
  proxy.forward()
  await ready(stand)
  say('healed', 'the store is ready again')
  await stand.accepted(10)
  say('healed', await stand.settle())
}

function between(
  name: string,
  break_: (proxy: FaultProxy) => void | Promise<void>,
  heal?: (proxy: FaultProxy) => Promise<void>,
  reconnects = false,
): Fault {
  return {
    name: `broker: ${name}`,
    play: say =>
      withBroker(parts =>
        brokenAndHealed(
          parts,
          say,
          () => break_(parts.proxy),
          () => heal?.(parts.proxy),
          reconnects,
        ),
      ),
  }
}

const cut: Fault = {
  name: 'broker: every connection is cut, again and again',
  play: say =>
    withBroker(async ({ stand, proxy }) => {
      for (let times = 0; times < 10; times++) {
        const placed = stand.accepted(20, 200)
        proxy.cutAfter(500 + times * 700, times % 2 === 0 ? 'up' : 'down')
        await placed
        proxy.cut()
      }
      say('client', '200 orders: all 202')
      await ready(stand)
      say('healed', await stand.settle())
    }),
}

const login: Fault = {
  name: 'broker: the login is refused for a while',
  play: say => {
    const right = { HOLDFAST_BROKER_USER: 'orders', HOLDFAST_BROKER_PASSWORD: 'right-password' }
    return withBroker(
      parts =>
        brokenAndHealed(
          parts,
          say,
          async () => {
            await parts.broker.child.end('SIGTERM')
            await parts.broker.start({ ...right, HOLDFAST_BROKER_PASSWORD: 'changed' })
            const reason = await parts.stand.until('the refusal is told', async () => {
              const store = await parts.stand.store('Orginal')
              return store.reason?.includes('refused the login') ? store.reason : undefined
            })
            if (reason.includes('right-password')) throw parts.stand.failure('a password is told')
          },
          async () => {
            if (/right-password/.test(parts.stand.log)) throw parts.stand.failure('a password is logged')
            await parts.broker.child.end('SIGTERM')
            await parts.broker.start()
          },
        ),
      { login: 'orders:right-password', env: right },
    )
  },
}

const neither: Fault = {
  name: 'broker away and the journal fails: nothing can hold the message',
  play: say =>
    (async () => {
      const [port] = (await freePorts(1)) as [number]
      await using stand = await Stand.open({
        artifacts: backend => brokerArtifacts(port, backend),
        path: '/services/Proxy1',
        env: ENV,
        faultDisk: true,
      })
      stand.disk({ under: '/data/', calls: ['sync', 'open'], code: 'EIO' })
      const { status, text } = await stand.order()
      say('client', `${status} ${reasonIn(text)}`)
      if (status !== 500 || !/Fault/.test(text)) throw stand.failure('that is no fault')
      const { journal, stores } = await stand.health()
      say('health', `journal ${journal.state}; ${stores.map(({ name, state }) => `${name} ${state}`).join(', ')}`)
      say('log', await stand.logged(/ERROR.*failover store/))
      stand.disk(null)
      say('healed', `the journal holds messages for the broker ${await stand.acceptsAgain()} ms after its disk does`)
      await using broker = await startBrokerChild(join(stand.folder, 'broker'), port)
      await ready(stand)
      say('healed', `and with the broker: ${await stand.settle()}`)
      await stand.stop()
      await broker.end('SIGTERM')
    })(),
}

export const brokerFaults: readonly Fault[] = [
  between(
    'nobody listens, and connections are cut',
    async proxy => {
      await proxy.refuse()
      proxy.cut()
    },
    proxy => proxy.accept(),
  ),
  between('stalls', proxy => proxy.stall()),
  between('takes messages and swallows every confirm', proxy => proxy.swallow('down')),
  between(
    'half-open: it is gone and nobody is told',
    proxy => {
      proxy.halfOpen()
      proxy.cut('server')
    },
    undefined,
    true,
  ),
  cut,
  login,
  neither,
]
