/** The real servers of the tests. `missing` first, then start what is there. */
import { prepareArtemis, startArtemis } from './artemis.ts'
import { prepareClassic, startClassic } from './classic.ts'
import { need } from './commands.ts'
import { prepareJavaClients } from './java-clients.ts'
import { Missing } from './missing.ts'
import { prepareRabbit, startRabbit } from './rabbit.ts'
import { given, variableOf } from './given.ts'
import type { Protocol, RealServer } from './real-server.ts'

export { startArtemis } from './artemis.ts'
export type { ArtemisOptions, ArtemisVersion } from './artemis.ts'
export { ColocatedPair, startColocatedPair } from './artemis-pair.ts'
export { makeCertificates } from './certificates.ts'
export type { Certificates } from './certificates.ts'
export { startClassic } from './classic.ts'
export type { ClassicOptions, ClassicVersion } from './classic.ts'
export { runJavaClient } from './java-clients.ts'
export { startRabbit } from './rabbit.ts'
export type { RabbitOptions, RabbitServer } from './rabbit.ts'
export type { Protocol, RealServer } from './real-server.ts'

const SERVERS = {
  'artemis-2.56.0': {
    prepare: () => prepareArtemis('2.56.0'),
    start: measured => startArtemis('2.56.0', { measured }),
    speaks: ['amqp', 'openwire'],
  },
  'artemis-2.44.0': {
    prepare: () => prepareArtemis('2.44.0'),
    start: measured => startArtemis('2.44.0', { measured }),
    speaks: ['amqp', 'openwire'],
  },
  'classic-5.18.3': {
    prepare: () => prepareClassic('5.18.3'),
    start: measured => startClassic('5.18.3', { measured }),
    speaks: ['amqp'],
  },
  'classic-6.3.1': {
    prepare: () => prepareClassic('6.3.1'),
    start: measured => startClassic('6.3.1', { measured }),
    speaks: ['amqp'],
  },
  'classic-5.17.2': {
    prepare: () => prepareClassic('5.17.2'),
    start: measured => startClassic('5.17.2', { measured }),
    speaks: ['openwire'],
  },
  rabbitmq: { prepare: prepareRabbit, start: () => startRabbit(), speaks: ['amqp', 'rabbitmq'] },
} satisfies Record<
  string,
  { prepare(): Promise<unknown>; start(measured: boolean): Promise<RealServer>; speaks: Protocol[] }
>

const TOOLS = {
  'java-clients': prepareJavaClients,
  openssl: async () => need('openssl', 'OpenSSL'),
} satisfies Record<string, () => Promise<unknown>>

export type BrokerName = keyof typeof SERVERS
export type Needed = BrokerName | keyof typeof TOOLS

export const ALL_NEEDED = [...Object.keys(SERVERS), ...Object.keys(TOOLS)] as Needed[]

/**
 * Gets what the tests need and says why that is not possible here, or false: the value for `skip` of a test. Anything
 * else that goes wrong is a failure. With an address in the environment (`HOLDFAST_TEST_…`) nothing needs to be got.
 */
export async function missing(...names: Needed[]): Promise<string | false> {
  for (const name of names) {
    if (process.env[variableOf(name)] !== undefined) continue
    const reason = await missingHere(name)
    if (reason) return reason
  }
  return false
}

/** The same for a test that ends the server or sets it up: an address is not enough. */
export async function missingOurOwn(...names: Needed[]): Promise<string | false> {
  const away = names.find(name => process.env[variableOf(name)] !== undefined)
  if (away) return `${away}: it is given by an address, and this test starts and ends its own`
  return missing(...names)
}

/** The server at the address in the environment, or one of our own without special options. */
export async function startBroker(name: BrokerName, { measured = false } = {}): Promise<RealServer> {
  const { speaks, start } = SERVERS[name]
  return given(name, speaks) ?? (await start(measured))
}

async function missingHere(name: Needed): Promise<string | false> {
  try {
    await (name in SERVERS ? SERVERS[name as BrokerName].prepare() : TOOLS[name as keyof typeof TOOLS]())
    return false
  } catch (thrown) {
    if (thrown instanceof Missing) return `${name}: ${thrown.message}`
    throw thrown
  }
}
