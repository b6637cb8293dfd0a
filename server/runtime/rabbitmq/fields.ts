/** What stores, inbound endpoints and endpoints say about a RabbitMQ server in the same words. */
import type { ElementSite } from '../../schema/element-site.ts'
import { flag, int, milliseconds, param, secret, text, type ConfigOf } from '../../schema/index.ts'

const java = 'It configures the Java client.'

export const rabbitTlsFields = {
  ssl: param('rabbitmq.connection.ssl.enabled', flag(), {
    fallback: false,
    doc: 'True: over TLS. Whatever goes wrong with it, nothing is ever sent in clear, as Synapse would.',
  }),
  sslVersion: param('rabbitmq.connection.ssl.version', text(), {
    doc: 'Version of TLS.',
    ignored: 'The newest version that both sides know is used, 1.2 at least.',
  }),
  keystore: param('rabbitmq.connection.ssl.keystore.location', text(), {
    doc: 'The key and certificate of this client: a PKCS #12 file, or a PEM file with both.',
  }),
  keystorePassword: param('rabbitmq.connection.ssl.keystore.password', secret(), { doc: 'Of the key store.' }),
  keystoreType: param('rabbitmq.connection.ssl.keystore.type', text(), {
    doc: 'Kind of the key store.',
    ignored: 'Its name tells: PEM, or PKCS #12.',
  }),
  truststore: param('rabbitmq.connection.ssl.truststore.location', text(), {
    doc: 'PEM file with the authorities to trust. Absent: those that Node knows.',
  }),
  truststorePassword: param('rabbitmq.connection.ssl.truststore.password', secret(), {
    doc: 'Of the trust store.',
    ignored: 'A PEM file needs none.',
  }),
  truststoreType: param('rabbitmq.connection.ssl.truststore.type', text(), {
    doc: 'Kind of the trust store.',
    ignored: 'It is a PEM file.',
  }),
}

export const rabbitRetryFields = {
  retryInterval: param('rabbitmq.connection.retry.interval', milliseconds(), {
    fallback: 5000,
    doc: 'Longest pause between attempts to reach the broker; they begin with 0.1 s. In Synapse it is 30 s, always.',
  }),
  retryCount: param('rabbitmq.connection.retry.count', int({ min: -1 }), {
    doc: 'Attempts to reach the broker.',
    ignored: 'The broker is tried for as long as it takes, and nobody waits for it.',
  }),
}

export const rabbitServerFields = {
  hosts: param('rabbitmq.server.host.name', text(), {
    fallback: 'localhost',
    doc: 'Where the broker is; several separated by commas are tried in turn.',
  }),
  ports: param('rabbitmq.server.port', text(), {
    fallback: '5672',
    doc: 'Port of the broker; one for all hosts, or one for each, separated by commas.',
  }),
  username: param('rabbitmq.server.user.name', text(), { fallback: 'guest', doc: 'User at the broker.' }),
  password: param('rabbitmq.server.password', secret(), { doc: 'Password of the user. Absent: guest.' }),
  virtualHost: param('rabbitmq.server.virtual.host', text(), { fallback: '/', doc: 'Virtual host.' }),
  heartbeat: param('rabbitmq.connection.factory.heartbeat', int({ min: 1, max: 3600 }), {
    fallback: 10,
    advanced: true,
    doc: 'Seconds of silence after which each side sends a sign of life; after three of them the connection is given up.',
  }),
  timeout: param('rabbitmq.connection.factory.timeout', text(), { doc: 'Connection timeout.', ignored: java }),
  recovery: param('rabbitmq.connection.factory.network.recovery.interval', text(), {
    doc: 'Pause of the Java client before it reconnects.',
    ignored: java,
  }),
}

export interface RabbitBroker {
  readonly hosts: string
  readonly ports: string
  readonly username: string
  readonly password: string | undefined
  readonly virtualHost: string
  /** Seconds. */
  readonly heartbeat: number
  readonly retryInterval: number
}

type Tls = Pick<ConfigOf<typeof rabbitTlsFields>, 'ssl' | 'keystore' | 'keystorePassword' | 'truststore'>

export interface Problem {
  readonly about: 'ports' | 'keystore' | 'truststore'
  readonly text: string
  readonly hint: string
}

const FRAME_SIZE = 131_072
const FIRST_PAUSE = 100

/** Everything needed to open a connection, or what is wrong with it. */
export function rabbitTarget(address: RabbitBroker, tls: Tls) {
  const hosts = split(address.hosts)
  const ports = split(address.ports)
  const problems = [...portProblems(hosts, ports), ...(tls.ssl ? storeProblems(tls) : [])]
  const target = {
    protocol: 'auto' as const,
    hosts: hosts.map((host, index) => ({
      host,
      port: Number(ports.length === 1 ? ports[0] : ports[index]),
      tls: tls.ssl,
    })),
    username: address.username === '' ? 'guest' : address.username,
    password: address.password === undefined || address.password === '' ? 'guest' : address.password,
    virtualHost: address.virtualHost,
    ...(tls.ssl && { tls: filesOf(tls) }),
    reconnecting: {
      initialDelay: Math.min(FIRST_PAUSE, Math.max(1, address.retryInterval)),
      maxDelay: Math.max(1, address.retryInterval),
      factor: 2,
      randomize: false,
    },
    idleTimeout: address.heartbeat * 1000,
    maxFrameSize: FRAME_SIZE,
  }
  return { target, problems }
}

function split(list: string): string[] {
  return list
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
}

function portProblems(hosts: readonly string[], ports: readonly string[]): Problem[] {
  const wrong = ports.find(port => !/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
  if (wrong !== undefined) {
    return [{ about: 'ports', text: `"${wrong}" is not a port`, hint: 'Give a number from 1 to 65535.' }]
  }
  if (ports.length === 1 || ports.length === hosts.length) return []
  return [
    {
      about: 'ports',
      text: `The number of hostnames must be equal to the number of ports: there are ${hosts.length} and ${ports.length}`,
      hint: 'Give one port for all hosts, or one for each.',
    },
  ]
}

function storeProblems({ keystore, truststore }: Tls): Problem[] {
  const problems: Problem[] = []
  if (keystore !== undefined && /\.jks$/i.test(keystore)) {
    const p12 = keystore.replace(/\.jks$/i, '.p12')
    problems.push({
      about: 'keystore',
      text: `${keystore} is a Java key store, which only Java can read`,
      hint: `Convert it: keytool -importkeystore -srckeystore ${keystore} -destkeystore ${p12} -deststoretype PKCS12`,
    })
  }
  if (truststore !== undefined && !isPem(truststore)) {
    const pem = truststore.replace(/\.\w+$/, '.pem')
    problems.push({
      about: 'truststore',
      text: `${truststore} is no PEM file, and nothing else can hold authorities to trust`,
      hint: `Export them: keytool -list -rfc -keystore ${truststore} > ${pem}`,
    })
  }
  return problems
}

function filesOf({ keystore, keystorePassword, truststore }: Tls) {
  return {
    ...(truststore !== undefined && { ca: truststore }),
    ...(keystore !== undefined && (isPem(keystore) ? { cert: keystore, key: keystore } : { pfx: keystore })),
    ...(keystore !== undefined && keystorePassword !== undefined && { passphrase: keystorePassword }),
  }
}

function isPem(file: string): boolean {
  return /\.(?:pem|crt|cer)$/i.test(file)
}

const TLS_PARAMETERS = {
  keystore: 'rabbitmq.connection.ssl.keystore.location',
  truststore: 'rabbitmq.connection.ssl.truststore.location',
}

/** Says at its place in the artifact what is wrong with the address. */
export function reportProblems(problems: readonly Problem[], ports: string, site: ElementSite): void {
  for (const { about, text, hint } of problems) {
    const parameter = about === 'ports' ? ports : TLS_PARAMETERS[about]
    site.error('broker-address', text, site.parameter(parameter)?.offset ?? site.element.offset, hint)
  }
}
