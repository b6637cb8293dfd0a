/** One place a broker may be reached at. */
export interface BrokerHost {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

export interface TlsFiles {
  /** PKCS12 with the client's key, or with the authorities to trust. */
  readonly pfx?: string
  readonly passphrase?: string
  /** PEM. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** False: any certificate is taken. */
  readonly verify?: boolean
  /** False: a trusted certificate of another host is taken, too. */
  readonly verifyHost?: boolean
}

export interface Reconnecting {
  readonly initialDelay: number
  readonly maxDelay: number
  readonly factor: number
  /** Start at any host of the list instead of the first. */
  readonly randomize: boolean
}

/** What is spoken to a broker; `auto` asks the port (messaging-peers §4.1). */
export type Protocol = 'auto' | 'amqp' | 'openwire'

/** Everything needed to open a connection; made from a URL by `url.ts`. */
export interface BrokerTarget {
  readonly protocol: Protocol
  readonly hosts: readonly BrokerHost[]
  readonly username?: string
  readonly password?: string
  readonly virtualHost?: string
  /** Who reads the durable subscriptions of this connection; there may be one of a name at a broker. */
  readonly clientId?: string
  readonly tls?: TlsFiles
  readonly reconnecting: Reconnecting
  /** Milliseconds of silence after which we want a sign of life. */
  readonly idleTimeout: number
  readonly maxFrameSize: number
  /** Longest message, from `wireFormat.maxFrameSize`: OpenWire has each in one frame. Absent: as the broker has it. */
  readonly maxMessageSize?: number
  /** Bodies are compressed, as `jms.useCompression` asks; only OpenWire can. */
  readonly compress?: boolean
}

export const IDLE_TIMEOUT = 10_000
export const MAX_FRAME_SIZE = 65_536

export const RECONNECTING: Reconnecting = { initialDelay: 100, maxDelay: 5000, factor: 2, randomize: false }

export function addressOf({ host, port, tls }: BrokerHost): string {
  return `${tls ? 'ssl' : 'tcp'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** `host:port` of each host, as one machine's own brokers are compared: every name of this machine is one. */
export function hostsOf(target: BrokerTarget | undefined): string[] {
  return (target?.hosts ?? []).map(({ host, port }) => {
    const name = host.toLowerCase()
    return `${name === '127.0.0.1' || name === '::1' ? 'localhost' : name}:${port}`
  })
}

/** Same connection for the same place and the same user. */
export function keyOf(target: BrokerTarget): string {
  return JSON.stringify([
    target.protocol,
    target.hosts.map(addressOf),
    target.username,
    target.password,
    target.virtualHost,
    target.tls,
    target.clientId,
  ])
}
