/** ActiveMQ Artemis from its distribution (brokers.md §3.1): one port for AMQP, Core and OpenWire. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '../../../testing/ports.ts'
import { tempFolder } from '../../../testing/temp-folder.ts'
import { started } from './classic.ts'
import { command, need } from './commands.ts'
import { SHORT_LIVED } from './java.ts'
import { distribution } from './maven.ts'
import { PASSWORD, RealServer, USER } from './real-server.ts'

export type ArtemisVersion = '2.56.0' | '2.44.0'

const COORDINATES: Readonly<Record<ArtemisVersion, string>> = {
  '2.56.0': 'org.apache.artemis:apache-artemis:2.56.0:tar.gz:bin',
  '2.44.0': 'org.apache.activemq:apache-artemis:2.44.0:tar.gz:bin',
}

export interface ArtemisOptions {
  readonly name?: string
  readonly port?: number
  /** `<address-setting>` elements before the one that catches all. */
  readonly addressSettings?: string
  /** Elements of `<core>`, such as a policy for high availability. */
  readonly core?: string
  /** Changes the configuration that `artemis create` wrote. */
  readonly configure?: (brokerXml: string) => string
  /** More options of `artemis create`. */
  readonly create?: readonly string[]
  /** Turns on a TLS acceptor: a PKCS #12 file and its password; `trustStore` asks the client for a certificate. */
  readonly tls?: { readonly keyStore: string; readonly password: string; readonly trustStore?: string }
  /** Its speed is measured. */
  readonly measured?: boolean
  readonly until?: 'serving' | 'waiting'
}

export function prepareArtemis(version: ArtemisVersion): Promise<string> {
  need('java', 'Java')
  return distribution(COORDINATES[version])
}

export async function startArtemis(version: ArtemisVersion, options: ArtemisOptions = {}): Promise<RealServer> {
  const home = await prepareArtemis(version)
  const { name = 'node', addressSettings = '', core = '', configure = (xml: string) => xml, create = [], tls } = options
  const free = await freePorts(2)
  const port = options.port ?? free[0]!
  const tlsPort = free[1]!
  const scratch = await tempFolder(`artemis-${version}`)
  const instance = join(scratch.path, 'instance')
  const who = `--name ${name} --user ${USER} --password ${PASSWORD} --require-login`
  const where = `--host 127.0.0.1 --default-port ${port} --no-amqp-acceptor --no-mqtt-acceptor --no-stomp-acceptor`
  const how = '--silent --no-web --no-hornetq-acceptor --nio --java-memory 512M'
  const chosen = `${who} ${where} ${how}`.split(' ')
  const env = options.measured ? process.env : { ...process.env, JAVA_ARGS_APPEND: SHORT_LIVED.join(' ') }
  await command(join(home, 'bin', 'artemis'), ['create', instance, ...chosen, ...create], { env })
  const file = join(instance, 'etc', 'broker.xml')
  const written = await readFile(file, 'utf8')
  const secure = tls ? tlsAcceptor(tlsPort, tls) : ''
  await writeFile(
    file,
    configure(
      written
        // It looks at the whole file system; a full machine would look like a broker without credit.
        .replace(
          /<max-disk-usage>.*<\/max-disk-usage>/,
          '<max-disk-usage>-1</max-disk-usage><min-disk-free>200M</min-disk-free>',
        )
        .replace('</acceptors>', `${secure}</acceptors>`)
        .replace('<address-settings>', `${core}<address-settings>${addressSettings}`),
    ),
  )
  const title = `ActiveMQ Artemis ${version}${name === 'node' ? '' : ` ${name}`}`
  const server = new RealServer({
    title,
    ports: {
      // A backup that waits listens nowhere.
      ...(options.until !== 'waiting' && { amqp: port, openwire: port }),
      ...(tls && { amqps: tlsPort, 'openwire-tls': tlsPort }),
    },
    program: () => ({ title, program: join(instance, 'bin', 'artemis'), args: ['run'], env }),
    says: /AMQ221007/,
    clean: async () => scratch[Symbol.asyncDispose](),
  })
  return started(server, options.until)
}

function tlsAcceptor(port: number, tls: NonNullable<ArtemisOptions['tls']>): string {
  const keys = `keyStorePath=${tls.keyStore};keyStorePassword=${tls.password};keyStoreType=PKCS12`
  const trust = tls.trustStore
    ? `;needClientAuth=true;trustStorePath=${tls.trustStore};trustStorePassword=${tls.password};trustStoreType=PKCS12`
    : ''
  return `<acceptor name="tls">tcp://127.0.0.1:${port}?protocols=CORE,AMQP,OPENWIRE;sslEnabled=true;${keys}${trust}</acceptor>`
}
