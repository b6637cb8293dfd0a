import type { TestContext } from 'node:test'
import { systemClock, type Clock } from '../kernel/clock.ts'
import type { MessageContext } from '../kernel/context.ts'
import type { Api, Proxy, Sequence } from '../kernel/contracts.ts'
import { Body, HeaderMap, Message } from '../kernel/message.ts'
import { fakeRegistry } from './fake-registry.ts'
import { memoryLog, type MemoryLog } from './memory-log.ts'
import { Wire } from './wire.ts'
import type { TransportCodecs } from '../transport/codecs.ts'
import type { PortWish } from '../transport/doors.ts'
import { startListener, type Listener } from '../transport/inbound.ts'
import { listenerDefaults, type ListenerSettings } from '../transport/settings.ts'

export type Flow = (ctx: MessageContext) => void | Promise<void>

export interface RigOptions {
  readonly settings?: Partial<ListenerSettings>
  readonly clock?: Clock
  readonly onMain?: Flow
  readonly proxy?: Partial<Proxy>
  readonly apis?: readonly Api[]
  readonly sequences?: readonly Sequence[]
  readonly ports?: readonly PortWish[]
}

export interface Rig {
  readonly listener: Listener
  readonly port: number
  readonly log: MemoryLog
  wire(): Promise<Wire>
}

/** Formats that can be told apart in a test, and nothing else. */
export const plainCodecs: TransportCodecs = {
  clientFormat: (_method, contentType) =>
    contentType.startsWith('text/xml') ? 'soap11' : contentType.startsWith('application/json') ? 'json' : 'none',
  formatReply({ body }) {
    const { raw, contentType } = body
    return raw ? { contentType, bytes: raw } : { contentType, stream: body.takeStream()! }
  },
  formatFault: (client, { code, reason, byCaller }) => ({
    contentType: 'text/fault',
    bytes: Buffer.from(`${client} ${byCaller ? 'caller' : 'server'} ${code}: ${reason}`),
  }),
}

/** A listener with one proxy `P` whose flow is a function. */
export async function listening(t: TestContext, flow: Flow, options: RigOptions = {}): Promise<Rig> {
  const log = memoryLog()
  const proxy: Proxy = {
    name: 'P',
    transports: ['http', 'https'],
    startOnLoad: true,
    origin: { label: 'proxy:P', kind: 'proxy', name: 'P' },
    handle: async ctx => flow(ctx),
    wsdl: async (addresses, part = '') =>
      part === '' || part === 'a.xsd' ? Buffer.from(`<wsdl>${addresses.join(' ')}</wsdl>`) : null,
    ...options.proxy,
  }
  const registry = fakeRegistry({ proxy: [proxy], api: options.apis ?? [], sequence: options.sequences ?? [] })
  const { onMain } = options
  const listener = await startListener({
    ports: options.ports ?? [{ port: 0, setting: 'http.port' }],
    settings: { ...listenerDefaults, ...options.settings },
    registry: () => registry,
    log,
    clock: options.clock ?? systemClock,
    codecs: plainCodecs,
    ...(onMain && {
      main: { origin: { label: 'main', kind: 'main', name: 'main' }, handle: async ctx => onMain(ctx) },
    }),
  })
  const wires: Wire[] = []
  t.after(async () => {
    for (const wire of wires) wire.destroy()
    await listener.stop(0)
  })
  const { port } = listener.ports[0]!
  return {
    listener,
    port,
    log,
    async wire() {
      const wire = await Wire.to(port)
      wires.push(wire)
      return wire
    },
  }
}

/** What a back end or the flow made, as an answer. */
export function reply(
  body: string | AsyncIterable<Uint8Array>,
  axis2: Record<string, unknown> = {},
  headers: string[] = [],
): Message {
  const message = new Message({
    body: typeof body === 'string' ? Body.ofBytes(Buffer.from(body), 'text/xml') : Body.ofStream(body, 'text/xml'),
    headers: new HeaderMap(headers),
    isResponse: true,
  })
  for (const [name, value] of Object.entries(axis2)) message.axis2.set(name, value)
  return message
}

export async function bytesOf(ctx: MessageContext): Promise<Buffer> {
  await ctx.message.body.collect()
  return Buffer.from(ctx.message.body.raw!)
}
