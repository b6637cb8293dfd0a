/**
 * A process that is going to be killed: puts, leases and acknowledges without end, and says on standard output, in a
 * write that is over before the next step, what the journal answered. `node --import tsx journal-child.ts FOLDER FIRST`.
 */
import { writeSync } from 'node:fs'
import { openJournal } from '../drivers/journal/journal.ts'
import { systemClock } from '../kernel/clock.ts'
import { systemCode } from '../kernel/errors.ts'
import { memoryLog } from './memory-log.ts'

const [folder, first] = process.argv.slice(2)
const say = (line: string): void => {
  for (let left = Buffer.from(`${line}\n`); left.length > 0;) {
    try {
      left = left.subarray(writeSync(1, left))
    } catch (thrown) {
      // The parent reads more slowly than we write: the pipe is full.
      if (systemCode(thrown) !== 'EAGAIN') throw thrown
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}
const journal = await openJournal({ folder: folder!, clock: systemClock, log: memoryLog(), segmentBytes: 256 << 10 })
const queue = journal.queue('q')
say('ready')
for (let next = Number(first); ;) {
  const work: Promise<void>[] = []
  for (let i = 0; i < 16; i++) {
    const id = `m${next++}`
    work.push(queue.put(id, Buffer.alloc(600, id)).then(() => say(`put ${id}`)))
  }
  for (let i = 0; i < 12; i++) {
    const lease = queue.lease()
    if (!lease) break
    const { id } = await lease.read()
    say(`removing ${id}`)
    work.push(lease.ack().then(() => say(`removed ${id}`)))
  }
  await Promise.all(work)
}
