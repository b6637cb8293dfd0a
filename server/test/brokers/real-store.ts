/** A message store as its XML says, at a real broker, with time that passes. */
import { buildArtifact } from '../../deploy/build.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { MessageStore } from '../../kernel/contracts.ts'
import messageStore from '../../kinds/artifacts/message-store.ts'
import jms from '../../kinds/stores/jms.ts'
import journal from '../../kinds/stores/journal.ts'
import rabbitmq from '../../kinds/stores/rabbitmq.ts'
import { Catalog } from '../../schema/catalog.ts'
import { decodeFile } from '../../schema/decode.ts'
import { RigDisk, StoreRig } from '../../testing/store-rig.ts'
import type { RealServer } from './servers/index.ts'

export const JMS_CLASS = 'org.apache.synapse.message.store.impl.jms.JmsStore'
export const RABBITMQ_CLASS = 'org.apache.synapse.message.store.impl.rabbitmq.RabbitMQStore'
export const ARTEMIS_FACTORY = 'org.apache.activemq.artemis.jndi.ActiveMQInitialContextFactory'
export const ACTIVEMQ_FACTORY = 'org.apache.activemq.jndi.ActiveMQInitialContextFactory'
export const QPID_FACTORY = 'org.apache.qpid.jms.jndi.JmsInitialContextFactory'

export interface RealStoreOptions {
  readonly name?: string
  readonly className?: string
  readonly disk?: RigDisk
  /** Longest wait for a confirm. */
  readonly confirmMs?: number
  readonly parameters: Readonly<Record<string, string>>
}

export interface RealStore {
  readonly store: MessageStore
  readonly rig: StoreRig
}

const catalog = new Catalog([messageStore, jms, journal, rabbitmq])

/** The parameters every RabbitMQ store at this server has. */
export function atRabbit(
  server: Pick<RealServer, 'user' | 'password'>,
  port: number,
  queue: string,
): Record<string, string> {
  return {
    'store.rabbitmq.host.name': '127.0.0.1',
    'store.rabbitmq.host.port': String(port),
    'store.rabbitmq.username': server.user,
    'store.rabbitmq.password': server.password,
    'store.rabbitmq.queue.name': queue,
  }
}

/** The parameters every store at this server has. */
export function addressed(
  server: Pick<RealServer, 'user' | 'password'>,
  url: string,
  destination: string,
  factory = QPID_FACTORY,
): Record<string, string> {
  return {
    'java.naming.factory.initial': factory,
    'java.naming.provider.url': url,
    'store.jms.destination': destination,
    'store.jms.username': server.user,
    'store.jms.password': server.password,
  }
}

export function storeXml(name: string, parameters: Readonly<Record<string, string>>, className = JMS_CLASS): string {
  const inside = Object.entries(parameters).map(
    ([key, value]) => `<parameter name="${key}">${value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</parameter>`,
  )
  return `<messageStore name="${name}" class="${className}">${inside.join('')}</messageStore>`
}

export function realStore(options: RealStoreOptions): RealStore {
  const { name = 'S', disk = new RigDisk(), confirmMs = 30_000, parameters, className } = options
  const rig = new StoreRig({ disk })
  const { artifacts, diagnostics } = decodeFile(storeXml(name, parameters, className), 'test.xml', {
    catalog,
    compile: source => {
      throw new Error(`nothing is compiled here: ${source}`)
    },
    substitute: value => ({ value }),
    resource: () => undefined,
  })
  const wrong = [...diagnostics, ...artifacts.flatMap(artifact => artifact.diagnostics)]
  const errors = wrong.filter(({ severity }) => severity === 'error')
  const node = artifacts[0]?.node
  if (!node || errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'))
  const services = {
    ...rig.services,
    clock: systemClock,
    settings: { ...rig.services.settings, storeConfirmDeadline: confirmMs },
  }
  return { rig, store: buildArtifact(node, services) as MessageStore }
}

/** Resolves once the store is connected. */
export function ready(store: MessageStore): Promise<void> {
  return new Promise(resolve => {
    if (store.status?.state === 'ready') resolve()
    else store.onReady?.(resolve)
  })
}
