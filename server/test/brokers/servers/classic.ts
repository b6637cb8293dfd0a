/** ActiveMQ Classic, started by a launcher of ours: its own configuration has fixed ports (brokers.md §3.2). */
import { delimiter, join } from 'node:path'
import { freePorts } from '../../../testing/ports.ts'
import { tempFolder } from '../../../testing/temp-folder.ts'
import { need } from './commands.ts'
import { debianPackage } from './debian.ts'
import { compiled, jarsOf, SHORT_LIVED } from './java.ts'
import { distribution, libraries } from './maven.ts'
import { PASSWORD, RealServer, USER } from './real-server.ts'
import type { Protocol } from './real-server.ts'

export type ClassicVersion = '5.17.2' | '5.18.3' | '6.3.1'

/** Where Debian's package has its jars; its version is whatever Debian ships. */
const DEBIAN_JARS = '/usr/share/activemq/lib'

export interface ClassicOptions {
  readonly name?: string
  /** Share it between two brokers and they are a pair: the second waits for the lock of the first. */
  readonly data?: string
  readonly openwirePort?: number
  readonly login?: boolean
  readonly storeMb?: number
  readonly memoryMb?: number
  /** A full store answers with an error instead of making the producer wait. */
  readonly fullFails?: boolean
  /** Delayed messages. */
  readonly scheduler?: boolean
  /** Behind the `?` of the AMQP connector, such as `transport.transformer=jms`. */
  readonly amqpQuery?: string
  /** Behind the `?` of the OpenWire connector. */
  readonly openwireQuery?: string
  /** Turns on the TLS connectors: a PKCS #12 file and its password. */
  readonly tls?: { readonly keyStore: string; readonly password: string }
  /** Its speed is measured. */
  readonly measured?: boolean
  /** `waiting`: it is not waited for. */
  readonly until?: 'serving' | 'waiting'
}

/** Where the classes of this version are; gets them if need be. */
export async function classicClassPath(version: ClassicVersion): Promise<string[]> {
  need('java', 'Java')
  if (version === '5.17.2') {
    await debianPackage('activemq', join(DEBIAN_JARS, 'activemq-broker.jar'))
    return [jarsOf(DEBIAN_JARS)]
  }
  if (version === '5.18.3') {
    const lib = join(await distribution('org.apache.activemq:apache-activemq:5.18.3:tar.gz:bin'), 'lib')
    return [jarsOf(lib), jarsOf(join(lib, 'optional'))]
  }
  const parts = ['activemq-broker', 'activemq-kahadb-store', 'activemq-amqp', 'activemq-jaas']
  return [
    jarsOf(
      await libraries(
        'classic-6.3.1',
        parts.map(part => `org.apache.activemq:${part}:6.3.1`),
      ),
    ),
  ]
}

/** The class path of the launcher together with the broker's. */
export async function prepareClassic(version: ClassicVersion): Promise<string[]> {
  const classPath = await classicClassPath(version)
  return [await compiled('ClassicBroker', version, classPath), ...classPath]
}

/** Debian's 5.17.2 has OpenWire only, the others AMQP, too. */
export async function startClassic(version: ClassicVersion, options: ClassicOptions = {}): Promise<RealServer> {
  const { name = 'classic', openwireQuery = 'wireFormat.maxFrameSize=104857600', tls, until = 'serving' } = options
  const classPath = await prepareClassic(version)
  const protocols: Protocol[] = ['openwire', ...(version === '5.17.2' ? [] : ['amqp' as const])]
  if (tls) protocols.push('openwire-tls', ...(version === '5.17.2' ? [] : ['amqps' as const]))
  const free = await freePorts(protocols.length)
  const ports = Object.fromEntries(protocols.map((protocol, index) => [protocol, free[index]!])) as Record<
    Protocol,
    number
  >
  if (options.openwirePort !== undefined) ports.openwire = options.openwirePort
  const scratch = await tempFolder(`classic-${version}`)
  const more = options.amqpQuery === undefined ? '' : `&${options.amqpQuery}`
  const connectors: Partial<Record<Protocol, string>> = {
    openwire: `tcp://127.0.0.1:${ports.openwire}?${openwireQuery}`,
    // Nagle's algorithm would make every request of a transaction wait for 40 ms (brokers.md §6).
    amqp: `amqp://127.0.0.1:${ports.amqp}?transport.tcpNoDelay=true&wireFormat.maxFrameSize=104857600${more}`,
    'openwire-tls': `ssl://127.0.0.1:${ports['openwire-tls']}?${openwireQuery}`,
    amqps: `amqp+ssl://127.0.0.1:${ports.amqps}?transport.tcpNoDelay=true`,
  }
  const args = [
    ...(tls ? [`-Djavax.net.ssl.keyStore=${tls.keyStore}`, `-Djavax.net.ssl.keyStorePassword=${tls.password}`] : []),
    ...(options.measured ? [] : SHORT_LIVED),
    '-Xmx384m',
    '-cp',
    classPath.join(delimiter),
    'ClassicBroker',
    `name=${name}`,
    `data=${options.data ?? join(scratch.path, 'data')}`,
    ...((options.login ?? true) ? [`user=${USER}`, `password=${PASSWORD}`] : []),
    `storeMb=${options.storeMb ?? 1024}`,
    `memoryMb=${options.memoryMb ?? 128}`,
    `fullFails=${options.fullFails ?? false}`,
    `scheduler=${options.scheduler ?? false}`,
    ...protocols.map(protocol => `connector=${connectors[protocol]}`),
  ]
  const server = new RealServer({
    title: `ActiveMQ Classic ${version}`,
    ports,
    program: () => ({
      title: `ActiveMQ Classic ${version}`,
      program: 'java',
      args,
      env: process.env,
      cwd: scratch.path,
    }),
    says: /^READY /m,
    clean: async () => scratch[Symbol.asyncDispose](),
  })
  return started(server, until)
}

/** A start that fails leaves nothing behind. */
export async function started(server: RealServer, until: 'serving' | 'waiting' = 'serving'): Promise<RealServer> {
  try {
    if (until === 'serving') await server.start()
    else server.launch()
    return server
  } catch (thrown) {
    await server[Symbol.asyncDispose]()
    throw thrown
  }
}
