/** What the journal does when nothing else does: commits of a given number of records. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '../../drivers/journal/journal.ts'
import { systemClock } from '../../kernel/clock.ts'
import { memoryLog } from '../../testing/memory-log.ts'

/** Records a second. */
export async function journalAlone(
  work: string,
  { bytes, group, seconds }: { readonly bytes: number; readonly group: number; readonly seconds: number },
): Promise<number> {
  const folder = mkdtempSync(join(work, 'journal-'))
  const body = Buffer.alloc(bytes, 'x')
  let records = 0
  let took = 0
  {
    await using journal = await openJournal({ folder, clock: systemClock, log: memoryLog() })
    const queue = journal.queue('alone')
    const began = performance.now()
    while (took < seconds * 1000) {
      const all: Promise<void>[] = []
      for (let i = 0; i < group; i++) all.push(queue.put(`0000-message-id-${records++}`, body))
      await Promise.all(all)
      took = performance.now() - began
    }
  }
  rmSync(folder, { recursive: true })
  return (records / took) * 1000
}
