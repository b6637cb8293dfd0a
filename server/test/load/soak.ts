/**
 * `npm run soak -- [--hours H | --minutes M] [--seed N]`: everything a server does in a day, again and again: stored and
 * passed-through requests, failures of the back end, clients that vanish, redeployments, faulty artifacts, looks at the
 * management API. Every so often all is quiet, and what the process then holds may not grow: heap, buffers, timers,
 * handles, descriptors. No request may fail that has no reason to, and every accepted order arrives once.
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { randomNumbers } from '../../../axis2-mock/quotes.ts'
import { systemClock } from '../../kernel/clock.ts'
import { systemCode } from '../../kernel/errors.ts'
import { orderBody } from '../../testing/order-load.ts'
import { Wire } from '../../testing/wire.ts'
import { journalArtifacts, PASS, serviceAt, STORE } from '../faults/artifacts.ts'
import { passes, QUOTE } from '../faults/back-end.ts'
import { Stand } from '../faults/stand.ts'
import { growth, type Vitals } from './leaks.ts'

const VITALS = pathToFileURL(join(import.meta.dirname, '../../testing/vitals.mjs')).href
const MB = 1 << 20
/** The window of delivered ids is full after the warm-up, so that its filling is not taken for a leak. */
const ENV = { HOLDFAST_STORE_SEEN_COUNT: '500', NODE_OPTIONS: `--import=${VITALS}`, HOLDFAST_LOG_QUIET: 'true' }
const LEAST_SAMPLES = 12
const AS_QUOTE = { soapaction: '"urn:getQuote"' }
const LANES = 8

class Soak {
  readonly #stand: Stand
  readonly #random: () => number
  #deployments = 0

  constructor(stand: Stand, seed: number) {
    this.#stand = stand
    this.#random = randomNumbers(seed)
  }

  /** Everything, for so long; then nothing until the server has nothing to do either. */
  async cycle(ms: number): Promise<void> {
    const end = systemClock.monotonic() + ms
    const lanes = [
      ...Array.from({ length: LANES }, () => this.#until(end, () => this.#order())),
      ...Array.from({ length: LANES / 2 }, () => this.#until(end, () => this.#quote())),
      this.#until(end, () => this.#vanish()),
      this.#until(end, () => this.#nonsense()),
      this.#until(end, () => this.#look()),
      this.#until(end, () => this.#deploy()),
      this.#until(end, () => this.#trouble()),
    ]
    await Promise.all(lanes)
    this.#stand.backend.faults.clear()
    await this.#stand.delivered()
    await passes(this.#stand)
    await this.#stand.until('the store is empty', async () => {
      const depths = await this.#stand.api.depths()
      return depths['orders'] === 0 ? true : undefined
    })
  }

  async vitals(): Promise<Vitals> {
    const file = join(this.#stand.folder, 'vitals.json')
    await rm(file, { force: true })
    this.#stand.server.tell({ vitals: file })
    const text = await this.#stand.until('the server tells what it holds', async () => {
      try {
        return await readFile(file, 'utf8')
      } catch (thrown) {
        if (systemCode(thrown) !== 'ENOENT') throw thrown
        return undefined
      }
    })
    return JSON.parse(text) as Vitals
  }

  async #until(end: number, once: () => Promise<void>): Promise<void> {
    while (systemClock.monotonic() < end) await once()
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  async #order(): Promise<void> {
    const { status, text } = await this.#stand.order({ padding: this.#below(20_000) })
    if (status !== 202) throw this.#stand.failure(`an order was answered ${status} ${text}`)
    await systemClock.sleep(this.#below(60))
  }

  async #quote(): Promise<void> {
    const { status } = await this.#stand.post(PASS, QUOTE, 20_000, AS_QUOTE)
    // While the back end is in trouble a fault is the right answer.
    if (status === undefined) throw this.#stand.failure('a request got no answer')
    await systemClock.sleep(this.#below(40))
  }

  /** A client that goes away before, in the middle of or after its request. */
  async #vanish(): Promise<void> {
    const wire = await Wire.to(this.#stand.http)
    const text = `POST ${PASS} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: ${QUOTE.length}\r\n\r\n${QUOTE}`
    wire.send(text.slice(0, this.#below(text.length + 1)))
    await systemClock.sleep(this.#below(20))
    wire.destroy()
    await systemClock.sleep(this.#below(100))
  }

  async #nonsense(): Promise<void> {
    const kinds = ['<not xml', '{"json": 1}', orderBody('', 10).slice(0, 150), '', '\u0000\u0001']
    const { status } = await this.#stand.post(PASS, kinds[this.#below(kinds.length)]!, 20_000)
    if (status === undefined) throw this.#stand.failure('nonsense got no answer')
    await this.#stand.post('/services/Nobody', 'x', 20_000)
    await systemClock.sleep(this.#below(200))
  }

  async #look(): Promise<void> {
    await this.#stand.health()
    await this.#stand.api.depths()
    await this.#stand.api.get('message-processors')
    await this.#stand.api.get('proxy-services')
    await systemClock.sleep(300)
  }

  async #deploy(): Promise<void> {
    const number = ++this.#deployments
    const files = journalArtifacts(serviceAt(this.#stand.backend.origin))
    const broken = number % 3 === 0
    await this.#stand.deploy(
      new Map([
        ...[...files].map(([name, xml]): [string, string] => [
          name,
          xml.replace('</definitions>', `<!-- ${number} --></definitions>`),
        ]),
        [
          'extra.xml',
          broken
            ? '<sequence name="extra"><log'
            : `<sequence name="extra" xmlns="http://ws.apache.org/ns/synapse"><property name="n" value="${number}"/></sequence>`,
        ],
      ]),
    )
    await systemClock.sleep(900)
  }

  async #trouble(): Promise<void> {
    const { faults } = this.#stand.backend
    const kinds = [{ status: 503 }, { reset: true }, { delay: 300 }, { half: true }, { garbage: true }]
    await systemClock.sleep(1_000)
    faults.arm({ ...kinds[this.#below(kinds.length)]!, times: 1 + this.#below(10) })
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { hours: { type: 'string' }, minutes: { type: 'string', default: '5' }, seed: { type: 'string' } },
  })
  const minutes = values.hours === undefined ? Number(values.minutes) : Number(values.hours) * 60
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
  if (!(minutes > 0) || !Number.isInteger(seed)) {
    console.error('usage: npm run soak -- [--hours H | --minutes M] [--seed N]')
    return 2
  }
  console.log(`seed ${seed}, ${minutes} minutes`)
  await using stand = await Stand.open({
    artifacts: backend => journalArtifacts(serviceAt(`http://127.0.0.1:${backend}`)),
    path: STORE,
    env: ENV,
  })
  const soak = new Soak(stand, seed)
  const samples: Vitals[] = []
  const total = minutes * 60_000
  const began = systemClock.monotonic()
  // A longer soak looks more seldom: at most some hundreds of samples.
  const cycleMs = Math.min(60_000, Math.max(4_000, total / 30))
  while (samples.length < LEAST_SAMPLES || systemClock.monotonic() - began < total) {
    await soak.cycle(cycleMs)
    // Answers that are lost on their way make a repetition, with the same id.
    const books = await stand.settle({ repeats: true })
    stand.forget()
    const now = await soak.vitals()
    samples.push(now)
    const seconds = Math.round((systemClock.monotonic() - began) / 1000)
    const mb = (bytes: number): string => `${(bytes / MB).toFixed(1)} MB`
    console.log(
      `${String(seconds).padStart(6)} s  heap ${mb(now.heapUsed)}, external ${mb(now.external)}, resident ${mb(now.rss)}, ` +
        `${now.timers} timers, ${now.handles} handles, ${now.descriptors} descriptors; ${books}`,
    )
  }
  const found = growth(samples)
  for (const { what, before, after, leaks } of found)
    console.log(`  ${leaks ? 'LEAKS ' : '      '} ${what}: ${before} to ${after}`)
  await stand.stop()
  return found.some(({ leaks }) => leaks) ? 1 : 0
}

process.exit(
  await main().catch((thrown: unknown) => {
    console.error(thrown instanceof Error ? thrown.message : thrown)
    return 1
  }),
)
