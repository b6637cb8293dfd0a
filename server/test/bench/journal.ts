/**
 * What the journal gives beside what the bare disk gives with the same bytes per sync, in the same run:
 * `node --import tsx server/test/bench/journal.ts [backlog]`. Read the ratios; the absolute figures belong to the machine.
 */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { nodeDisk, writeAll } from '../../drivers/journal/disk.ts'
import { openJournal } from '../../drivers/journal/journal.ts'
import type { Journal, JournalQueue } from '../../drivers/journal/contracts.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/contracts.ts'

const BODY = 1024
const SECONDS = 2
const backlog = Number(process.argv[2] ?? 1_000_000)
const body = Buffer.alloc(BODY, 'x')
const out = (line: string): void => void process.stdout.write(`${line}\n`)

const quiet: Log = {
  debugOn: false,
  error: (text, fields) => out(`${text} ${JSON.stringify(fields)}`),
  warn: text => out(text),
  info() {},
  debug() {},
  child: () => quiet,
}

const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'journal-bench-'))
let folders = 0
const folder = (): string => path.join(temporary, String(++folders))
const open = (where: string): Promise<Journal> => openJournal({ folder: where, clock: systemClock, log: quiet })

/** Repeats `step`, which handles `size` records, for some seconds; records per second and processor µs per record. */
async function rate(size: number, step: () => Promise<unknown>): Promise<{ perSecond: number; cpu: number }> {
  for (let i = 0; i < 20; i++) await step()
  const began = performance.now()
  const cpu = process.cpuUsage()
  let records = 0
  while (performance.now() - began < SECONDS * 1000) {
    await step()
    records += size
  }
  const used = process.cpuUsage(cpu)
  return { perSecond: (records / (performance.now() - began)) * 1000, cpu: (used.user + used.system) / records }
}

/** One write and one fdatasync per group of the same size, in a file claimed before. */
async function bare(size: number): Promise<{ perSecond: number; cpu: number }> {
  const where = folder()
  await nodeDisk.makeFolder(where)
  const file = await nodeDisk.open(path.join(where, 'bare'), 'create')
  const room = 64 << 20
  const zeros = new Uint8Array(room)
  await writeAll(file, zeros, room, 0)
  await file.sync()
  const group = Buffer.alloc(size * (BODY + 60), 'y')
  let at = 0
  const result = await rate(size, async () => {
    if (at + group.length > room) at = 0
    await writeAll(file, group, group.length, at)
    await file.syncData()
    at += group.length
  })
  await file.close()
  return result
}

function puts(queue: JournalQueue, size: number): () => Promise<unknown> {
  let id = 0
  return () => {
    const all: Promise<void>[] = []
    for (let i = 0; i < size; i++) all.push(queue.put(`0000-message-id-${id++}`, body))
    return Promise.all(all)
  }
}

/** Takes, reads and acknowledges `size` messages, and puts as many, so that the backlog stays what it is. */
function cycle(queue: JournalQueue, size: number): () => Promise<unknown> {
  const put = puts(queue, size)
  return async () => {
    const all: Promise<unknown>[] = [put()]
    for (let i = 0; i < size; i++) {
      const lease = queue.lease()
      if (!lease) continue
      await lease.read()
      all.push(lease.ack())
    }
    await Promise.all(all)
  }
}

async function fill(journal: Journal, queue: JournalQueue, count: number): Promise<void> {
  const put = puts(queue, 512)
  while (queue.held < count) await put()
  out(`  ${queue.held} messages, ${(journal.stats().bytes / 2 ** 20).toFixed(0)} MB on disk, ${memory()}`)
}

function memory(): string {
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  const mb = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`
  return `resident ${mb(rss)}, heap ${mb(heapUsed)}, buffers ${mb(arrayBuffers)}`
}

async function opening(where: string): Promise<number> {
  const began = performance.now()
  const journal = await open(where)
  const took = performance.now() - began
  await journal[Symbol.asyncDispose]()
  return took
}

out(`put of ${BODY} B, records per second, ratio to the bare disk at the same group size`)
for (const size of [1, 32, 256]) {
  const ratios: number[] = []
  let line = ''
  for (let round = 0; round < 3; round++) {
    const raw = await bare(size)
    await using journal = await open(folder())
    const ours = await rate(size, puts(journal.queue('q'), size))
    ratios.push(ours.perSecond / raw.perSecond)
    line = `${ours.perSecond.toFixed(0)}/s (bare ${raw.perSecond.toFixed(0)}/s), ${ours.cpu.toFixed(1)} µs of processor (bare ${raw.cpu.toFixed(1)})`
  }
  out(`  ${size} in flight: ${ratios.sort((a, b) => a - b)[1]!.toFixed(2)}   last round ${line}`)
}

const empty = folder()
const full = folder()
out(`put + take + read + ack at a backlog of 0 and of ${backlog}`)
{
  await using journal = await open(empty)
  const none = await rate(32, cycle(journal.queue('q'), 32))
  await using large = await open(full)
  await fill(large, large.queue('q'), backlog)
  const many = await rate(32, cycle(large.queue('q'), 32))
  out(
    `  empty ${none.perSecond.toFixed(0)}/s ${none.cpu.toFixed(1)} µs, full ${many.perSecond.toFixed(0)}/s ${many.cpu.toFixed(1)} µs`,
  )
  out(
    `  cost at ${backlog}: ${(none.perSecond / many.perSecond).toFixed(2)}× time, ${(many.cpu / none.cpu).toFixed(2)}× processor`,
  )
}
out('open after a clean stop')
out(
  `  empty ${(await opening(folder())).toFixed(0)} ms, ${backlog} waiting ${(await opening(full)).toFixed(0)} ms, ${memory()}`,
)
fs.rmSync(temporary, { recursive: true })
