import {
  ACTIVEMQ_FACTORY,
  addressed,
  atRabbit,
  JMS_CLASS,
  QPID_FACTORY,
  RABBITMQ_CLASS,
} from '../../brokers/real-store.ts'
import { missingOurOwn, startBroker, type BrokerName, type RealServer } from '../../brokers/servers/index.ts'
import { Missing } from '../../brokers/servers/missing.ts'
import { jmsClient, rabbitClient, type JavaClient, type Rates } from '../java-rates.ts'
import type { Goal, Report } from '../report.ts'
import { storeRates } from '../store-rates.ts'
import type { Bench } from './bench.ts'

export const what =
  "a store at a real broker beside the broker's own Java client; gets the brokers as npm run test:brokers does"

interface Pair {
  readonly title: string
  readonly broker: BrokerName
  readonly client: (work: string) => Promise<JavaClient>
  readonly store: (
    server: RealServer,
    queue: string,
  ) => { readonly className: string; readonly parameters: Readonly<Record<string, string>> }
  /** For storing with messages in flight, beside a client that does the same. */
  readonly goal?: Goal
}

const PAIRS: readonly Pair[] = [
  {
    title: 'Artemis, AMQP',
    broker: 'artemis-2.56.0',
    client: work => jmsClient('core', 'Core client', work),
    store: (server, queue) => ({
      className: JMS_CLASS,
      parameters: addressed(server, server.url('amqp'), queue, QPID_FACTORY),
    }),
    goal: { atLeast: 0.8 },
  },
  {
    title: 'Classic, OpenWire',
    broker: 'classic-5.18.3',
    client: work => jmsClient('openwire', 'OpenWire client', work),
    store: (server, queue) => ({
      className: JMS_CLASS,
      parameters: addressed(server, server.url('openwire'), queue, ACTIVEMQ_FACTORY),
    }),
  },
  {
    title: 'RabbitMQ, AMQP 0-9-1',
    broker: 'rabbitmq',
    client: () => rabbitClient(),
    store: (server, queue) => ({
      className: RABBITMQ_CLASS,
      parameters: atRabbit(server, server.port('rabbitmq'), queue),
    }),
  },
]

const PREFETCHES = 'when it drains the Java client prefetches, a store holds no more than it has on loan'

/** Awaited one by one, and pipelined. */
const IN_FLIGHT = [1, 32]

export async function run({ report, work, repeats, seconds }: Bench): Promise<void> {
  for (const pair of PAIRS) {
    const client = await clientOf(pair, work)
    const absent = typeof client === 'string' ? client : await missingOurOwn(pair.broker)
    if (absent || typeof client === 'string') report.line(`${pair.title} is left out: ${absent}`)
    else await measure(report, pair, client, repeats, seconds)
  }
}

async function clientOf({ client }: Pair, work: string): Promise<JavaClient | string> {
  try {
    return await client(work)
  } catch (thrown) {
    if (thrown instanceof Missing) return thrown.message
    throw thrown
  }
}

async function measure(report: Report, pair: Pair, client: JavaClient, repeats: number, seconds: number) {
  await using server = await startBroker(pair.broker, { measured: true })
  if (client.prefetches) report.line(`${pair.title}: ${PREFETCHES}`)
  let queues = 0
  const ours = (inFlight: number): Promise<Rates> =>
    storeRates(pair.store(server, `bench.${++queues}`), inFlight, seconds)
  const theirs = (inFlight: number): Promise<Rates> => client.rates(server, inFlight, seconds)
  // The broker's own classes are to be warm for whoever comes first.
  await theirs(IN_FLIGHT.at(-1)!)
  for (const inFlight of IN_FLIGHT) {
    const found: { ours: Rates[]; theirs: Rates[] } = { ours: [], theirs: [] }
    const withIds: number[] = []
    for (let round = 0; round < repeats; round++) {
      for (const who of round % 2 === 0 ? (['ours', 'theirs'] as const) : (['theirs', 'ours'] as const)) {
        found[who].push(await { ours, theirs }[who](inFlight))
      }
      if (client.storesWithIds) withIds.push(await client.storesWithIds(server, inFlight, seconds))
    }
    const line = (operation: keyof Rates, condition: string, goal?: Goal): void =>
      report.ratio(
        `${pair.title}: ${operation}, ${condition} ÷ ${client.name}: a second`,
        found.ours.map(one => one[operation]),
        found.theirs.map(one => one[operation]),
        goal,
      )
    const condition = inFlight === 1 ? 'awaited' : `${inFlight} in flight`
    const goal = inFlight === 1 ? undefined : pair.goal
    line('store', condition, withIds.length === 0 ? goal : undefined)
    if (withIds.length > 0) {
      report.ratio(
        `${pair.title}: store, ${condition} ÷ ${client.name} with ids, too: a second`,
        found.ours.map(one => one.store),
        withIds,
        goal,
      )
    }
    line('drain', inFlight === 1 ? 'one on loan' : `${inFlight} on loan`)
  }
}
