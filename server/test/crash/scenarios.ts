/** The configurations that crash runs kill. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ScenarioName } from './plan.ts'

export interface Ports {
  readonly broker: number
  readonly backend: number
}

export interface Scenario {
  readonly name: ScenarioName
  readonly broker: boolean
  /** Path of the service that gets the orders. */
  readonly path: string
  /** Service whose orders nobody forwards until {@link release} is deployed: they keep old segments of the journal alive. */
  readonly parking?: { readonly path: string; readonly release: () => string }
  /** Orders of one client arrive in their order. */
  readonly ordered: boolean
  /** Most characters added to an order. */
  readonly padding: number
  artifacts(ports: Ports): Promise<ReadonlyMap<string, string>>
}

const FORWARDING = 'org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor'

function storing(proxy: string, store: string): string {
  return `<proxy name="${proxy}" transports="http" xmlns="http://ws.apache.org/ns/synapse">
  <target>
    <inSequence>
      <property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/>
      <property name="OUT_ONLY" value="true"/>
      <store messageStore="${store}"/>
    </inSequence>
  </target>
</proxy>
`
}

function forwarding(name: string, store: string): string {
  return `<messageProcessor name="${name}" class="${FORWARDING}" targetEndpoint="orders" messageStore="${store}">
  <parameter name="interval">1</parameter>
  <parameter name="client.retry.interval">100</parameter>
</messageProcessor>
`
}

/**
 * Everything in the journal: large orders make it begin a new segment every hundred of them, and a few that stay make it
 * copy them forward.
 */
export const journalScenario: Scenario = {
  name: 'journal',
  broker: false,
  path: '/services/Orders',
  parking: { path: '/services/Parked', release: () => forwarding('unpark', 'parked') },
  ordered: true,
  padding: 16_000,
  artifacts: async ({ backend }) =>
    new Map([
      [
        'endpoint.xml',
        `<endpoint name="orders"><address uri="http://127.0.0.1:${backend}/services/SimpleStockQuoteService"/></endpoint>\n`,
      ],
      ['orders.xml', '<messageStore name="orders"/>\n'],
      ['parked.xml', '<messageStore name="parked"/>\n'],
      ['proxy.xml', storing('Orders', 'orders')],
      ['parking.xml', storing('Parked', 'parked')],
      ['forward.xml', forwarding('forward', 'orders')],
    ]),
}

const EI = fileURLToPath(new URL('../../../samples/02-failover-ei/artifacts', import.meta.url))

/** Document 000's configuration: only ports and paces differ from what is printed. */
export const failoverScenario: Scenario = {
  name: 'failover',
  broker: true,
  path: '/services/Proxy1',
  ordered: false,
  padding: 4_000,
  async artifacts({ broker, backend }) {
    const changes: readonly (readonly [RegExp, string])[] = [
      [/localhost:61616/, `127.0.0.1:${broker}`],
      [/127\.0\.0\.1:9000/, `127.0.0.1:${backend}`],
      [/(?<=<parameter name="interval">)\d+/, '1'],
      [/(?<=<parameter name="client\.retry\.interval">)\d+/, '100'],
    ]
    const unused = new Set(changes)
    const files = new Map<string, string>()
    for (const file of await readdir(EI)) {
      let xml = await readFile(join(EI, file), 'utf8')
      for (const change of changes) {
        const [from, to] = change
        if (from.test(xml)) unused.delete(change)
        xml = xml.replace(from, to)
      }
      files.set(file, xml)
    }
    if (unused.size > 0)
      throw new Error(`${EI} has nothing like ${[...unused].map(([from]) => from.source).join(', ')}`)
    return files
  },
}

export async function deploy(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const [name, xml] of files) await writeFile(join(folder, name), xml)
}

/** The same artifact in other words: it is replaced, though nothing about it changes. */
export function reworded(xml: string, number: number): string {
  const note = `<!-- ${number} -->`
  const closed = /<\/[\w:]+>\s*$/.exec(xml)
  if (closed) return xml.slice(0, closed.index) + note + xml.slice(closed.index)
  return xml.replace(/<([\w:]+)([^>]*)\/>\s*$/, `<$1$2>${note}</$1>\n`)
}
