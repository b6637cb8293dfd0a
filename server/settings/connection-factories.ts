/** `[[transport.jms.listener]]` and its like: brokers by name, for artifacts to refer to. */
import type { ConnectionFactory } from '../kernel/connection-factories.ts'
import { nearest } from '../kernel/nearest.ts'
import { Refusal, type Raw, type SettingType } from './types.ts'

/** WSO2's names for parameters of artifacts (management-and-operations §4.2). */
type Names = Readonly<Record<string, string>>

const jmsNames: Names = {
  initial_naming_factory: 'java.naming.factory.initial',
  provider_url: 'java.naming.provider.url',
  naming_security_principal: 'java.naming.security.principal',
  naming_security_credential: 'java.naming.security.credentials',
  connection_factory_name: 'transport.jms.ConnectionFactoryJNDIName',
  connection_factory_type: 'transport.jms.ConnectionFactoryType',
  username: 'transport.jms.UserName',
  password: 'transport.jms.Password',
  destination: 'transport.jms.Destination',
  destination_type: 'transport.jms.DestinationType',
  default_reply_destination: 'transport.jms.ReplyDestination',
  default_destination_type: 'transport.jms.ReplyDestinationType',
  cache_level: 'transport.jms.CacheLevel',
  session_transaction: 'transport.jms.SessionTransacted',
  session_acknowledgement: 'transport.jms.SessionAcknowledgement',
  jms_spec_version: 'transport.jms.JMSSpecVersion',
  message_selector: 'transport.jms.MessageSelector',
  subscription_durable: 'transport.jms.SubscriptionDurable',
  durable_subscriber_client_id: 'transport.jms.DurableSubscriberClientID',
  durable_subscriber_name: 'transport.jms.DurableSubscriberName',
  pub_sub_local: 'transport.jms.PubSubNoLocal',
  concurrent_consumer: 'transport.jms.ConcurrentConsumers',
  max_concurrent_consumer: 'transport.jms.MaxConcurrentConsumers',
  idle_task_limit: 'transport.jms.IdleTaskLimit',
  max_message_per_task: 'transport.jms.MaxMessagesPerTask',
  receive_timeout: 'transport.jms.ReceiveTimeout',
  initial_reconnection_duration: 'transport.jms.InitialReconnectDuration',
  reconnect_progress_factor: 'transport.jms.ReconnectProgressFactor',
  max_reconnect_duration: 'transport.jms.MaxReconnectDuration',
  reconnect_interval: 'transport.jms.ReconnectInterval',
  max_jsm_connection: 'transport.jms.MaxJMSConnections',
  max_jms_connection: 'transport.jms.MaxJMSConnections',
  vender_class_loader: 'vender.class.loader.enabled',
}

const rabbitNames: Names = {
  hostname: 'rabbitmq.server.host.name',
  port: 'rabbitmq.server.port',
  username: 'rabbitmq.server.user.name',
  password: 'rabbitmq.server.password',
  virtual_host: 'rabbitmq.server.virtual.host',
  connection_pool_size: 'rabbitmq.connection.pool.size',
  heartbeat: 'rabbitmq.connection.factory.heartbeat',
  exchange_name: 'rabbitmq.exchange.name',
  exchange_type: 'rabbitmq.exchange.type',
  exchange_auto_declare: 'rabbitmq.exchange.autodeclare',
  exchange_durable: 'rabbitmq.exchange.durable',
  exchange_auto_delete: 'rabbitmq.exchange.auto.delete',
  queue_name: 'rabbitmq.queue.name',
  queue_auto_ack: 'rabbitmq.queue.auto.ack',
  queue_auto_declare: 'rabbitmq.queue.autodeclare',
  queue_durable: 'rabbitmq.queue.durable',
  queue_exclusive: 'rabbitmq.queue.exclusive',
  queue_auto_delete: 'rabbitmq.queue.auto.delete',
  queue_routing_key: 'rabbitmq.queue.routing.key',
  routing_key: 'rabbitmq.queue.routing.key',
  consumer_tag: 'rabbitmq.consumer.tag',
  channel_consumer_qos: 'rabbitmq.channel.consumer.qos',
  message_content_type: 'rabbitmq.message.content.type',
  retry_interval: 'rabbitmq.connection.retry.interval',
  retry_count: 'rabbitmq.connection.retry.count',
  ssl_enable: 'rabbitmq.connection.ssl.enabled',
  ssl_version: 'rabbitmq.connection.ssl.version',
  keystore_file_name: 'rabbitmq.connection.ssl.keystore.location',
  keystore_location: 'rabbitmq.connection.ssl.keystore.location',
  keystore_type: 'rabbitmq.connection.ssl.keystore.type',
  keystore_password: 'rabbitmq.connection.ssl.keystore.password',
  truststore_file_name: 'rabbitmq.connection.ssl.truststore.location',
  truststore_location: 'rabbitmq.connection.ssl.truststore.location',
  truststore_type: 'rabbitmq.connection.ssl.truststore.type',
  truststore_password: 'rabbitmq.connection.ssl.truststore.password',
}

/** Names as artifacts have them are taken, too. */
const FULL = /^(?:transport\.jms|java\.naming|connection[fF]actory|connection|queue|topic|rabbitmq)\./

const PARAMETER = 'parameter.'

function factories(names: Names): SettingType<readonly ConnectionFactory[]> {
  return {
    name: 'tables with name and parameter',
    tables: true,
    read(raw) {
      if (!Array.isArray(raw)) return new Refusal('can only be written in the file, as tables with name and parameter')
      const made: ConnectionFactory[] = []
      for (const [index, table] of (raw as readonly Raw[]).entries()) {
        const one = factoryOf(table, index, names)
        if (one instanceof Refusal) return one
        if (made.some(({ name }) => name === one.name))
          return new Refusal(`has "${one.name}" twice`, { table: index, key: 'name' })
        made.push(one)
      }
      return made
    },
    // Their parameters may be secrets.
    write: value => `[${value.map(({ name }) => JSON.stringify(name)).join(', ')}]`,
  }
}

function factoryOf(table: Raw, index: number, names: Names): ConnectionFactory | Refusal {
  const entries =
    typeof table === 'object' && !Array.isArray(table) && !(table instanceof Date) ? Object.entries(table) : []
  const name = entries.find(([key]) => key === 'name')?.[1]
  if (typeof name !== 'string' || name === '')
    return new Refusal('needs a name in each table', { table: index, key: entries[0]?.[0] ?? 'name' })
  const parameters = new Map<string, string>()
  for (const [key, value] of entries) {
    if (key === 'name') continue
    const written = key.startsWith(PARAMETER) ? key.slice(PARAMETER.length) : undefined
    const meant = written === undefined ? undefined : (names[written] ?? (FULL.test(written) ? written : undefined))
    if (meant === undefined) {
      const near = nearest(written ?? key, Object.keys(names))
      const remedy = near === undefined ? '' : `; did you mean parameter.${near}?`
      return new Refusal(`has ${key} in "${name}", which nobody knows${remedy}`, { table: index, key })
    }
    if (typeof value === 'object')
      return new Refusal(`has more than one value for ${key} in "${name}"`, { table: index, key })
    parameters.set(meant, String(value))
  }
  return { name, parameters }
}

export const jmsFactories = factories(jmsNames)
export const rabbitFactories = factories(rabbitNames)
