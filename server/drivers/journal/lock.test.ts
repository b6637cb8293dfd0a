import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { systemClock } from '../../kernel/clock.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { openJournal } from './journal.ts'
import { lockFolder } from './lock.ts'

let folder: string
let path: string

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'journal-lock-'))
  path = join(folder, 'lock')
})

afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

test('a folder in use is refused with the process that uses it and the way out', async () => {
  await using journal = await openJournal({ folder, clock: systemClock, log: memoryLog() })
  const second = openJournal({ folder, clock: systemClock, log: memoryLog() })
  await assert.rejects(second, { code: 'JOURNAL_LOCKED', message: new RegExp(`process ${process.pid}.*--home`) })
  await journal.queue('q').put('1', Buffer.from('x'))
})

test('a lock is gone after its owner closed, and not taken away by one who did not hold it', async () => {
  const lock = await lockFolder(folder)
  await assert.rejects(lockFolder(folder), { code: 'JOURNAL_LOCKED' })
  assert.ok(fs.existsSync(path))
  await lock[Symbol.asyncDispose]()
  assert.ok(!fs.existsSync(path))
})

test('the lock of a process that is gone is replaced', async () => {
  // Larger than any pid Linux gives out.
  fs.writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, boot: '', started: '' }))
  await using lock = await lockFolder(folder)
  assert.ok(lock)
  assert.equal(JSON.parse(fs.readFileSync(path, 'utf8')).pid, process.pid)
  assert.deepEqual(fs.readdirSync(folder), ['lock'])
})

const linux = fs.existsSync('/proc/self/stat')

test(
  'a pid that was given to another process since does not hold the lock',
  { skip: !linux && 'needs /proc' },
  async () => {
    fs.writeFileSync(path, JSON.stringify({ pid: process.ppid, boot: '', started: '1' }))
    await using lock = await lockFolder(folder)
    assert.ok(lock)
  },
)

test('a lock from before the last boot does not hold', { skip: !linux && 'needs /proc' }, async () => {
  fs.writeFileSync(path, JSON.stringify({ pid: process.ppid, boot: 'another boot', started: '' }))
  await using lock = await lockFolder(folder)
  assert.ok(lock)
})

test('a half-written lock is respected while it is fresh, and replaced when it is old', async () => {
  fs.writeFileSync(path, '')
  await assert.rejects(lockFolder(folder), { code: 'JOURNAL_LOCKED', message: /another process/ })
  const minutesAgo = new Date(systemClock.now() - 300_000)
  fs.utimesSync(path, minutesAgo, minutesAgo)
  await using lock = await lockFolder(folder)
  assert.ok(lock)
})
