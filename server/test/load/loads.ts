/** Each load with what it may cost: memory, and the health check's patience. */
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import { openJournal } from '../../drivers/journal/journal.ts'
import { systemClock } from '../../kernel/clock.ts'
import { encodeStored } from '../../kernel/stored-message.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { Wire } from '../../testing/wire.ts'
import { stored } from '../../testing/store-rig.ts'
import { deploy } from '../crash/scenarios.ts'
import { backEnd, Host, pour, request, type Reply } from './host.ts'

const NS = 'xmlns="http://ws.apache.org/ns/synapse"'
const FORWARDING = 'org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor'
const MB = 1024 * 1024
/** "The server answers health checks within a second all along." */
const HEALTH_MS = 1_000
/** Whatever else the machine has to do. */
const LONGEST_MS = 10_000
const LOOK_MS = 50

export interface Sizes {
  readonly idle: number
  readonly active: number
  readonly slowMs: number
  readonly waiting: number
  readonly artifacts: number
  readonly depth: number
  /** How long steady parts go on. */
  readonly steadyMs: number
}

export interface Load {
  readonly name: string
  play(sizes: Sizes, say: (text: string) => void): Promise<void>
}

function passing(url: string, timeoutMs = 120_000): ReadonlyMap<string, string> {
  const endpoint = `<endpoint><address uri="${url}"><timeout><duration>${timeoutMs}</duration><responseAction>fault</responseAction></timeout></address></endpoint>`
  return new Map([
    [
      'pass.xml',
      `<proxy name="Pass" transports="http" ${NS}><target><inSequence><send>${endpoint}</send></inSequence><outSequence><send/></outSequence></target></proxy>\n`,
    ],
    ['store.xml', `<messageStore name="kept" ${NS}/>\n`],
    [
      'keep.xml',
      `<proxy name="Keep" transports="http" ${NS}><target><inSequence><property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/><property name="OUT_ONLY" value="true"/><store messageStore="kept"/></inSequence></target></proxy>\n`,
    ],
  ])
}

/** What was seen of the server during a load; throws where it was too much. */
async function bounded(host: Host, mostMb: number, say: (text: string) => void): Promise<void> {
  host.alive()
  const { asked, slowestMs, busyMs, failed, reason } = await host.watched()
  say(
    `resident ${host.residentMb} MB, at most ${host.peakMb} MB (bound ${mostMb}); ${asked} health checks, the slowest ${Math.round(slowestMs)} ms (the server's own part: ${Math.round(busyMs)} ms)`,
  )
  if (failed > 0) throw new Error(`${failed} health checks failed: ${reason}`)
  if (busyMs > HEALTH_MS || slowestMs > LONGEST_MS)
    throw new Error(
      `a health check took ${Math.round(slowestMs)} ms, ${Math.round(busyMs)} ms of them the server's own work; ${HEALTH_MS} ms is the most`,
    )
  if (host.peakMb > mostMb) throw new Error(`${host.peakMb} MB are more than the bound of ${mostMb}`)
}

function all(replies: readonly Reply[], status: number): void {
  const other = replies.find(reply => reply.status !== status)
  if (other) throw new Error(`a request was answered ${other.status}, not ${status}`)
}

/** So many at a time, one after the other each, until the time is over. */
async function steadily(clients: number, ms: number, one: (agent: http.Agent) => Promise<Reply>): Promise<number> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients })
  const end = systemClock.monotonic() + ms
  let count = 0
  const lane = async (): Promise<void> => {
    while (systemClock.monotonic() < end) {
      all([await one(agent)], 200)
      count++
    }
  }
  await Promise.all(Array.from({ length: clients }, lane))
  agent.destroy()
  return count
}

const connections: Load = {
  name: 'idle and active connections',
  async play({ idle, active, steadyMs }, say) {
    await using behind = await backEnd((_request, response) => void response.end('<ok/>'))
    await using host = await Host.open({ artifacts: passing(behind.url) })
    const quiet: Wire[] = []
    for (let made = 0; made < idle; made += 100) {
      quiet.push(...(await Promise.all(Array.from({ length: Math.min(100, idle - made) }, () => Wire.to(host.http)))))
    }
    for (const wire of quiet) wire.post('/services/Pass', '<q/>', 'Content-Type: text/xml')
    all(
      (await Promise.all(quiet.map(wire => wire.answer()))).map(({ status }) => ({
        status,
        retryAfter: '',
        bytes: 0,
        ms: 0,
      })),
      200,
    )
    say(`${quiet.length} connections, one request each, then idle: ${host.residentMb} MB`)
    const count = await steadily(active, steadyMs, agent => request(host.http, '/services/Pass', { bytes: 500, agent }))
    const closed = quiet.filter(({ socket }) => socket.destroyed).length
    if (closed > 0) throw new Error(`${closed} idle connections were closed`)
    for (const wire of quiet.slice(0, 500)) wire.post('/services/Pass', '<q/>', 'Content-Type: text/xml')
    await Promise.all(quiet.slice(0, 500).map(wire => wire.answer()))
    say(`${active} active ones beside them: ${Math.round(count / (steadyMs / 1000))} requests a second`)
    for (const wire of quiet) wire.destroy()
    await bounded(host, 600, say)
    await host.stop()
  },
}

/** More than the buffers of the kernel between a back end and a client take, four of them with up to 6 MB. */
const STUCK = 64 * MB
const STUCK_WITHIN_MS = 60_000

const slowPeers: Load = {
  name: 'slow readers and slow writers',
  async play({ steadyMs }, say) {
    await using behind = await backEnd((request, response) => pour(response, request.url === '/large' ? STUCK : 10))
    const artifacts = new Map([...passing(behind.url), ...renamed(passing(`${behind.url}large`), 'Pass', 'Large')])
    await using host = await Host.open({ artifacts })
    const head = `POST /services/Large HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<q/>`
    const readers = await Promise.all(Array.from({ length: 100 }, () => stuckReader(host.http, head)))
    // What the kernel takes for them is some megabytes each; only then are they stuck.
    const since = systemClock.monotonic()
    while (behind.waiting < readers.length) {
      if (systemClock.monotonic() - since > STUCK_WITHIN_MS)
        throw new Error(`only ${behind.waiting} of ${readers.length} readers are stuck`)
      await systemClock.sleep(LOOK_MS)
    }
    const writers = await Promise.all(Array.from({ length: 200 }, () => Wire.to(host.http)))
    const paths = ['/services/Pass', '/services/Keep']
    for (const [index, wire] of writers.entries()) {
      wire.send(
        `POST ${paths[index % 2]} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 100000\r\n\r\n<q>`,
      )
    }
    const dribble = (async () => {
      const end = systemClock.monotonic() + steadyMs
      while (systemClock.monotonic() < end) {
        for (const wire of writers) wire.send('.'.repeat(100))
        await systemClock.sleep(50)
      }
    })()
    const count = await steadily(16, steadyMs, agent => request(host.http, '/services/Pass', { bytes: 500, agent }))
    await dribble
    say(
      `100 readers of ${STUCK / MB} MB that do not read, 200 writers that dribble; others: ${Math.round(count / (steadyMs / 1000))} requests a second`,
    )
    await bounded(host, 350, say)
    for (const reader of readers) reader.destroy()
    for (const wire of writers) wire.destroy()
    await host.stop()
  },
}

function renamed(files: ReadonlyMap<string, string>, from: string, to: string): [string, string][] {
  return [['large.xml', files.get('pass.xml')!.replace(`name="${from}"`, `name="${to}"`)]]
}

async function stuckReader(port: number, head: string): Promise<net.Socket> {
  const socket = net.connect({ port, host: '127.0.0.1' })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  socket.on('error', () => {})
  socket.pause()
  socket.write(head)
  return socket
}

const slowBackEnd: Load = {
  name: 'a back end that takes its time',
  async play({ slowMs, waiting }, say) {
    await using behind = await backEnd(async (_request, response) => {
      await systemClock.sleep(slowMs)
      response.end('<late/>')
    })
    await using host = await Host.open({ artifacts: passing(behind.url) })
    const agent = new http.Agent({ keepAlive: true, maxSockets: waiting })
    const replies = await Promise.all(
      Array.from({ length: waiting }, () => request(host.http, '/services/Pass', { bytes: 500, agent })),
    )
    agent.destroy()
    all(replies, 200)
    const slowest = Math.max(...replies.map(({ ms }) => ms))
    say(`${waiting} requests waited for answers that took ${slowMs} ms; all got theirs, the last after ${slowest} ms`)
    await bounded(host, 300, say)
    await host.stop()
  },
}

const manyArtifacts: Load = {
  name: 'many artifacts',
  async play({ artifacts: count }, say) {
    await using behind = await backEnd((_request, response) => void response.end('<ok/>'))
    const artifacts = new Map(passing(behind.url))
    for (let number = 0; artifacts.size < count; number++) {
      const kind = number % 3
      if (kind === 0)
        artifacts.set(`e${number}.xml`, `<endpoint name="e${number}" ${NS}><address uri="${behind.url}"/></endpoint>`)
      if (kind === 1)
        artifacts.set(
          `s${number}.xml`,
          `<sequence name="s${number}" ${NS}><property name="n" value="${number}"/><send><endpoint key="e${number - 1}"/></send></sequence>`,
        )
      if (kind === 2)
        artifacts.set(
          `p${number}.xml`,
          `<proxy name="P${number}" transports="http" ${NS}><target inSequence="s${number - 1}"><outSequence><send/></outSequence></target></proxy>`,
        )
    }
    await using host = await Host.prepare({ artifacts })
    const ready = await host.start()
    say(`${artifacts.size} artifacts, ready after ${ready} ms, ${host.residentMb} MB`)
    all([await request(host.http, '/services/P2'), await request(host.http, '/services/Pass')], 200)
    const traffic = steadily(8, 6_000, agent => request(host.http, '/services/P2', { bytes: 500, agent }))
    const since = systemClock.monotonic()
    const folder = join(host.folder, 'artifacts')
    await deploy(folder, renamedFile(behind.url))
    for (;;) {
      const { status } = await request(host.http, '/services/Fresh')
      if (status === 200) break
      if (systemClock.monotonic() - since > 30_000) throw new Error('a new artifact is not deployed')
      await systemClock.sleep(20)
    }
    say(
      `one more is in service after ${Math.round(systemClock.monotonic() - since)} ms; ${await traffic} requests meanwhile`,
    )
    await bounded(host, 500, say)
    await host.stop()
  },
}

function renamedFile(url: string): ReadonlyMap<string, string> {
  return new Map([['fresh.xml', passing(url).get('pass.xml')!.replace('name="Pass"', 'name="Fresh"')]])
}

const bodies: Load = {
  name: 'bodies of every size',
  async play(_sizes, say) {
    await using behind = await backEnd((_request, response, bytes) => pour(response, bytes))
    await using host = await Host.open({ artifacts: passing(behind.url) })
    for (const [bytes, times, clients] of [
      [0, 200, 20],
      [500, 200, 20],
      [100_000, 100, 20],
      [10 * MB, 16, 8],
      [100 * MB, 4, 4],
    ] as const) {
      const kept = bytes > 64 * MB ? 413 : 202
      for (let done = 0; done < times; done += clients) {
        const replies = await Promise.all(
          Array.from({ length: clients }, () => request(host.http, '/services/Pass', { bytes, agent: false })),
        )
        all(replies, 200)
        const short = replies.find(reply => reply.bytes !== bytes)
        if (short) throw new Error(`${short.bytes} of ${bytes} bytes came back`)
      }
      const before = host.peakMb
      all(
        await Promise.all(
          Array.from({ length: 3 }, () => request(host.http, '/services/Keep', { bytes, agent: false })),
        ),
        kept,
      )
      say(`${bytes} bytes: passed through ${times} times, ${clients} at a time, at most ${before} MB; stored: ${kept}`)
    }
    await bounded(host, 700, say)
    await host.stop()
  },
}

const deep: Load = {
  name: 'a deep queue',
  async play({ depth, steadyMs }, say) {
    await using behind = await backEnd((_request, response) => void response.writeHead(202).end())
    const forward = `<messageProcessor name="forward" class="${FORWARDING}" targetEndpoint="orders" messageStore="kept" ${NS}><parameter name="interval">0</parameter></messageProcessor>\n`
    const endpoint = `<endpoint name="orders" ${NS}><address uri="${behind.url}"/></endpoint>\n`
    await using host = await Host.prepare({ artifacts: new Map([...passing(behind.url), ['orders.xml', endpoint]]) })
    const filling = systemClock.monotonic()
    await fill(join(host.home, 'data'), depth)
    say(`${depth} messages of 0.5 kB laid in within ${Math.round(systemClock.monotonic() - filling)} ms`)
    const ready = await host.start()
    const depths = await host.api.depths()
    if (depths['kept'] !== depth) throw new Error(`the store holds ${depths['kept']} of ${depth}`)
    say(`ready after ${ready} ms, ${host.residentMb} MB`)
    const page = await host.api.get<{ list: unknown[] }>('message-stores/kept/messages?limit=100')
    say(`a look at ${page.list.length} messages; ${host.residentMb} MB`)
    await deploy(join(host.folder, 'artifacts'), new Map([['forward.xml', forward]]))
    const accepting = steadily(16, steadyMs, async agent => {
      const reply = await request(host.http, '/services/Keep', { bytes: 500, agent })
      return { ...reply, status: reply.status === 202 ? 200 : reply.status }
    })
    const accepted = await accepting
    const { served } = behind
    say(
      `${Math.round(accepted / (steadyMs / 1000))} a second accepted and ${Math.round(served / (steadyMs / 1000))} delivered meanwhile`,
    )
    if (served === 0) throw new Error('nothing was delivered')
    await bounded(host, 600, say)
    await host.stop()
  },
}

/** Messages as the store writes them, put into its journal before the server starts. */
async function fill(folder: string, depth: number): Promise<void> {
  await using journal = await openJournal({ folder, clock: systemClock, log: memoryLog() })
  const queue = journal.queue('kept')
  const text = `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><q>${'x'.repeat(380)}</q></soapenv:Body></soapenv:Envelope>`
  for (let at = 0; at < depth; at += 1_000) {
    const puts: Promise<void>[] = []
    for (let i = at; i < Math.min(depth, at + 1_000); i++) {
      const id = `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`
      puts.push(queue.put(id, encodeStored(stored(text, {}, id))))
    }
    await Promise.all(puts)
  }
}

const shedding: Load = {
  name: 'more than it may take on',
  async play({ waiting }, say) {
    await using behind = await backEnd(async (_request, response) => {
      await systemClock.sleep(1_500)
      response.end('<ok/>')
    })
    const most = 200
    await using host = await Host.open({
      artifacts: passing(behind.url),
      env: {
        HOLDFAST_HTTP_MAX_IN_FLIGHT: String(most),
        HOLDFAST_HTTP_MAX_CONNECTIONS: '1200',
        HOLDFAST_HTTP_MAX_HELD_SIZE: '64 MiB',
      },
    })
    const burst = await Promise.all(
      Array.from({ length: waiting }, () => request(host.http, '/services/Pass', { bytes: 500, agent: false })),
    )
    const shed = burst.filter(({ status }) => status === 503)
    all(
      burst.filter(({ status }) => status !== 503),
      200,
    )
    if (shed.length !== waiting - most)
      throw new Error(`${shed.length} of ${waiting} were refused, with room for ${most}`)
    if (shed.some(({ retryAfter }) => !retryAfter)) throw new Error('a refusal does not say when to come back')
    say(
      `${waiting} requests at once, room for ${most}: ${shed.length} answered 503 with Retry-After, the others served`,
    )
    const large = await Promise.allSettled(
      Array.from({ length: 100 }, () => request(host.http, '/services/Keep', { bytes: 10 * MB, agent: false })),
    )
    const answers = large.map(one => (one.status === 'fulfilled' ? String(one.value.status) : 'cut off'))
    const count = (answer: string): number => answers.filter(one => one === answer).length
    say(
      `100 × 10 MB to be stored at once, room for 64 MiB: ${count('202')} stored, ${count('503')} answered 503, ${count('cut off')} cut off while sending`,
    )
    if (count('202') === 0) throw new Error('none was stored')
    if (count('202') + count('503') + count('cut off') !== 100)
      throw new Error(`other answers: ${[...new Set(answers)].join()}`)
    all([await request(host.http, '/services/Keep', { bytes: 10 * MB, agent: false })], 202)
    await bounded(host, 600, say)
    await host.stop()
  },
}

export const loads: readonly Load[] = [connections, slowPeers, slowBackEnd, manyArtifacts, bodies, deep, shedding]
