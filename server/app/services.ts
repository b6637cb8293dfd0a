/** What kinds find outside of themselves, put together for one server. */
import { payloads } from '../codecs/payloads.ts'
import { endpointMaker } from '../deploy/on-demand.ts'
import type { Resources } from '../deploy/resources.ts'
import { LocalFiles } from '../drivers/files/local-files.ts'
import type { HttpClient } from '../drivers/http/client.ts'
import type { Journal } from '../drivers/journal/contracts.ts'
import type { SqlDatabases } from '../drivers/sql/databases.ts'
import type { ExtensionFolders } from '../extensions/folder.ts'
import { byNames } from '../kernel/data-sources.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Endpoint, Log } from '../kernel/contracts.ts'
import { encodeStored, QUARANTINE_SUFFIX, setAside } from '../kernel/stored-message.ts'
import type { WaitingCallers } from '../kernel/waiting-callers.ts'
import { leafEndpoint } from '../runtime/leaf-endpoint.ts'
import type { DecodeEnv } from '../schema/element-site.ts'
import type { OpenPort, OwnPort, Services } from '../schema/services.ts'
import type { Settings } from '../settings/fields.ts'
import { byScheme } from '../transport/by-scheme.ts'
import { documentReader } from '../transport/documents.ts'
import { fileSender } from '../transport/file-outbound.ts'
import { QueueTransport } from '../transport/jms/transport.ts'
import { toAddressed } from '../transport/main-flow.ts'
import { httpSender } from '../transport/outbound.ts'
import { soapFaultReason } from '../transport/payload-codecs.ts'
import { RabbitQueues } from '../transport/rabbitmq/transport.ts'
import { listenerDefaults } from '../transport/settings.ts'
import { connectionFactoriesOf } from './decoding.ts'
import type { Deployment } from './deployment.ts'

export interface ServicesParts {
  readonly settings: Settings
  readonly clock: Clock
  readonly log: Log
  readonly journal: Journal
  readonly client: HttpClient
  readonly resources: Resources
  readonly deployment: Deployment
  readonly callers: WaitingCallers
  readonly databases: SqlDatabases
  readonly extensions: ExtensionFolders
  readonly openPort: (wish: OwnPort) => Promise<OpenPort>
}

/** `queues`: connections to brokers, to be closed when nothing runs any more. */
export function servicesOf(
  parts: ServicesParts,
  decoding: DecodeEnv,
): { readonly services: Services; readonly queues: readonly Disposable[] } {
  const { settings, clock, log, journal, client, resources, deployment } = parts
  const kindSettings = {
    globalEndpointTimeout: settings.endpoint.globalTimeout,
    dataSources: byNames(settings.datasource.sources),
    deliveryIdHeader: settings.forward.deliveryIdHeader,
    storeConfirmDeadline: settings.store.confirmTimeout,
    maxBodySize: settings.http.maxBodySize,
    ...(settings.api.corsEnabled && {
      cors: { origins: settings.api.corsOrigins, headers: settings.api.corsHeaders },
    }),
  }
  const http = httpSender(client, {
    deliveryIdHeader: settings.forward.deliveryIdHeader,
    maxBodySize: settings.http.maxBodySize,
    preserveHeaders: listenerDefaults.preserveHeaders,
  })
  const files = new LocalFiles(settings.server.home, settings.files.folders, clock)
  const factories = connectionFactoriesOf(settings)
  const jms = new QueueTransport(() => all, factories)
  const rabbitmq = new RabbitQueues(() => all, factories)
  const services: Services = {
    clock,
    log,
    journal,
    registry: () => deployment.deployer!.current,
    onDeploy: listener => deployment.onDeploy(listener),
    callers: parts.callers,
    payloads,
    faultReason: soapFaultReason,
    resources,
    makeEndpoint: endpointMaker(decoding, () => services),
    writeResource: (key, property, value) => resources.write(key, property, value),
    files,
    ports: { open: wish => parts.openPort(wish) },
    documents: documentReader(client, { resources, limit: settings.http.maxBodySize }),
    databases: parts.databases,
    extensions: parts.extensions,
    settings: kindSettings,
    http: byScheme({ vfs: fileSender(files), jms, rabbitmq }, http),
    jms,
    rabbitmq,
    get defaultEndpoint(): Endpoint {
      return implicit
    },
    quarantine: (store, record, reason) => quarantine(parts, store, record, reason),
    encode: encodeStored,
  }
  const at = { file: '', line: 0, column: 0 }
  const implicit = leafEndpoint(
    [],
    {
      at,
      name: 'AnonymousEndpoint',
      owner: { role: 'endpoint', name: 'AnonymousEndpoint' },
      services,
      log,
      flow: () => ({ steps: [], mediate: () => 'next' }),
      endpoint: () => implicit,
      prepare: () => undefined,
    },
    request => ({ url: request.addressing.to! }),
  )
  const all: Services = { ...services, defaultEndpoint: toAddressed(implicit) }
  return { services: all, queues: [jms, rabbitmq] }
}

async function quarantine(
  { journal, clock, log }: ServicesParts,
  store: string,
  record: Uint8Array,
  reason: string,
): Promise<void> {
  const name = store + QUARANTINE_SUFFIX
  const queue = journal.queue(name)
  const message = setAside(record, store, reason, clock.now())
  // Set aside before, and killed before the store could be told.
  if (!(await queue.find(message.id))) await queue.put(message.id, encodeStored(message))
  log.warn(`a message of ${store} cannot be used; it is kept in store ${name}`, {
    messageId: message.id,
    reason,
  })
}
