/** The broker addresses people have in their JMS configuration, in every form their clients take (messaging-peers §3.2). */
import { IDLE_TIMEOUT, MAX_FRAME_SIZE, RECONNECTING } from './target.ts'
import type { AmqpTarget, BrokerHost, Reconnecting, TlsFiles } from './target.ts'

/** Something to tell whoever wrote the address; the caller knows the place. */
export interface Remark {
  /** Permanent name; people filter on it. */
  readonly code: string
  readonly severity: 'error' | 'warning' | 'hint'
  readonly message: string
  readonly hint?: string
}

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

export interface BrokerUrl {
  /** Absent when the address cannot be used; `remarks` then has an error. */
  readonly target?: AmqpTarget
  readonly options: UrlOptions
  readonly remarks: readonly Remark[]
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

interface Scheme {
  readonly tls: boolean
  readonly port: number
  readonly protocol: 'amqp' | 'auto'
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  tcp: { tls: false, port: 61616, protocol: 'auto' },
  nio: { tls: false, port: 61616, protocol: 'auto' },
  auto: { tls: false, port: 61616, protocol: 'auto' },
  'auto+nio': { tls: false, port: 61616, protocol: 'auto' },
  ssl: { tls: true, port: 61617, protocol: 'auto' },
  'nio+ssl': { tls: true, port: 61617, protocol: 'auto' },
  'auto+ssl': { tls: true, port: 61617, protocol: 'auto' },
  'auto+nio+ssl': { tls: true, port: 61617, protocol: 'auto' },
  amqp: { tls: false, port: 5672, protocol: 'amqp' },
  'amqp+nio': { tls: false, port: 5672, protocol: 'amqp' },
  amqps: { tls: true, port: 5671, protocol: 'amqp' },
  'amqp+ssl': { tls: true, port: 5671, protocol: 'amqp' },
}

/** Reads an address. Never throws: what is wrong with it is a remark. */
export function parseBrokerUrl(text: string): BrokerUrl {
  return new UrlReader().read(text.trim())
}

/** Collects over the parts of a list what they say together. */
class UrlReader {
  readonly #remarks: Remark[] = []
  readonly #query = new Map<string, string>()
  #user: { name: string; password?: string } | undefined
  #virtualHost: string | undefined
  #protocol: 'amqp' | 'auto' = 'amqp'
  #insideJvm: string | undefined

  read(text: string): BrokerUrl {
    if (text === '')
      this.#error('broker-url-empty', 'the broker address is empty', 'Write one such as tcp://localhost:61616.')
    if (/brokerlist\s*=/.test(text)) {
      this.#error(
        'broker-url-0-9-1',
        'this is an address of WSO2 MB or Qpid for AMQP 0-9-1 (amqp://…brokerlist=…), not for AMQP 1.0',
        'Use a RabbitMQ store for an AMQP 0-9-1 broker, or give the address of an AMQP 1.0 broker.',
      )
    }
    const { members, reconnecting } = this.#members(text)
    const hosts = this.#failedSoFar ? [] : members.flatMap(member => this.#host(member) ?? [])
    const options = this.#options()
    const usable = !this.#failedSoFar && hosts.length > 0
    if (!usable && !this.#failedSoFar && this.#insideJvm === undefined) {
      this.#error(
        'broker-url-invalid',
        `no broker is named in "${hidden(text)}"`,
        'Write one such as tcp://localhost:61616.',
      )
    }
    const tls = this.#tls(hosts)
    return {
      ...(usable && !this.#failedSoFar && { target: this.#target(hosts, reconnecting, tls) }),
      options,
      remarks: this.#remarks,
    }
  }

  get #failedSoFar(): boolean {
    return this.#remarks.some(({ severity }) => severity === 'error')
  }

  /** The single addresses of a list, with the options around it read. */
  #members(text: string): { members: string[]; reconnecting: Reconnecting } {
    const failover = /^failover:(?:\/\/)?/i.exec(text)
    if (failover) {
      const { inner, query } = unwrap(text.slice(failover[0].length))
      this.#read(query)
      return { members: splitList(inner), reconnecting: this.#failoverReconnecting() }
    }
    if (text.startsWith('(')) {
      const { inner, query } = unwrap(text)
      this.#read(query)
      return { members: splitList(inner), reconnecting: this.#artemisReconnecting() }
    }
    if (/^(?:discovery|fanout|multicast|static|masterslave|http|https|udp|jgroups):/i.test(text)) {
      this.#error(
        'broker-url-scheme',
        `"${text.split(':')[0]}:" addresses are not supported`,
        'List the brokers: failover:(tcp://one:61616,tcp://two:61616).',
      )
      return { members: [], reconnecting: RECONNECTING }
    }
    return { members: [text], reconnecting: RECONNECTING }
  }

  #host(member: string): BrokerHost | undefined {
    const match = /^([a-z0-9+]+):\/\/([^/?#]*)(\/[^?#]*)?(?:\?(.*))?$/i.exec(member.trim())
    if (!match) {
      this.#error(
        'broker-url-invalid',
        `"${hidden(member)}" is not an address`,
        'Write it as tcp://HOST:PORT or amqps://HOST:PORT.',
      )
      return undefined
    }
    const [, schemeName = '', authority = '', path = '', query] = match
    this.#read(query)
    if (schemeName.toLowerCase() === 'vm') {
      this.#insideJvm = authority || path.slice(1) || 'localhost'
      this.#remark(
        'warning',
        'broker-url-vm',
        `vm://${this.#insideJvm} is a broker inside the Java process; a queue of the journal stands for it`,
      )
      return undefined
    }
    const scheme = SCHEMES[schemeName.toLowerCase()]
    if (!scheme) {
      this.#error(
        'broker-url-scheme',
        `"${schemeName}:" addresses are not supported`,
        `Use one of ${Object.keys(SCHEMES).join(', ')}.`,
      )
      return undefined
    }
    if (scheme.protocol === 'auto') this.#protocol = 'auto'
    const place = this.#authority(authority, scheme)
    if (place && path.length > 1) this.#virtualHost ??= decode(path.slice(1))
    return place
  }

  #authority(authority: string, scheme: Scheme): BrokerHost | undefined {
    const at = authority.lastIndexOf('@')
    if (at >= 0) {
      const [name = '', ...password] = authority.slice(0, at).split(':')
      this.#user ??= { name: decode(name), ...(password.length > 0 && { password: decode(password.join(':')) }) }
    }
    const match = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(authority.slice(at + 1))
    const port = match?.[2] === undefined ? scheme.port : Number(match[2])
    if (!match || port > 65_535) {
      this.#error('broker-url-invalid', `"${authority.slice(at + 1)}" is not a host and port`, 'Write it as HOST:PORT.')
      return undefined
    }
    const host = (match[1] ?? '').replace(/^\[|\]$/g, '') || 'localhost'
    return { host: host === '0.0.0.0' ? '127.0.0.1' : host, port, tls: scheme.tls || this.#flag('sslEnabled') === true }
  }

  #target(hosts: readonly BrokerHost[], reconnecting: Reconnecting, tls: TlsFiles | undefined): AmqpTarget {
    const user = this.#user?.name ?? this.#query.get('jms.username') ?? this.#query.get('jms.userName')
    const password = this.#user?.password ?? this.#query.get('jms.password')
    const idle = this.#number('amqp.idleTimeout') ?? this.#number('wireFormat.maxInactivityDuration')
    const frame = this.#number('amqp.maxFrameSize') ?? this.#number('wireFormat.maxFrameSize')
    const virtualHost = this.#query.get('amqp.vhost') ?? this.#virtualHost
    return {
      hosts,
      ...(user !== undefined && { username: user }),
      ...(password !== undefined && { password }),
      ...(virtualHost !== undefined && { virtualHost }),
      ...(tls && { tls }),
      reconnecting,
      // 0 would switch it off, and a dead peer would never be noticed.
      idleTimeout: idle !== undefined && idle > 0 ? Math.min(idle, 60_000) : IDLE_TIMEOUT,
      maxFrameSize: frame !== undefined && frame >= 512 ? Math.min(frame, 1024 * 1024) : MAX_FRAME_SIZE,
    }
  }

  #failoverReconnecting(): Reconnecting {
    const base = ACTIVEMQ_FAILOVER
    const exponential = this.#flag('useExponentialBackOff') ?? this.#flag('failover.useReconnectBackOff') ?? true
    this.#endless('maxReconnectAttempts', 'startupMaxReconnectAttempts', 'failover.maxReconnectAttempts', 'timeout')
    const first = this.#number('initialReconnectDelay') ?? this.#number('failover.initialReconnectDelay')
    return {
      initialDelay: Math.max(1, first ?? base.initialDelay),
      maxDelay: this.#number('maxReconnectDelay') ?? this.#number('failover.maxReconnectDelay') ?? base.maxDelay,
      factor: exponential ? (this.#number('backOffMultiplier') ?? base.factor) : 1,
      randomize: this.#flag('randomize') ?? this.#flag('failover.randomize') ?? base.randomize,
    }
  }

  #artemisReconnecting(): Reconnecting {
    const base = ARTEMIS_LIST
    this.#endless('reconnectAttempts', 'failoverAttempts', 'initialConnectAttempts')
    return {
      initialDelay: Math.max(1, this.#number('retryInterval') ?? base.initialDelay),
      maxDelay: Math.max(1, this.#number('maxRetryInterval') ?? base.maxDelay),
      factor: this.#number('retryIntervalMultiplier') ?? base.factor,
      randomize: false,
    }
  }

  #endless(...names: readonly string[]): void {
    const limited = names.filter(name => (this.#number(name) ?? -1) >= 0)
    if (limited.length === 0) return
    const which = limited.join(' and ')
    this.#remark(
      'hint',
      'broker-url-endless',
      `${which} is not obeyed: a store goes on trying to reach its broker, and its failover store takes the messages meanwhile`,
    )
  }

  #options(): UrlOptions {
    const prefetch = this.#number('jms.prefetchPolicy.queuePrefetch') ?? this.#number('jms.prefetchPolicy.all')
    const redelivery = { ...REDELIVERY }
    for (const name of [
      'maximumRedeliveries',
      'initialRedeliveryDelay',
      'redeliveryDelay',
      'backOffMultiplier',
      'maximumRedeliveryDelay',
    ] as const) {
      redelivery[name] = this.#number(`jms.redeliveryPolicy.${name}`) ?? redelivery[name]
    }
    redelivery.useExponentialBackOff = this.#flag('jms.redeliveryPolicy.useExponentialBackOff') ?? false
    this.#remarkUnused()
    return {
      protocol: this.#protocol,
      redelivery,
      compress: this.#flag('jms.useCompression') ?? false,
      ...(prefetch !== undefined && { prefetch }),
      ...(this.#insideJvm !== undefined && { insideJvm: this.#insideJvm }),
    }
  }

  #tls(hosts: readonly BrokerHost[]): TlsFiles | undefined {
    if (!hosts.some(({ tls }) => tls)) return undefined
    const store = this.#first(
      'transport.trustStoreLocation',
      'trustStorePath',
      'transport.trustStore',
      'transport.keyStoreLocation',
      'keyStorePath',
    )
    const passphrase = this.#first(
      'transport.trustStorePassword',
      'trustStorePassword',
      'transport.keyStorePassword',
      'keyStorePassword',
    )
    const anyHost = this.#flag('transport.verifyHost') === false || this.#flag('verifyHost') === false
    const trusting = this.#flag('transport.trustAll') === true || this.#flag('trustAll') === true
    if (trusting)
      this.#remark(
        'warning',
        'broker-url-trust-all',
        "any certificate is taken for the broker's: somebody in between can read and change every message",
      )
    if (store && /\.jks$/i.test(store)) {
      this.#error(
        'broker-url-jks',
        `${store} is a Java key store, which only Java can read`,
        `Convert it: keytool -importkeystore -srckeystore ${store} -destkeystore ${store.replace(/\.jks$/i, '.p12')} -deststoretype PKCS12`,
      )
      return undefined
    }
    const isPem = store !== undefined && /\.(?:pem|crt|cer)$/i.test(store)
    return {
      ...(store !== undefined && (isPem ? { ca: store } : { pfx: store })),
      ...(store !== undefined && !isPem && passphrase !== undefined && { passphrase }),
      ...(trusting && { verify: false }),
      ...(anyHost && { verifyHost: false }),
    }
  }

  #read(query: string | undefined): void {
    for (const pair of (query ?? '').split(/[&;]/)) {
      if (pair === '') continue
      const equals = pair.indexOf('=')
      const name = decode(equals < 0 ? pair : pair.slice(0, equals)).replace(/^nested\./, '')
      if (!this.#query.has(name)) this.#query.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)))
    }
  }

  #remarkUnused(): void {
    const unused = [...this.#query.keys()].filter(name => !KNOWN.test(name))
    if (unused.length === 0) return
    this.#remark('hint', 'broker-url-option', `accepted without effect: ${unused.join(', ')}`)
  }

  #first(...names: readonly string[]): string | undefined {
    for (const name of names) {
      const value = this.#query.get(name)
      if (value) return value
    }
    return undefined
  }

  #number(name: string): number | undefined {
    const text = this.#query.get(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (text !== '' && Number.isFinite(value)) return value
    this.#remark('warning', 'broker-url-value', `${name} must be a number, not "${text}"; its default is used`)
    this.#query.delete(name)
    return undefined
  }

  #flag(name: string): boolean | undefined {
    const text = this.#query.get(name)?.toLowerCase()
    return text === undefined ? undefined : text === 'true'
  }

  #error(code: string, message: string, hint: string): void {
    this.#remarks.push({ code, severity: 'error', message, hint })
  }

  #remark(severity: 'warning' | 'hint', code: string, message: string): void {
    if (!this.#remarks.some(remark => remark.message === message)) this.#remarks.push({ code, severity, message })
  }
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

/** `(a,b)?x=1` or `a,b?x=1` into the list and the options around it. */
function unwrap(text: string): { inner: string; query: string | undefined } {
  if (text.startsWith('(')) {
    let depth = 0
    for (let at = 0; at < text.length; at++) {
      if (text[at] === '(') depth++
      else if (text[at] === ')' && --depth === 0) {
        const rest = text.slice(at + 1)
        return { inner: text.slice(1, at), query: rest.startsWith('?') ? rest.slice(1) : undefined }
      }
    }
    return { inner: text.slice(1), query: undefined }
  }
  return { inner: text, query: undefined }
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** An address without its password, for a message. */
export function hidden(text: string): string {
  return text.replace(/:[^:@/]*@/g, ':***@').replace(/(password=)[^&;]*/gi, '$1***')
}
