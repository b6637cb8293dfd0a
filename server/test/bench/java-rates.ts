/** What the Java clients of the brokers reach: the programs of the peers by JMS, one of ours for RabbitMQ. */
import { existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { command, need } from '../brokers/servers/commands.ts'
import { prepareJavaClients } from '../brokers/servers/java-clients.ts'
import { compiled, jarsOf } from '../brokers/servers/java.ts'
import { libraries } from '../brokers/servers/maven.ts'
import { Missing } from '../brokers/servers/missing.ts'
import type { RealServer } from '../brokers/servers/index.ts'
import { peers } from './stage.ts'

/** Messages a second. */
export interface Rates {
  readonly store: number
  readonly drain: number
}

/** One run of a client that has `inFlight` messages on their way at once. */
export interface JavaClient {
  /** As the lines of the report call it. */
  readonly name: string
  /** It gets more messages than it has been asked for when it drains. */
  readonly prefetches: boolean
  /** Messages stored a second, each with an id by which the broker drops a second copy, as ours have it. */
  readonly storesWithIds?: (server: RealServer, inFlight: number, seconds: number) => Promise<number>
  rates(server: RealServer, inFlight: number, seconds: number): Promise<Rates>
}

const RABBIT = ['com.rabbitmq:amqp-client:5.25.0', 'org.slf4j:slf4j-nop:2.0.18']

/** Messages the client by JMS finds in its queue; a second or more of work for the fastest of them. */
const FILLED = 30_000

export async function jmsClient(kind: 'core' | 'openwire', name: string, work: string): Promise<JavaClient> {
  const sources = join(peers, 'brokers', 'java')
  if (!existsSync(sources)) throw new Missing(`there is no ${sources} (HOLDFAST_PEERS names its folder)`)
  const jars = await prepareJavaClients()
  need('javac', 'A JDK')
  const classes = mkdtempSync(join(work, 'java-'))
  const files = readdirSync(sources).filter(file => file.endsWith('.java'))
  const paths = files.map(file => join(sources, file))
  await command('javac', ['-nowarn', '-encoding', 'UTF-8', '-cp', jars, '-d', classes, ...paths])
  return {
    name,
    prefetches: true,
    ...(kind === 'core' && { storesWithIds: await coreRate(jars) }),
    async rates(server, inFlight, seconds) {
      const url = `tcp://${server.host}:${server.port('openwire')}`
      const rate = async (what: string, ...more: string[]): Promise<number> => {
        const where = [kind, url, server.user, server.password, String(seconds), what, ...more]
        return numberIn(await command('java', ['-cp', [classes, jars].join(delimiter), 'Bench', ...where]), what)
      }
      return { store: await rate(`send${inFlight}`), drain: await rate('recvindiv', String(FILLED)) }
    },
  }
}

async function coreRate(jars: string): Promise<NonNullable<JavaClient['storesWithIds']>> {
  const classPath = [await compiled('CoreRate', 'clients', [jars]), jars].join(delimiter)
  return async (server, inFlight, seconds) => {
    const url = `tcp://${server.host}:${server.port('openwire')}`
    const args = [url, server.user, server.password, 'bench.ids', String(inFlight), String(seconds)]
    return numberIn(await command('java', ['-cp', classPath, 'CoreRate', ...args]), 'sent')
  }
}

export async function rabbitClient(): Promise<JavaClient> {
  const jars = jarsOf(await libraries('rabbitmq-client', RABBIT))
  const classPath = [await compiled('RabbitRate', 'rabbitmq-client', [jars]), jars].join(delimiter)
  return {
    name: 'its Java client',
    prefetches: false,
    async rates(server, inFlight, seconds) {
      const where = [String(server.port('rabbitmq')), server.user, server.password, 'bench.java']
      const args = [...where, String(inFlight), String(seconds)]
      const printed = await command('java', ['-cp', classPath, 'RabbitRate', ...args])
      return { store: numberIn(printed, 'sent'), drain: numberIn(printed, 'taken') }
    },
  }
}

function numberIn(printed: string, behind: string): number {
  const found = new RegExp(`\\b${behind} (\\d+)`).exec(printed)?.[1]
  if (!(Number(found) > 0)) throw new Error(`the Java client did not say how fast it was: ${printed}`)
  return Number(found)
}
