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

/** Everything needed to open a connection; made from a URL by `url.ts`. */
export interface AmqpTarget {
  readonly hosts: readonly BrokerHost[]
  readonly username?: string
  readonly password?: string
  readonly virtualHost?: string
  readonly tls?: TlsFiles
  readonly reconnecting: Reconnecting
  /** Milliseconds of silence after which we want a sign of life. */
  readonly idleTimeout: number
  readonly maxFrameSize: number
}

export const IDLE_TIMEOUT = 10_000
export const MAX_FRAME_SIZE = 65_536

export const RECONNECTING: Reconnecting = { initialDelay: 100, maxDelay: 5000, factor: 2, randomize: false }

export function addressOf({ host, port, tls }: BrokerHost): string {
  return `${tls ? 'amqps' : 'amqp'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Same connection for the same place and the same user. */
export function keyOf(target: AmqpTarget): string {
  return JSON.stringify([target.hosts.map(addressOf), target.username, target.password, target.virtualHost, target.tls])
}
