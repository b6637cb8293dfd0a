/**
 * What an accepting server on `node:http` and the journal could reach at best: `journal-floor.ts PORT FOLDER`.
 *   /accept   answers 202, nothing behind it
 *   /store    answers 202 once the journal has kept the body with as much more as `?bytes=` asks for, nothing between
 *   /alone    no HTTP at all: keeps records of `?bytes=` for `?seconds=`, `?waiting=` of them at a time, and tells how that went
 *   /journal  its commits and records so far
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import { openJournal } from '../../drivers/journal/journal.ts'
import { systemClock } from '../../kernel/clock.ts'
import { memoryLog } from '../../testing/memory-log.ts'

export interface Alone {
  readonly perSecond: number
  /** Processor microseconds for one record. */
  readonly cpuMicros: number
}

const [port, folder] = process.argv.slice(2)
await using journal = await openJournal({ folder: folder!, clock: systemClock, log: memoryLog() })
const queue = journal.queue('floor')
let ids = 0
/** As long as those of the server. */
const newId = (): string => String(ids++).padStart(36, '0')

async function alone(bytes: number, seconds: number, waiting: number): Promise<Alone> {
  const body = Buffer.alloc(bytes, 'x')
  let records = 0
  const began = performance.now()
  const cpu = process.cpuUsage()
  const lane = async (): Promise<void> => {
    while (performance.now() - began < seconds * 1000) {
      await queue.put(newId(), body)
      records++
    }
  }
  await Promise.all(Array.from({ length: waiting }, lane))
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (records / (performance.now() - began)) * 1000, cpuMicros: (user + system) / records }
}

let description = Buffer.alloc(0)

function onRequest(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', () => {
    const accepted = (): void => void response.writeHead(202, ['Content-Length', '0']).end()
    const url = request.url!
    if (url === '/accept') return accepted()
    if (url.startsWith('/store')) {
      const bytes = Number(url.slice(url.indexOf('=') + 1))
      if (description.length !== bytes) description = Buffer.alloc(bytes, 'x')
      queue.put(newId(), [description, ...chunks]).then(accepted, error => response.destroy(error))
      return
    }
    const { searchParams } = new URL(url, 'http://floor')
    const number = (name: string): number => Number(searchParams.get(name))
    const json = (value: object): void => void response.end(JSON.stringify(value))
    if (url.startsWith('/alone')) {
      alone(number('bytes'), number('seconds'), number('waiting')).then(json, error => response.destroy(error))
      return
    }
    const { groups: commits, records } = journal.stats()
    json({ commits, records })
  })
}

const server = http.createServer({ keepAliveTimeout: 600_000, noDelay: true }, onRequest)
server.listen(Number(port), '127.0.0.1')
await new Promise(resolve => process.once('SIGTERM', resolve))
server.closeAllConnections()
server.close()
