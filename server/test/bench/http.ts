/**
 * Processor time per pass-through request: our listener and client against plain node:http and undici, side by side.
 *
 *     node --import tsx server/test/bench/http.ts [seconds per round] [rounds] [body bytes]
 *
 * Prints the ratio of ours to the bare proxy, and of ours behind fastify's router (docs/decisions/http-listener.md).
 */
import { fork, type ChildProcess } from 'node:child_process'
import http, { type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { Pool } from 'undici'
import { HttpClient } from '../../drivers/http/client.ts'
import { outgoingRequest, replyMessage } from '../../drivers/http/message.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { Log, Proxy, Registry } from '../../kernel/contracts.ts'
import type { TransportCodecs } from '../../transport/codecs.ts'
import { startListener } from '../../transport/inbound.ts'
import { listenerDefaults } from '../../transport/settings.ts'

const CONNECTIONS = 32
const silent: Log = { debugOn: false, error() {}, warn() {}, info() {}, debug() {}, child: () => silent }

const roles: Record<string, (backend: number) => Promise<number>> = {
  backend: () => listening(http.createServer((request, response) => read(request, body => answer(response, body)))),
  bare: backend => bare(backend),
  ours: backend => ours(backend, false),
  'ours behind fastify': backend => ours(backend, true),
}

const [role, backendPort] = [process.env.BENCH_ROLE, Number(process.env.BENCH_BACKEND)]
if (role) {
  const port = await roles[role]!(backendPort)
  process.on('message', () => process.send!(process.cpuUsage()))
  process.send!(port)
} else await drive()

async function drive(): Promise<void> {
  const [seconds = 0.4, rounds = 25, size = 512] = process.argv.slice(2).map(Number)
  const backend = await child('backend', 0)
  const names = Object.keys(roles).filter(name => name !== 'backend')
  const children = await Promise.all(names.map(name => child(name, backend.port)))
  const spent: number[][] = names.map(() => [])
  try {
    for (let round = -1; round < rounds; round++) {
      for (const [index, { process: target, port }] of children.entries()) {
        const microseconds = await load(target, port, seconds * 1_000, Buffer.alloc(size, 'x'))
        if (round >= 0) spent[index]!.push(microseconds)
      }
    }
  } finally {
    for (const { process: target } of [...children, backend]) target.kill()
  }
  const base = quiet(spent[0]!)
  for (const [index, name] of names.entries()) {
    const mine = quiet(spent[index]!)
    const spread = (Math.max(...spent[index]!) - Math.min(...spent[index]!)) / mine
    console.log(
      `${name.padEnd(20)} ${mine.toFixed(1).padStart(7)} µs a request, ${(mine / base).toFixed(2)} of bare ` +
        `(speed ${(base / mine).toFixed(2)}), spread ${(spread * 100).toFixed(0)} %`,
    )
  }
}

/** Processor microseconds a request costs `target`. */
async function load(target: ChildProcess, port: number, milliseconds: number, body: Buffer): Promise<number> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS, pipelining: 1 })
  const headers = ['Content-Type', 'text/xml; charset=UTF-8', 'SOAPAction', '"urn:getQuote"', 'Accept', '*/*']
  const once = (): Promise<void> =>
    new Promise((resolve, reject) => {
      pool.dispatch(
        { path: '/services/P', method: 'POST', headers, body },
        {
          onRequestStart() {},
          onResponseStart(_controller, status) {
            if (status !== 200) reject(new Error(`status ${status}`))
          },
          onResponseData() {},
          onResponseEnd: () => resolve(),
          onResponseError: (_controller, error) => reject(error),
        },
      )
    })
  let count = 0
  const before = await usage(target)
  const end = systemClock.monotonic() + milliseconds
  const work = async (): Promise<void> => {
    while (systemClock.monotonic() < end) {
      await once()
      count++
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, work))
  const after = await usage(target)
  await pool.close()
  return (after - before) / count
}

async function child(name: string, backend: number): Promise<{ process: ChildProcess; port: number }> {
  const target = fork(import.meta.filename, {
    env: { ...process.env, BENCH_ROLE: name, BENCH_BACKEND: String(backend) },
  })
  return { process: target, port: (await heard(target)) as number }
}

async function usage(target: ChildProcess): Promise<number> {
  target.send('usage')
  const { user, system } = (await heard(target)) as NodeJS.CpuUsage
  return user + system
}

function heard(target: ChildProcess): Promise<unknown> {
  return new Promise(resolve => target.once('message', resolve))
}

async function ours(backend: number, behindFastify: boolean): Promise<number> {
  const client = new HttpClient({ clock: systemClock })
  const url = `http://127.0.0.1:${backend}/services/P`
  const proxy: Proxy = {
    name: 'P',
    transports: ['http', 'https'],
    startOnLoad: true,
    origin: { label: 'proxy:P', kind: 'proxy', name: 'P' },
    wsdl: async () => null,
    async handle(ctx) {
      const { message } = ctx
      ctx.exchange.expectAnswer()
      const reply = await client.request(
        outgoingRequest(message, {
          url,
          body: message.body.raw ?? message.body.takeStream(),
          contentType: message.body.contentType,
          timeoutMs: 30_000,
          signal: ctx.abort,
        }),
      )
      ctx.message = replyMessage(reply, 'soap11', 0)
      ctx.exchange.reply(ctx.message, ctx)
    },
  }
  const find = (_role: string, name: string): Proxy | undefined => (name === 'P' ? proxy : undefined)
  const registry = {
    revision: 1,
    find,
    names: () => ['P'],
    list: () => [],
    enter() {},
    leave() {},
  } as unknown as Registry
  const codecs: TransportCodecs = {
    clientFormat: () => 'soap11',
    formatReply({ body }) {
      const { raw, contentType } = body
      return raw ? { contentType, bytes: raw } : { contentType, stream: body.takeStream()! }
    },
    formatFault: (_client, { reason }) => ({ contentType: 'text/plain', bytes: Buffer.from(reason) }),
  }
  const listener = await startListener({
    ports: [{ port: 0, setting: 'none' }],
    settings: listenerDefaults,
    registry: () => registry,
    log: silent,
    clock: systemClock,
    codecs,
  })
  const [door] = listener.ports
  if (behindFastify) await putBehindFastify((door as unknown as { server: Server }).server)
  return door!.port
}

/** The same handler, reached through fastify's router and life cycle. */
async function putBehindFastify(server: Server): Promise<void> {
  const handler = server.listeners('request')[0] as RequestListener
  const app = fastify({ exposeHeadRoutes: false })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  app.all('/services/*', (request, reply) => {
    reply.hijack()
    handler(request.raw, reply.raw as ServerResponse<IncomingMessage> & { req: IncomingMessage })
  })
  await app.ready()
  server.removeAllListeners('request')
  server.on('request', (request, response) => app.routing(request, response))
}

/** The least a Node proxy can do: every header but the connection's, bytes in, bytes out. */
function bare(backend: number): Promise<number> {
  const pool = new Pool(`http://127.0.0.1:${backend}`, { connections: 256, pipelining: 1, allowH2: false })
  const server = http.createServer((request, response) =>
    read(request, body => {
      pool.dispatch(
        { path: '/services/P', method: 'POST', headers: carried(request.headers), body },
        {
          onRequestStart() {},
          onResponseStart(_controller, status, headers) {
            const kept = carried(headers)
            if (headers['content-length']) kept['content-length'] = headers['content-length']
            response.writeHead(status, kept)
          },
          onResponseData: (_controller, chunk) => void response.write(chunk),
          onResponseEnd: () => void response.end(),
          onResponseError: () => void response.destroy(),
        },
      )
    }),
  )
  return listening(server)
}

function carried(headers: http.IncomingHttpHeaders): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {}
  for (const name in headers) if (!HOP.has(name)) kept[name] = headers[name]!
  return kept
}

const HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'host',
  'content-length',
  'te',
  'trailer',
  'upgrade',
  'expect',
])

function read(request: IncomingMessage, done: (body: Buffer) => void): void {
  const chunks: Buffer[] = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', () => done(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
}

function answer(response: ServerResponse, body: Buffer): void {
  response.writeHead(200, {
    'Content-Type': 'text/xml; charset=UTF-8',
    'Content-Length': body.length,
    'X-Answer': 'yes',
  })
  response.end(body)
}

function listening(server: Server): Promise<number> {
  return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)))
}

/** The lower quartile: other work on the machine only ever adds to a round. */
function quiet(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 2]!
}
