import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../kernel/clock.ts'
import { JournalModel, randomFrom } from '../../testing/journal-model.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { type DiskOperation, ScriptedDisk, type Survival } from '../../testing/scripted-disk.ts'
import type { Journal } from './contracts.ts'
import { openJournal } from './journal.ts'

const FOLDER = '/data'
const STEPS = 180

function open(disk: ScriptedDisk): Promise<Journal> {
  const clock = new ManualClock()
  return openJournal({
    folder: FOLDER,
    clock,
    log: memoryLog(),
    disk: disk.process(),
    segmentBytes: 8 << 10,
    reserveBytes: 1 << 10,
  })
}

/** Two lives of a journal: the second one begins with a clean close, or with whatever the crash left. */
async function live(disk: ScriptedDisk, model: JournalModel): Promise<void> {
  for (let life = 0; life < 2; life++) {
    const journal = await open(disk)
    await model.run(journal, STEPS)
    await journal[Symbol.asyncDispose]()
  }
}

/** Runs until the disk crashes before operation `at`, or to the end; returns the operation it died at. */
async function crashAt(disk: ScriptedDisk, model: JournalModel, at: number): Promise<DiskOperation | null> {
  let died: DiskOperation | null = null
  const crash = new Promise<void>(resolve => {
    disk.script = operation => {
      if (operation.index !== at) return undefined
      died = operation
      resolve()
      return 'crash'
    }
  })
  await Promise.race([crash, live(disk, model)])
  // What was on its way in this process runs out against a dead disk.
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
  disk.script = undefined
  return died
}

const survivals: readonly { name: string; of: (seed: number) => Survival | null }[] = [
  { name: 'only what was synced', of: () => () => false },
  { name: 'everything written', of: () => () => true },
  {
    name: 'random pages of what was written',
    of: seed => {
      const random = randomFrom(seed)
      return () => random() < 0.5
    },
  },
  { name: 'the machine, but not the process (kill -9)', of: () => null },
]

for (const [which, { name, of }] of survivals.entries()) {
  test(`after a crash at every disk operation, with ${name} left, nothing acknowledged is lost and nothing removed returns`, async () => {
    let crashes = 0
    const kinds = new Set<string>()
    // A prime step and a start of its own per pattern: together the patterns visit every operation.
    for (let at = 1 + which; ; at += survivals.length) {
      const disk = new ScriptedDisk()
      const model = new JournalModel(7)
      const died = await crashAt(disk, model, at)
      if (!died) break
      crashes++
      kinds.add(died.kind)
      const survival = of(at)
      if (survival) disk.restart(survival)
      else disk.kill()
      try {
        const second = await open(disk)
        await model.verify(second)
        await model.run(second, 12)
        await second[Symbol.asyncDispose]()
        await using third = await open(disk)
        await model.verify(third)
      } catch (error) {
        throw new Error(`crash at operation ${at} (${died.kind} ${died.path}): ${String((error as Error).stack)}`, {
          cause: error,
        })
      }
    }
    assert.ok(crashes > 100, `${crashes} crashes`)
    for (const kind of ['create', 'write', 'syncData', 'sync', 'rename', 'remove', 'syncFolder']) {
      assert.ok(kinds.has(kind), `no crash at ${kind}`)
    }
  })
}
