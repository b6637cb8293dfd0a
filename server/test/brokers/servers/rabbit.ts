/** A RabbitMQ node of our own, beside one that may run as a service (brokers.md §3.3). */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '../../../testing/ports.ts'
import { tempFolder } from '../../../testing/temp-folder.ts'
import { started } from './classic.ts'
import { command } from './commands.ts'
import { debianPackage } from './debian.ts'
import { PASSWORD, RealServer, USER } from './real-server.ts'
import type { ServerParts } from './real-server.ts'

const LIBRARY = '/usr/lib/rabbitmq/lib'
const WRAPPER = '/usr/sbin/rabbitmq-server'

export interface RabbitOptions {
  /** Besides AMQP 1.0. */
  readonly plugins?: readonly string[]
  /** Lines of its `rabbitmq.conf`. */
  readonly config?: readonly string[]
  /** PEM files; turns on a TLS listener. */
  readonly tls?: { readonly ca: string; readonly certificate: string; readonly key: string }
}

export class RabbitServer extends RealServer {
  readonly #ctl: (args: readonly string[]) => Promise<string>

  constructor(parts: ServerParts, ctl: (args: readonly string[]) => Promise<string>) {
    super(parts)
    this.#ctl = ctl
  }

  /** `rabbitmqctl …` on this node. */
  ctl(...args: string[]): Promise<string> {
    return this.#ctl(args)
  }
}

/** The folder with its scripts. */
export async function prepareRabbit(): Promise<string> {
  await debianPackage('rabbitmq-server', WRAPPER)
  const folder = (await readdir(LIBRARY)).find(name => name.startsWith('rabbitmq_server-'))
  if (folder === undefined) throw new Error(`${LIBRARY} has no rabbitmq_server-…`)
  // Not the wrapper in the path: it wants to be root or the service's user.
  return join(LIBRARY, folder, 'sbin')
}

/** One port for AMQP 0-9-1 and, by the plug-in, AMQP 1.0. */
export async function startRabbit(options: RabbitOptions = {}): Promise<RabbitServer> {
  const sbin = await prepareRabbit()
  const version = /rabbitmq_server-([\d.]+)/.exec(sbin)?.[1] ?? ''
  const [port, distribution, epmd, tlsPort] = (await freePorts(4)) as [number, number, number, number]
  const scratch = await tempFolder('rabbitmq')
  const at = (name: string): string => join(scratch.path, name)
  const { plugins = [], config = [], tls } = options
  const lines = [
    `listeners.tcp.local = 127.0.0.1:${port}`,
    `default_user = ${USER}`,
    `default_pass = ${PASSWORD}`,
    'disk_free_limit.absolute = 50MB',
    ...(tls
      ? [
          `listeners.ssl.local = 127.0.0.1:${tlsPort}`,
          `ssl_options.cacertfile = ${tls.ca}`,
          `ssl_options.certfile = ${tls.certificate}`,
          `ssl_options.keyfile = ${tls.key}`,
          'ssl_options.verify = verify_none',
        ]
      : []),
    ...config,
  ]
  await writeFile(at('rabbitmq.conf'), `${lines.join('\n')}\n`)
  await writeFile(at('plugins'), `[${['rabbitmq_amqp1_0', ...plugins].join(',')}].\n`)
  const epmdEnv = {
    ERL_EPMD_PORT: String(epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    // It may be ended before it has noticed that the node was killed.
    ERL_EPMD_RELAXED_COMMAND_CHECK: 'true',
  }
  const env = {
    ...process.env,
    ...epmdEnv,
    HOME: scratch.path,
    RABBITMQ_NODENAME: 'hf@localhost',
    RABBITMQ_MNESIA_BASE: at('data'),
    RABBITMQ_LOG_BASE: at('log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_PID_FILE: at('pid'),
    RABBITMQ_GENERATED_CONFIG_DIR: at('generated'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_ENABLED_PLUGINS_FILE: at('plugins'),
    RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
  }
  const server = new RabbitServer(
    {
      title: `RabbitMQ ${version}`,
      ports: { rabbitmq: port, amqp: port, ...(tls && { 'rabbitmq-tls': tlsPort, amqps: tlsPort }) },
      program: () => ({ title: `RabbitMQ ${version}`, program: join(sbin, 'rabbitmq-server'), args: [], env }),
      says: /Server startup complete/,
      pid: async () => Number.parseInt(await readFile(at('pid'), 'utf8'), 10),
      async clean() {
        // The port mapper stays behind otherwise; it is ours alone.
        await command('epmd', ['-port', String(epmd), '-kill'], { env: { ...process.env, ...epmdEnv } })
        await scratch[Symbol.asyncDispose]()
      },
    },
    args => command(join(sbin, 'rabbitmqctl'), ['--node', 'hf@localhost', ...args], { env }),
  )
  await started(server)
  return server
}
