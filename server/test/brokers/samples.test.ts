/** The lessons that need a broker of somebody else's, played at a real one. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { samplesIn, withPorts, type Sample } from '../../cli/samples.ts'
import { readExchange, type Outside } from '../../testing/exchange-file.ts'
import { SamplePlayer, type OutsideBroker } from '../../testing/sample-player.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import { missingOurOwn, startBroker, startColocatedPair, type BrokerName, type Protocol } from './servers/index.ts'

type Started = OutsideBroker & AsyncDisposable

interface Played {
  readonly server: BrokerName
  start(sample: Sample): Promise<Started>
}

type Adapt = (text: string, user: string, password: string, port: number) => string

function single(server: BrokerName, protocol: Protocol, documented: number, adapt: Adapt): Played {
  return {
    server,
    start: async () => {
      const broker = await startBroker(server)
      const port = broker.port(protocol)
      return {
        ports: new Map([[documented, port]]),
        start: async () => {
          if (!broker.running) await broker.start()
        },
        stop: () => broker.kill(),
        adapt: text => adapt(text, broker.user, broker.password, port),
        [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
      }
    },
  }
}

const URL = 'java.naming.provider.url'
const PARAMETER = `<parameter name="${URL}">`

// As it comes, Classic asks for no login; the one of the tests does: in stores, inbound endpoints and jms:/… addresses.
const withLogin: Adapt = (text, user, password) => {
  const [name, secret] = text.includes('<inboundEndpoint')
    ? ['transport.jms.UserName', 'transport.jms.Password']
    : ['store.jms.username', 'store.jms.password']
  return text
    .replace(
      PARAMETER,
      `<parameter name="${name}">${user}</parameter><parameter name="${secret}">${password}</parameter>${PARAMETER}`,
    )
    .replace(`;${URL}=`, `;transport.jms.UserName=${user}&amp;transport.jms.Password=${password}&amp;${URL}=`)
}

const asUser: Adapt = (text, user, password) =>
  text.replace('username">admin', `username">${user}`).replace('password">admin', `password">${password}`)

/** The pair that the files of the sample make, on other ports. */
async function startPair(sample: Sample): Promise<Started> {
  const written = await Promise.all(
    ['a.xml', 'b.xml'].map(name => readFile(join(sample.folder, 'broker', name), 'utf8')),
  )
  const pair = await startColocatedPair('2.56.0', (node, [a, b]) => {
    const moved = new Map([
      [61616, a],
      [61617, b],
      [61516, a - 100],
      [61517, b - 100],
    ])
    return withPorts(written[node]!, moved)
  })
  const [live, backup] = pair.ports(0)
  return {
    ports: new Map([
      [61616, live],
      [61717, backup],
    ]),
    start: async () => {
      if (!pair.nodes[0].running) await pair.restart(0)
    },
    stop: () => pair.kill(0),
    adapt: text => asUser(text, pair.user, pair.password, live),
    [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose](),
  }
}

const AT: Readonly<Record<Outside, readonly Played[]>> = {
  classic: (['classic-5.17.2', 'classic-5.18.3', 'classic-6.3.1'] as const).map(server =>
    single(server, 'openwire', 61616, withLogin),
  ),
  artemis: [single('artemis-2.56.0', 'amqp', 61616, asUser)],
  'artemis-pair': [{ server: 'artemis-2.56.0', start: startPair }],
  rabbitmq: [
    single('rabbitmq', 'rabbitmq', 5672, (text, user, password, port) =>
      text
        .replace('username">guest', `username">${user}`)
        .replace('password">guest', `password">${password}`)
        .replace('port">5672', `port">${port}`),
    ),
  ],
}

const root = join(import.meta.dirname, '../../..')

for (const sample of await samplesIn(root)) {
  const { needs, steps } = await readExchange(sample)
  for (const { server: name, start } of needs === undefined ? [] : AT[needs]) {
    test(`sample ${sample.name} does what its page says at ${name}`, { skip: await missingOurOwn(name) }, async () => {
      await using broker = await start(sample)
      await using home = await tempFolder('sample')
      await using player = await SamplePlayer.start(sample, home.path, broker)
      assert.deepEqual(player.diagnostics, [])
      for (const step of steps) await player.play(step)
    })
  }
}
