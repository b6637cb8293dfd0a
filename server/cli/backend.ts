import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Backend, Fault } from '../../axis2-mock/main.ts'
import { readFault, readFaultHeader, startBackend } from '../../axis2-mock/main.ts'
import { IntegrationError, systemCode, textOf } from '../kernel/errors.ts'
import type { Command, Io, ParsedArgs } from './command.ts'

/** Those of the options that together make one fault. */
const FAULT_OPTIONS = ['delay', 'status', 'times', 'reset', 'half', 'after'] as const

const backend: Command = {
  name: 'backend',
  summary: 'Runs the stock-quote back end that the samples talk to.',
  usage: '[--port 9000] [--dialect apache|wso2] [options]',
  options: [
    { name: 'port', value: 'PORT', default: '9000', doc: 'HTTP port; 0 takes a free one.' },
    { name: 'host', value: 'HOST', default: '127.0.0.1', doc: 'Address to listen on; 0.0.0.0 for all.' },
    { name: 'https-port', value: 'PORT', doc: 'Also listens with TLS here; needs --cert and --key.' },
    { name: 'cert', value: 'FILE', doc: 'Certificate for --https-port, PEM.' },
    { name: 'key', value: 'FILE', doc: 'Its private key, PEM.' },
    {
      name: 'dialect',
      value: 'NAME',
      choices: ['apache', 'wso2'],
      default: 'apache',
      doc: "Namespace of the fields of a quote: http://services.samples, or WSO2's …/xsd.",
    },
    { name: 'name', value: 'NAME', doc: 'Server name with which LBService1 and LBService2 answer.' },
    { name: 'json', doc: 'Understands JSON requests, too.' },
    { name: 'seed', value: 'N', doc: 'The same random numbers in every run.' },
    { name: 'quiet', short: 'q', doc: 'Prints no line for each request.' },
    { name: 'delay', value: 'MS', doc: 'Answers late.' },
    { name: 'status', value: 'N', doc: 'Answers with this HTTP status; from 400 on with a SOAP fault.' },
    { name: 'reset', doc: 'Cuts the connection without an answer.' },
    { name: 'half', doc: 'Cuts the connection in the middle of the answer.' },
    { name: 'after', doc: 'The work is done first, only the answer goes wrong.' },
    { name: 'times', value: 'N', doc: 'Only the first N requests meet that trouble.' },
    {
      name: 'fault',
      value: 'TEXT',
      repeat: true,
      doc: 'Further trouble, such as "hang; operation=placeOrder; skip=2; times=1".',
    },
  ],
  examples: [
    'holdfast backend',
    'holdfast backend --status 503 --times 3',
    'holdfast backend --port 9001 --name MyServer1',
    "curl -X POST 'http://localhost:9000/_control?delay=2000&operation=placeOrder'",
    'curl http://localhost:9000/_seen',
  ],

  async run(args, io) {
    const faults = faultsOf(args)
    if (typeof faults === 'string') {
      io.err(`holdfast backend: ${faults}\n`)
      return 2
    }
    const tls = await tlsOf(args, io)
    if (typeof tls === 'string') {
      io.err(`holdfast backend: ${tls}\n`)
      return 2
    }
    await using running = await start(args, io, tls)
    for (const fault of faults) running.faults.arm(fault)
    io.out(`${greeting(running, faults)}\n`)
    await aborted(io.signal)
    return 0
  },
}

export default backend

function faultsOf(args: ParsedArgs): Fault[] | string {
  const given = FAULT_OPTIONS.filter(name => args.has(name)).map(name => [name, args.text(name)] as const)
  const read = args.list('fault').map(readFaultHeader)
  if (given.length > 0) read.unshift(readFault(given))
  return read.find(fault => typeof fault === 'string') ?? (read as Fault[])
}

async function tlsOf(args: ParsedArgs, io: Io): Promise<{ port: number; key: string; cert: string } | string | null> {
  const port = args.number('https-port')
  if (port === undefined) return null
  const [key, cert] = [args.text('key'), args.text('cert')]
  if (!key || !cert) return '--https-port needs --cert FILE and --key FILE.'
  const read = (file: string): Promise<string> => readFile(resolve(io.cwd, file), 'utf8')
  try {
    return { port, key: await read(key), cert: await read(cert) }
  } catch (thrown) {
    return `The certificate cannot be read: ${textOf(thrown)}`
  }
}

async function start(
  args: ParsedArgs,
  io: Io,
  https: { port: number; key: string; cert: string } | null,
): Promise<Backend> {
  const [name, seed] = [args.text('name'), args.number('seed')]
  const port = args.number('port')!
  try {
    return await startBackend({
      port,
      host: args.text('host')!,
      dialect: args.text('dialect') === 'wso2' ? 'wso2' : 'apache',
      json: args.has('json'),
      ...(name === undefined ? {} : { name }),
      ...(seed === undefined ? {} : { seed }),
      ...(https ? { https } : {}),
      ...(args.has('quiet') ? {} : { print: (line: string) => io.out(`${line}\n`) }),
    })
  } catch (thrown) {
    if (systemCode(thrown) !== 'EADDRINUSE') throw thrown
    const taken = (thrown as { port?: number }).port ?? port
    const text = `Port ${taken} is taken by another process. Stop it, or choose another one (--port, --https-port).`
    throw new IntegrationError('PORT_IN_USE', text, { cause: thrown })
  }
}

function greeting(running: Backend, faults: readonly Fault[]): string {
  return [
    `Stock-quote back end at ${running.url}`,
    ...(running.httpsOrigin ? [`                and at ${running.httpsOrigin}/services/SimpleStockQuoteService`] : []),
    `What arrived: ${running.origin}/_seen    Trouble on demand: POST ${running.origin}/_control`,
    ...faults.map(fault => `In force: ${JSON.stringify(fault)}`),
  ].join('\n')
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
