/** Two Artemis brokers, each live and host of the other's backup (brokers.md §3.1, the shape of seed 003). */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../kernel/clock.ts'
import { isFree, freePorts } from '../../../testing/ports.ts'
import { tempFolder } from '../../../testing/temp-folder.ts'
import { startArtemis } from './artemis.ts'
import type { ArtemisVersion } from './artemis.ts'
import type { RealServer } from './real-server.ts'

/** Between a live's port and that of the backup it hosts. */
const OFFSET = 100
/** Longer than a backup takes that gives its messages back. */
const GIVES_BACK_MS = 20_000
const WAITS_FOR_LOCK = /AMQ221034/
const GIVES_BACK = /AMQ221008/
/** The backup it hosts has started and announced itself; a live that waits for its lock announces itself, too. */
const HOSTS_BACKUP = /AMQ221109[^]*AMQ221031/

const POLICY = `<ha-policy><shared-store><colocated>
  <backup-port-offset>${OFFSET}</backup-port-offset><backup-request-retries>-1</backup-request-retries>
  <backup-request-retry-interval>500</backup-request-retry-interval><max-backups>1</max-backups>
  <request-backup>true</request-backup>
  <primary><failover-on-shutdown>true</failover-on-shutdown></primary><backup/>
</colocated></shared-store></ha-policy>`

export class ColocatedPair implements AsyncDisposable {
  readonly nodes: readonly [RealServer, RealServer]
  readonly #clean: () => Promise<void>

  constructor(nodes: readonly [RealServer, RealServer], clean: () => Promise<void>) {
    this.nodes = nodes
    this.#clean = clean
  }

  get user(): string {
    return this.nodes[0].user
  }

  get password(): string {
    return this.nodes[0].password
  }

  /** Where the live of this node is found, or, once that is dead, its backup in the other. */
  ports(node: 0 | 1): readonly [live: number, backup: number] {
    return [this.nodes[node].port('amqp'), this.nodes[other(node)].port('amqp') + OFFSET]
  }

  /** As people write it into a store. */
  url(node: 0 | 1): string {
    const [live, backup] = this.ports(node)
    return `(tcp://127.0.0.1:${live},tcp://127.0.0.1:${backup})?ha=true&reconnectAttempts=-1`
  }

  /** kill -9. */
  kill(node: 0 | 1): Promise<void> {
    return this.nodes[node].kill()
  }

  /**
   * Starts a dead node again; resolves once it waits for its messages, which the backup in the other still has. From
   * then on that gives them back, for which it takes a second at least.
   */
  async relaunch(node: 0 | 1): Promise<void> {
    const back = this.nodes[node]
    back.launch()
    await back.says(WAITS_FOR_LOCK)
  }

  /** Resolves once the backup of this node, which wants its messages back, has begun to stop; at times it never does. */
  async givingBack(node: 0 | 1): Promise<void> {
    await within(GIVES_BACK_MS, this.nodes[other(node)].says(GIVES_BACK))
  }

  /**
   * Starts a dead node again; resolves once it serves its own messages, given back by the other, and both backups are in
   * place. Artemis does not bring those back by itself: the backup that has given its messages back stays stopped, its
   * host counts it all the same and takes no other, and asks for none for itself. Only its restart helps.
   */
  async restart(node: 0 | 1): Promise<void> {
    const [back, peer] = [this.nodes[node], this.nodes[other(node)]]
    await this.relaunch(node)
    // Now and then a backup does not notice that its primary is back: the end of its process frees the lock as well.
    if (!(await within(GIVES_BACK_MS, back.serving()))) await peer.kill()
    await back.serving()
    await peer.stop()
    await this.complete(other(node))
  }

  /** The same without being given back anything: the other is killed as soon as this one waits for its messages. */
  async exchange(node: 0 | 1): Promise<void> {
    await this.relaunch(node)
    await this.nodes[other(node)].kill()
    await this.complete(other(node))
  }

  /** Starts the one that is dead, while the other serves; resolves once both serve and both backups are in place. */
  async complete(node: 0 | 1): Promise<void> {
    const [back, peer] = [this.nodes[node], this.nodes[other(node)]]
    await peer.serving()
    await back.start()
    await Promise.all([back.says(HOSTS_BACKUP), peer.says(HOSTS_BACKUP)])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]()
    await this.#clean()
  }
}

/** Both live, both backups announced; `brokerXml` is the whole configuration of a node, in the place of ours. */
export async function startColocatedPair(
  version: ArtemisVersion,
  brokerXml?: (node: 0 | 1, ports: readonly [number, number]) => string,
): Promise<ColocatedPair> {
  const ports = await portsWithRoom()
  const data = await tempFolder('artemis-pair')
  const start = async (node: 0 | 1): Promise<RealServer> => {
    const own = join(data.path, String(node))
    await mkdir(own)
    const peerPort = ports[other(node)]
    return startArtemis(version, {
      name: `node${node}`,
      port: ports[node],
      core: POLICY,
      create: [
        '--data',
        own,
        ...'--clustered --cluster-user cluster --cluster-password cluster-secret --message-load-balancing OFF'.split(
          ' ',
        ),
        '--static-cluster',
        `tcp://127.0.0.1:${peerPort}`,
      ],
      // The offset also hits the connectors of the hosted backup: it finds the cluster only by one that is lower.
      configure: xml =>
        brokerXml?.(node, ports) ??
        xml
          .replace(
            '</connectors>',
            `<connector name="seen-by-backup">tcp://127.0.0.1:${peerPort - OFFSET}</connector></connectors>`,
          )
          .replace('</static-connectors>', '<connector-ref>seen-by-backup</connector-ref></static-connectors>'),
    })
  }
  const started = await Promise.allSettled([start(0), start(1)])
  const nodes = started.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
  const pair = new ColocatedPair(nodes as unknown as readonly [RealServer, RealServer], async () =>
    data[Symbol.asyncDispose](),
  )
  try {
    for (const one of started) if (one.status === 'rejected') throw one.reason
    await Promise.all(pair.nodes.map(node => node.says(HOSTS_BACKUP)))
    return pair
  } catch (thrown) {
    await pair[Symbol.asyncDispose]()
    throw thrown
  }
}

const other = (node: 0 | 1): 0 | 1 => (node === 0 ? 1 : 0)

async function within(ms: number, what: Promise<unknown>): Promise<boolean> {
  const patience = new AbortController()
  const done = what.then(() => true)
  const late = systemClock.sleep(ms, patience.signal).then(() => false)
  try {
    return await Promise.race([done, late])
  } finally {
    patience.abort()
  }
}

async function portsWithRoom(): Promise<[number, number]> {
  for (;;) {
    const [first, second] = (await freePorts(2)) as [number, number]
    const apart = Math.abs(first - second) !== OFFSET
    if (apart && (await isFree(first + OFFSET)) && (await isFree(second + OFFSET))) return [first, second]
  }
}
