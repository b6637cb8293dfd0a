/** The broker addresses people have in their JMS configuration, in every form their clients take (messaging-peers §3.2). */
import { IDLE_TIMEOUT, MAX_FRAME_SIZE, RECONNECTING } from './target.ts'
import type { BrokerTarget, BrokerHost, Reconnecting, TlsFiles } from './target.ts'
import { artemisReconnecting, failoverReconnecting, tlsFiles, urlOptions } from './url-options.ts'
import type { UrlOptions } from './url-options.ts'
import { decode, UrlQuery } from './url-query.ts'
import type { Remark } from './url-query.ts'

export type { Redelivery, UrlOptions } from './url-options.ts'
export type { Remark } from './url-query.ts'

export interface BrokerUrl {
  /** Absent when the address cannot be used; `remarks` then has an error. */
  readonly target?: BrokerTarget
  readonly options: UrlOptions
  readonly remarks: readonly Remark[]
}

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
  readonly #query = new UrlQuery()
  #user: { name: string; password?: string } | undefined
  #virtualHost: string | undefined
  #protocol: 'amqp' | 'auto' = 'amqp'
  #insideJvm: string | undefined

  read(text: string): BrokerUrl {
    if (text === '')
      this.#query.error('broker-url-empty', 'the broker address is empty', 'Write one such as tcp://localhost:61616.')
    if (/brokerlist\s*=/.test(text)) {
      this.#query.error(
        'broker-url-0-9-1',
        'this is an address of WSO2 MB or Qpid for AMQP 0-9-1 (amqp://…brokerlist=…), not for AMQP 1.0',
        'Use a RabbitMQ store for an AMQP 0-9-1 broker, or give the address of an AMQP 1.0 broker.',
      )
    }
    const { members, reconnecting } = this.#members(text)
    const hosts = this.#query.failed ? [] : members.flatMap(member => this.#host(member) ?? [])
    const options = urlOptions(this.#query, this.#protocol, this.#insideJvm)
    const usable = !this.#query.failed && hosts.length > 0
    if (!usable && !this.#query.failed && this.#insideJvm === undefined) {
      this.#query.error(
        'broker-url-invalid',
        `no broker is named in "${hidden(text)}"`,
        'Write one such as tcp://localhost:61616.',
      )
    }
    const tls = tlsFiles(this.#query, hosts)
    return {
      ...(usable && !this.#query.failed && { target: this.#target(hosts, reconnecting, tls) }),
      options,
      remarks: this.#query.remarks,
    }
  }

  /** The single addresses of a list, with the options around it read. */
  #members(text: string): { members: string[]; reconnecting: Reconnecting } {
    const failover = /^failover:(?:\/\/)?/i.exec(text)
    if (failover) {
      const { inner, query } = unwrap(text.slice(failover[0].length))
      this.#query.read(query)
      return { members: splitList(inner), reconnecting: failoverReconnecting(this.#query) }
    }
    if (text.startsWith('(')) {
      const { inner, query } = unwrap(text)
      this.#query.read(query)
      return { members: splitList(inner), reconnecting: artemisReconnecting(this.#query) }
    }
    if (/^(?:discovery|fanout|multicast|static|masterslave|http|https|udp|jgroups):/i.test(text)) {
      this.#query.error(
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
      this.#query.error(
        'broker-url-invalid',
        `"${hidden(member)}" is not an address`,
        'Write it as tcp://HOST:PORT or amqps://HOST:PORT.',
      )
      return undefined
    }
    const [, schemeName = '', authority = '', path = '', query] = match
    this.#query.read(query)
    if (schemeName.toLowerCase() === 'vm') {
      this.#insideJvm = authority || path.slice(1) || 'localhost'
      this.#query.remark(
        'warning',
        'broker-url-vm',
        `vm://${this.#insideJvm} is a broker inside the Java process; a queue of the journal stands for it`,
      )
      return undefined
    }
    const scheme = SCHEMES[schemeName.toLowerCase()]
    if (!scheme) {
      this.#query.error(
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
      this.#query.error(
        'broker-url-invalid',
        `"${authority.slice(at + 1)}" is not a host and port`,
        'Write it as HOST:PORT.',
      )
      return undefined
    }
    const host = (match[1] ?? '').replace(/^\[|\]$/g, '') || 'localhost'
    return {
      host: host === '0.0.0.0' ? '127.0.0.1' : host,
      port,
      tls: scheme.tls || this.#query.flag('sslEnabled') === true,
    }
  }

  #target(hosts: readonly BrokerHost[], reconnecting: Reconnecting, tls: TlsFiles | undefined): BrokerTarget {
    const user = this.#user?.name ?? this.#query.text('jms.username') ?? this.#query.text('jms.userName')
    const password = this.#user?.password ?? this.#query.text('jms.password')
    const idle = this.#query.number('amqp.idleTimeout') ?? this.#query.number('wireFormat.maxInactivityDuration')
    const frame = this.#query.number('amqp.maxFrameSize') ?? this.#query.number('wireFormat.maxFrameSize')
    const longest = this.#query.number('wireFormat.maxFrameSize')
    const virtualHost = this.#query.text('amqp.vhost') ?? this.#virtualHost
    return {
      protocol: this.#protocol,
      hosts,
      ...(user !== undefined && { username: user }),
      ...(password !== undefined && { password }),
      ...(virtualHost !== undefined && { virtualHost }),
      ...(tls && { tls }),
      reconnecting,
      // 0 would switch it off, and a dead peer would never be noticed.
      idleTimeout: idle !== undefined && idle > 0 ? Math.min(idle, 60_000) : IDLE_TIMEOUT,
      ...(longest !== undefined && longest >= 512 && { maxMessageSize: longest }),
      ...(this.#query.flag('jms.useCompression') === true && { compress: true }),
      maxFrameSize: frame !== undefined && frame >= 512 ? Math.min(frame, 1024 * 1024) : MAX_FRAME_SIZE,
    }
  }
}

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

/** An address without its password, for a message. */
export function hidden(text: string): string {
  return text.replace(/:[^:@/]*@/g, ':***@').replace(/(password=)[^&;]*/gi, '$1***')
}
