import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../kernel/clock.ts'
import { JournalModel, randomFrom } from '../../testing/journal-model.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { type DiskFault, type DiskOperation, ScriptedDisk } from '../../testing/scripted-disk.ts'
import type { Journal } from './contracts.ts'
import { openJournal } from './journal.ts'

const SEEDS = Number(process.env['JOURNAL_SEEDS'] ?? 150)
const FIRST = Number(process.env['JOURNAL_FIRST_SEED'] ?? 1)

/**
 * One seed: several lives of a journal on a disk that crashes, refuses, writes short, fills up and lies after a failed
 * sync, each decided by the seed. After every life the reopened journal is held to what the one before it answered.
 */
async function lives(seed: number): Promise<{ crashes: number; refused: number; faults: Set<string> }> {
  const random = randomFrom(seed)
  const pick = (limit: number): number => Math.floor(random() * limit)
  const disk = new ScriptedDisk()
  const model = new JournalModel(seed)
  const faults = new Set<string>()
  let crashes = 0
  for (let life = 0; life < 5; life++) {
    const clock = new ManualClock()
    const segmentBytes = 4096 << pick(3)
    const open = (): Promise<Journal> =>
      openJournal({
        folder: '/data',
        clock,
        log: memoryLog(),
        disk: disk.process(),
        segmentBytes,
        reserveBytes: 512 + pick(1024),
      })
    const journal = await open()
    await model.verify(journal)

    const crashIn = pick(3) === 0 ? Infinity : 1 + pick(300)
    const faultRate = pick(2) === 0 ? 0 : 0.03
    const start = disk.operations
    disk.capacity = pick(3) === 0 ? disk.used + pick(60_000) : Infinity
    let crashed = false
    const crash = new Promise<void>(resolve => {
      disk.script = ({ index, kind, bytes }: DiskOperation): DiskFault | undefined => {
        if (index - start >= crashIn) {
          crashed = true
          resolve()
          return 'crash'
        }
        // Reading is healthy in these lives, so that the model can tell what it reads.
        if (random() >= faultRate || kind === 'read' || kind === 'open' || kind === 'list') return undefined
        const fault = kind === 'write' && pick(2) === 0 ? pick(bytes) : pick(2) === 0 ? 'EIO' : 'ENOSPC'
        faults.add(typeof fault === 'number' ? 'short' : `${kind} ${fault}`)
        return fault
      }
    })
    const work = async (): Promise<void> => {
      for (let part = 0; part < 4; part++) {
        await model.run(journal, 25)
        await clock.advance(1000)
      }
      await journal[Symbol.asyncDispose]()
    }
    await Promise.race([crash, work()])
    for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
    disk.script = undefined
    disk.capacity = Infinity
    if (!crashed) continue
    crashes++
    if (pick(4) === 0) disk.kill()
    else disk.restart(() => random() < 0.5)
  }
  const last = await openJournal({ folder: '/data', clock: new ManualClock(), log: memoryLog(), disk: disk.process() })
  await model.verify(last)
  assert.equal(last.status.state, 'open')
  await last[Symbol.asyncDispose]()
  return { crashes, refused: model.refused, faults }
}

test('through seeded lives of crashes, refusals, short writes, full disks and lying syncs the journal keeps its word', async () => {
  let crashes = 0
  let refused = 0
  const faults = new Set<string>()
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    try {
      const met = await lives(seed)
      crashes += met.crashes
      refused += met.refused
      for (const fault of met.faults) faults.add(fault)
    } catch (error) {
      throw new Error(`seed ${seed}: ${String((error as Error).stack)}`, { cause: error })
    }
  }
  assert.ok(crashes > SEEDS, `${crashes} crashes`)
  assert.ok(refused > SEEDS, `${refused} refusals`)
  for (const fault of [
    'short',
    'write EIO',
    'syncData EIO',
    'sync ENOSPC',
    'create ENOSPC',
    'rename EIO',
    'syncFolder EIO',
  ]) {
    assert.ok(faults.has(fault), `${fault} never happened`)
  }
})
