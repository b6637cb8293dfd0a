import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { dataFolder, defaults, startBroker } from '../broker/broker.ts'
import type { Broker } from '../broker/broker.ts'
import type { Log, LogFields } from '../kernel/contracts.ts'
import { textOf } from '../kernel/errors.ts'
import { declarations } from '../settings/fields.ts'
import { Refusal } from '../settings/types.ts'
import type { Command, Io, ParsedArgs } from './command.ts'

const USER = 'HOLDFAST_BROKER_USER'
const PASSWORD = 'HOLDFAST_BROKER_PASSWORD'

const broker: Command = {
  name: 'broker',
  summary: 'Runs the embedded message broker: AMQP 1.0 queues on this machine.',
  usage: '[--port 61616] [--host 127.0.0.1] [--home DIR]',
  options: [
    { name: 'port', value: 'PORT', default: String(defaults.port), doc: 'Port to listen on; 0 takes a free one.' },
    {
      name: 'host',
      value: 'HOST',
      default: defaults.host,
      doc: 'Address to listen on; beyond this machine only with a login.',
    },
    {
      name: 'home',
      value: 'DIR',
      doc: 'Where the messages are kept: DIR/broker. Default: HOLDFAST_HOME, else ./holdfast-home.',
    },
    {
      name: 'dead-letters',
      value: 'NAME',
      default: defaults.deadLetterQueue,
      doc: 'Queue for messages that were refused or failed too often.',
    },
    {
      name: 'max-deliveries',
      value: 'N',
      default: String(defaults.maxDeliveries),
      doc: 'Failed deliveries after which a message goes there.',
    },
    { name: 'cert', value: 'FILE', doc: 'Certificate, PEM: the port then speaks TLS; needs --key.' },
    { name: 'key', value: 'FILE', doc: 'Its private key, PEM.' },
    { name: 'quiet', short: 'q', doc: 'Prints nothing but errors.' },
  ],
  examples: [
    'holdfast broker',
    'holdfast broker --port 5672 --home /var/lib/holdfast',
    `${USER}=orders ${PASSWORD}=… holdfast broker --host 0.0.0.0`,
  ],

  async run(args, io) {
    const [user, password] = [io.env[USER], io.env[PASSWORD]]
    if ((user ? 1 : 0) !== (password ? 1 : 0)) {
      io.err(`holdfast broker: ${USER} and ${PASSWORD} belong together; only one of them is set.\n`)
      return 2
    }
    const tls = await tlsOf(args, io)
    const segmentBytes = segmentSize(io)
    if (typeof tls === 'string' || typeof segmentBytes === 'string') {
      io.err(`holdfast broker: ${typeof tls === 'string' ? tls : segmentBytes}\n`)
      return 2
    }
    const home = resolve(io.cwd, args.text('home') ?? io.env['HOLDFAST_HOME'] ?? 'holdfast-home')
    const quiet = args.has('quiet')
    await using running = await startBroker({
      home,
      port: args.number('port')!,
      host: args.text('host')!,
      deadLetterQueue: args.text('dead-letters')!,
      maxDeliveries: args.number('max-deliveries')!,
      log: lines(io, quiet),
      ...(user && password ? { users: { [user]: password } } : {}),
      ...(tls ? { tls } : {}),
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
    })
    if (!quiet) io.out(greeting(running, home, user))
    await aborted(io.signal)
    if (!quiet) io.out('Stopping the broker.\n')
    return 0
  },
}

export default broker

async function tlsOf(args: ParsedArgs, io: Io): Promise<{ key: Buffer; cert: Buffer } | string | null> {
  const [key, cert] = [args.text('key'), args.text('cert')]
  if (!key && !cert) return null
  if (!key || !cert) return '--cert FILE and --key FILE belong together.'
  try {
    return { key: await readFile(resolve(io.cwd, key)), cert: await readFile(resolve(io.cwd, cert)) }
  } catch (thrown) {
    return `The certificate cannot be read: ${textOf(thrown)}`
  }
}

/** The broker's journal is made of files as large as the server's. */
function segmentSize({ env, cwd }: Io): number | undefined | string {
  const { env: variable, type } = declarations.journal.segmentSize
  const given = env[variable]
  if (!given) return undefined
  const size = type.read(given, { base: cwd })
  return size instanceof Refusal ? `${variable} ${size.reason}` : size
}

function greeting(running: Broker, home: string, user: string | undefined): string {
  const held = running.queues().filter(({ depth }) => depth > 0)
  return [
    `Holdfast broker at ${running.address.url}: AMQP 1.0 queues, made when first used.`,
    'It is for one machine, not a cluster: to share queues between machines use ActiveMQ Artemis or RabbitMQ.',
    `Messages are kept in ${dataFolder(home)}`,
    user
      ? `Clients log in as ${user}.`
      : `Everybody on this machine may use it; set ${USER} and ${PASSWORD} to ask for a login.`,
    ...held.map(({ name, depth }) => `Waiting in ${name}: ${depth}`),
    '',
  ].join('\n')
}

/** One line each; what belongs to it follows as JSON. */
function lines(io: Io, quiet: boolean, bound: LogFields = {}): Log {
  const write = (level: string, text: string, fields: LogFields = {}): void => {
    const shown = Object.entries({ ...bound, ...fields }).map(
      ([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`,
    )
    io.err(`${level} ${[text, ...shown].join('  ')}\n`)
  }
  const nothing = (): void => {}
  return {
    debugOn: false,
    error: (text, fields) => write('ERROR', text, fields),
    warn: quiet ? nothing : (text, fields) => write('WARN ', text, fields),
    info: quiet ? nothing : (text, fields) => write('INFO ', text, fields),
    debug: nothing,
    child: fields => lines(io, quiet, { ...bound, ...fields }),
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
