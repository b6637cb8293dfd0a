import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../kernel/clock.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { openJournal } from './journal.ts'

const CHILD = fileURLToPath(new URL('../../testing/journal-child.ts', import.meta.url))

test('kill -9 under load loses nothing that was acknowledged and brings back nothing that was removed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'journal-kill-'))
  const put = new Set<string>()
  const removing = new Set<string>()
  const removed = new Set<string>()
  try {
    for (let round = 0; round < 5; round++) {
      const first = round * 1_000_000
      const args = ['--import', 'tsx', CHILD, join(folder, 'data'), String(first)]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const killAt = 200 + Math.floor(Math.random() * 3000)
      let lines = 0
      for await (const line of createInterface({ input: child.stdout })) {
        const [what, id] = line.split(' ')
        if (what === 'put') put.add(id!)
        else if (what === 'removing') removing.add(id!)
        else if (what === 'removed') removed.add(id!)
        if (++lines === killAt) child.kill('SIGKILL')
      }
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      assert.equal(child.signalCode, 'SIGKILL', `the child ended by itself after ${lines} lines`)

      // The child's lock is stale: its process is gone.
      await using journal = await openJournal({ folder: join(folder, 'data'), clock: systemClock, log: memoryLog() })
      assert.deepEqual(journal.damage, [])
      const held = new Set<string>()
      for (const entry of await journal.queue('q').page(undefined, 1e6)) {
        assert.ok(!held.has(entry.id), `${entry.id} is there twice`)
        held.add(entry.id)
        const { body } = await entry.read()
        assert.ok(Buffer.alloc(600, entry.id).equals(body), `${entry.id} has other bytes`)
      }
      const lost = [...put].filter(id => !held.has(id) && !removing.has(id))
      const back = [...removed].filter(id => held.has(id))
      assert.deepEqual({ lost, back }, { lost: [], back: [] }, `round ${round}, killed at line ${killAt}`)
      // What the kill left in doubt is decided now.
      for (const id of removing) if (!held.has(id)) removed.add(id)
      for (const id of held) removing.delete(id)
    }
    assert.ok(put.size > 500 && removed.size > 200, `${put.size} put, ${removed.size} removed`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
