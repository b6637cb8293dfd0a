/** What the options of a broker address mean for reconnecting, TLS and redelivery. */
import type { BrokerHost, Reconnecting, TlsFiles } from './target.ts'
import type { UrlQuery } from './url-query.ts'

export interface Redelivery {
  readonly maximumRedeliveries: number
  readonly initialRedeliveryDelay: number
  readonly redeliveryDelay: number
  readonly useExponentialBackOff: boolean
  readonly backOffMultiplier: number
  /** -1: no limit. */
  readonly maximumRedeliveryDelay: number
}

/** What an address says beyond where the broker is. */
export interface UrlOptions {
  /** Which protocol the scheme is sure about; `auto` is what ActiveMQ's own schemes leave open. */
  readonly protocol: 'amqp' | 'auto'
  readonly redelivery: Redelivery
  readonly prefetch?: number
  readonly compress: boolean
  /** Name of a broker inside the peer's JVM (`vm://NAME`): a queue of our journal stands for it. */
  readonly insideJvm?: string
}

const REDELIVERY: Redelivery = {
  maximumRedeliveries: 6,
  initialRedeliveryDelay: 1000,
  redeliveryDelay: 1000,
  useExponentialBackOff: false,
  backOffMultiplier: 5,
  maximumRedeliveryDelay: -1,
}

const ACTIVEMQ_FAILOVER: Reconnecting = { initialDelay: 10, maxDelay: 30_000, factor: 2, randomize: true }
const ARTEMIS_LIST: Reconnecting = { initialDelay: 2000, maxDelay: 2000, factor: 1, randomize: false }

export function failoverReconnecting(query: UrlQuery): Reconnecting {
  const base = ACTIVEMQ_FAILOVER
  const exponential = query.flag('useExponentialBackOff') ?? query.flag('failover.useReconnectBackOff') ?? true
  endless(query, 'maxReconnectAttempts', 'startupMaxReconnectAttempts', 'failover.maxReconnectAttempts', 'timeout')
  const first = query.number('initialReconnectDelay') ?? query.number('failover.initialReconnectDelay')
  return {
    initialDelay: Math.max(1, first ?? base.initialDelay),
    maxDelay: query.number('maxReconnectDelay') ?? query.number('failover.maxReconnectDelay') ?? base.maxDelay,
    factor: exponential ? (query.number('backOffMultiplier') ?? base.factor) : 1,
    randomize: query.flag('randomize') ?? query.flag('failover.randomize') ?? base.randomize,
  }
}

export function artemisReconnecting(query: UrlQuery): Reconnecting {
  const base = ARTEMIS_LIST
  endless(query, 'reconnectAttempts', 'failoverAttempts', 'initialConnectAttempts')
  return {
    initialDelay: Math.max(1, query.number('retryInterval') ?? base.initialDelay),
    maxDelay: Math.max(1, query.number('maxRetryInterval') ?? base.maxDelay),
    factor: query.number('retryIntervalMultiplier') ?? base.factor,
    randomize: false,
  }
}

function endless(query: UrlQuery, ...names: readonly string[]): void {
  const limited = names.filter(name => (query.number(name) ?? -1) >= 0)
  if (limited.length === 0) return
  const which = limited.join(' and ')
  query.remark(
    'hint',
    'broker-url-endless',
    `${which} is not obeyed: a store goes on trying to reach its broker, and its failover store takes the messages meanwhile`,
  )
}

export function urlOptions(query: UrlQuery, protocol: 'amqp' | 'auto', insideJvm: string | undefined): UrlOptions {
  const prefetch = query.number('jms.prefetchPolicy.queuePrefetch') ?? query.number('jms.prefetchPolicy.all')
  const redelivery = { ...REDELIVERY }
  for (const name of [
    'maximumRedeliveries',
    'initialRedeliveryDelay',
    'redeliveryDelay',
    'backOffMultiplier',
    'maximumRedeliveryDelay',
  ] as const) {
    redelivery[name] = query.number(`jms.redeliveryPolicy.${name}`) ?? redelivery[name]
  }
  redelivery.useExponentialBackOff = query.flag('jms.redeliveryPolicy.useExponentialBackOff') ?? false
  remarkUnused(query)
  return {
    protocol,
    redelivery,
    compress: query.flag('jms.useCompression') ?? false,
    ...(prefetch !== undefined && { prefetch }),
    ...(insideJvm !== undefined && { insideJvm }),
  }
}

export function tlsFiles(query: UrlQuery, hosts: readonly BrokerHost[]): TlsFiles | undefined {
  if (!hosts.some(({ tls }) => tls)) return undefined
  const trust = query.first('transport.trustStoreLocation', 'trustStorePath', 'transport.trustStore')
  const trustPassword = query.first('transport.trustStorePassword', 'trustStorePassword')
  const keys = query.first('transport.keyStoreLocation', 'keyStorePath', 'transport.keyStore')
  const keysPassword = query.first('transport.keyStorePassword', 'keyStorePassword')
  const anyHost = query.flag('transport.verifyHost') === false || query.flag('verifyHost') === false
  const trusting = query.flag('transport.trustAll') === true || query.flag('trustAll') === true
  if (trusting) {
    query.remark(
      'warning',
      'broker-url-trust-all',
      "any certificate is taken for the broker's: somebody in between can read and change every message",
    )
  }
  for (const store of [trust, keys]) {
    if (!store || !/\.jks$/i.test(store)) continue
    query.error(
      'broker-url-jks',
      `${store} is a Java key store, which only Java can read`,
      `Convert it: keytool -importkeystore -srckeystore ${store} -destkeystore ${store.replace(/\.jks$/i, '.p12')} -deststoretype PKCS12`,
    )
    return undefined
  }
  if (trust && keys && trust !== keys && !isPem(trust)) {
    query.error(
      'broker-url-trust-store',
      `beside the key store ${keys} the authorities to trust must be PEM, and ${trust} is not`,
      `Convert it: openssl pkcs12 -in ${trust} -nokeys -out ${trust.replace(/\.\w+$/, '')}.pem`,
    )
    return undefined
  }
  const pfx = [keys, trust].find(store => store !== undefined && !isPem(store))
  const passphrase = pfx === keys ? keysPassword : trustPassword
  return {
    ...(pfx !== undefined && { pfx }),
    ...(pfx !== undefined && passphrase !== undefined && { passphrase }),
    ...(trust !== undefined && isPem(trust) && { ca: trust }),
    // One file with both, as OpenSSL users have it.
    ...(keys !== undefined && isPem(keys) && { cert: keys, key: keys }),
    ...(trusting && { verify: false }),
    ...(anyHost && { verifyHost: false }),
  }
}

function remarkUnused(query: UrlQuery): void {
  const unused = query.names.filter(name => !KNOWN.test(name))
  if (unused.length === 0) return
  query.remark('hint', 'broker-url-option', `accepted without effect: ${unused.join(', ')}`)
}

/** Options that do something here, or whose default is what we do. */
const KNOWN = new RegExp(
  [
    'jms\\.(?:redeliveryPolicy\\..*|prefetchPolicy\\.(?:queuePrefetch|all)|useCompression|user[nN]ame|password)',
    '(?:failover\\.)?(?:initialReconnectDelay|maxReconnectDelay|backOffMultiplier|useExponentialBackOff|useReconnectBackOff|maxReconnectAttempts|startupMaxReconnectAttempts|randomize|timeout)',
    'retryInterval|retryIntervalMultiplier|maxRetryInterval|reconnectAttempts|failoverAttempts|initialConnectAttempts|ha',
    'sslEnabled|(?:transport\\.)?(?:trust|key)Store(?:Location|Path|Password|Type)?|(?:transport\\.)?trustAll|(?:transport\\.)?verifyHost',
    'amqp\\.(?:idleTimeout|maxFrameSize|vhost|saslMechanisms)|wireFormat\\.(?:maxInactivityDuration|maxFrameSize)',
  ]
    .map(part => `^(?:${part})$`)
    .join('|'),
)

function isPem(store: string): boolean {
  return /\.(?:pem|crt|cer)$/i.test(store)
}
