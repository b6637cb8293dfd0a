import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../kernel/clock.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { ScriptedDisk } from '../../testing/scripted-disk.ts'
import type { Journal } from './contracts.ts'
import { MAGIC } from './format.ts'
import { openJournal } from './journal.ts'

const FOLDER = '/data'
const FIRST = '/data/00000001.log'
const log = memoryLog()

const open = (disk: ScriptedDisk): Promise<Journal> =>
  openJournal({ folder: FOLDER, clock: new ManualClock(), log, disk: disk.process(), segmentBytes: 16 << 10 })

async function ids(journal: Journal): Promise<string[]> {
  return (await journal.queue('q').page(undefined, 1e6)).map(({ id }) => id)
}

/** Thirty messages over several segments, closed or killed. */
async function filled(end: 'closed' | 'killed'): Promise<ScriptedDisk> {
  const disk = new ScriptedDisk()
  const journal = await open(disk)
  for (let i = 0; i < 30; i++) await journal.queue('q').put(`m${i}`, Buffer.alloc(1500, `body of m${i} `))
  if (end === 'closed') await journal[Symbol.asyncDispose]()
  else disk.kill()
  return disk
}

function withoutFooters(disk: ScriptedDisk): void {
  for (const name of disk.names.filter(name => name.endsWith('.footer'))) disk.damage(name, () => Buffer.alloc(0))
}

const all = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `m${from + i}`)

test('a torn tail is cut without complaint, and nothing stale behind it comes back later', async () => {
  const disk = new ScriptedDisk()
  const body = Buffer.alloc(3000, 'x')
  {
    const journal = await open(disk)
    await journal.queue('q').put('kept', body)
    // A group of two: the first loses its pages in the crash, the second keeps them.
    disk.script = ({ kind }) => (kind === 'syncData' ? 'crash' : undefined)
    void journal.queue('q').put('torn', body)
    void journal.queue('q').put('stale', body)
    while (!disk.crashed) await new Promise(resolve => setImmediate(resolve))
    disk.script = undefined
    assert.ok(disk.contents(FIRST).includes('stale'))
    let piece = 0
    // The pages of the group, in order: its beginning is lost.
    disk.restart(() => piece++ > 0)
  }
  {
    await using journal = await open(disk)
    assert.deepEqual(await ids(journal), ['kept'])
    assert.deepEqual(journal.damage, [])
    // As long as the torn one, so that what follows it would fit exactly.
    await journal.queue('q').put('next', body)
  }
  withoutFooters(disk)
  await using journal = await open(disk)
  assert.deepEqual(await ids(journal), ['kept', 'next'])
  assert.ok(!disk.contents(FIRST).includes('stale'))
})

test('rot in the middle is reported with file, offset and id, and everything else is kept', async () => {
  const disk = await filled('closed')
  withoutFooters(disk)
  const at = disk.contents(FIRST).indexOf('body of m3 ')
  disk.damage(FIRST, bytes => void (bytes[at + 700] = 0))

  await using journal = await open(disk)
  assert.deepEqual(
    await ids(journal),
    all(0, 30).filter(id => id !== 'm3'),
  )
  assert.equal(journal.damage.length, 1)
  const [damage] = journal.damage
  assert.equal(damage!.file, FIRST)
  assert.ok(damage!.offset < at && damage!.offset + damage!.bytes > at)
  assert.match(damage!.what, /message m3/)
  assert.ok(log.texts('error').some(text => text.includes('JOURNAL_CORRUPT')))
})

test('rot in the last segment, before the last group, is reported and not taken for a torn tail', async () => {
  const disk = await filled('killed')
  const last = disk.names.filter(name => name.endsWith('.log')).at(-1)!
  const at = disk.contents(last).indexOf('body of m27 ')
  assert.ok(at > 0 && disk.contents(last).includes('body of m28 '), 'the last segment holds both')
  disk.damage(last, bytes => void bytes.fill(0xff, at - 40, at + 10))

  await using journal = await open(disk)
  assert.deepEqual(
    await ids(journal),
    all(0, 30).filter(id => id !== 'm27'),
  )
  assert.deepEqual(
    journal.damage.map(({ file }) => file),
    [last],
  )
  await journal.queue('q').put('goes on', Buffer.alloc(10))
})

test('rot found when a message is read is reported, the message can be listed and removed, the file is kept aside', async () => {
  const disk = await filled('closed')
  const at = disk.contents(FIRST).indexOf('body of m0 ')
  disk.damage(FIRST, bytes => void (bytes[at + 5] = 0))
  {
    await using journal = await open(disk)
    const queue = journal.queue('q')
    const lease = queue.lease()!
    await assert.rejects(async () => lease.read(), { code: 'JOURNAL_CORRUPT', message: /00000001\.log at byte \d+/ })
    lease.release()
    assert.equal(journal.damage.length, 1)
    const [first] = await queue.page(undefined, 1)
    assert.match(first!.id, /^unreadable-\d+$/)
    assert.equal(await queue.removeById(first!.id), true)
    while (queue.held > 0) await queue.lease()!.ack()
    await journal.table('t').set('wakes', 'upkeep')
    for (let turn = 0; turn < 200; turn++) await new Promise(resolve => setImmediate(resolve))
  }
  assert.ok(disk.names.includes(`${FIRST}.damaged`), disk.names.join(' '))
  assert.ok(!disk.names.includes(FIRST))
  await using journal = await open(disk)
  assert.match(journal.damage[0]!.what, /kept aside/)
})

test('a lost segment is named, and the others are kept', async () => {
  const disk = await filled('closed')
  const lost = '/data/00000002.log'
  assert.ok(disk.names.filter(name => name.endsWith('.log')).length > 2)
  await disk.process().remove(lost)
  await using journal = await open(disk)
  assert.deepEqual(
    journal.damage.map(({ file, what }) => [file, what.startsWith('segment 2 is missing')]),
    [[lost, true]],
  )
  const kept = await ids(journal)
  assert.ok(kept.includes('m0') && kept.includes('m29') && kept.length < 30)
})

test('a segment whose beginning has rotted keeps what is behind it', async () => {
  const disk = await filled('killed')
  disk.damage(FIRST, bytes => void bytes.fill(0xaa, 0, 60))
  withoutFooters(disk)
  await using journal = await open(disk)
  assert.deepEqual(await ids(journal), all(0, 30))
  assert.ok(journal.damage.length > 0)
})

test('a journal of a newer format is refused with the file and the way out', async () => {
  const disk = await filled('closed')
  disk.damage(FIRST, bytes => void bytes.writeUInt16LE(2, MAGIC.length))
  const opening = open(disk)
  await assert.rejects(opening, { code: 'JOURNAL_FORMAT', message: /00000001\.log has journal format 2.*--home/ })
  disk.damage(FIRST, bytes => void bytes.writeUInt16LE(1, MAGIC.length))
  // The refused attempt holds no lock.
  await using journal = await open(disk)
  assert.equal(journal.queue('q').held, 30)
})

test('a folder without rights is refused with what to do', async () => {
  const disk = new ScriptedDisk({ script: () => 'EACCES' })
  await assert.rejects(open(disk), {
    code: 'JOURNAL_ACCESS',
    message: /\/data cannot be used.*right to read and write/,
  })
})

test('random bytes in the journal are never taken for something and never stop it from opening', async () => {
  let state = 12345
  const random = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32
  for (let round = 0; round < 40; round++) {
    const disk = await filled(round % 2 === 0 ? 'closed' : 'killed')
    const files = disk.names.filter(name => !name.endsWith('.spare'))
    const file = files[Math.floor(random() * files.length)]!
    disk.damage(file, bytes => {
      for (let hits = 0; hits < 1 + random() * 20; hits++) bytes[Math.floor(random() * bytes.length)] = random() * 256
    })
    const journal = await open(disk).catch((error: unknown) => {
      assert.equal((error as { code?: string }).code, 'JOURNAL_FORMAT', String(error))
      return null
    })
    if (!journal) continue
    const found = new Set(await ids(journal))
    for (const id of found) assert.match(id, /^(m\d+|unreadable-\d+)$/)
    for (const entry of await journal.queue('q').page(undefined, 1e6)) {
      if (entry.id.startsWith('m'))
        assert.ok(Buffer.alloc(1500, `body of ${entry.id} `).equals((await entry.read()).body))
    }
    if (found.size < 30) assert.ok(journal.damage.length > 0, `round ${round}: ${30 - found.size} gone without a word`)
    await journal[Symbol.asyncDispose]()
  }
})
