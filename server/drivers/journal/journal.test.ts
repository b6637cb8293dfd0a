import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../kernel/clock.ts'
import { type MemoryLog, memoryLog } from '../../testing/memory-log.ts'
import { type DiskFault, type DiskOperation, ScriptedDisk } from '../../testing/scripted-disk.ts'
import type { Journal, JournalQueue } from './contracts.ts'
import { type JournalOptions, openJournal } from './journal.ts'

const FOLDER = '/data'

interface Rig {
  readonly disk: ScriptedDisk
  readonly clock: ManualClock
  readonly log: MemoryLog
  open(options?: Partial<JournalOptions>): Promise<Journal>
}

function rig(): Rig {
  const disk = new ScriptedDisk()
  const clock = new ManualClock()
  const log = memoryLog()
  const open = (options: Partial<JournalOptions> = {}): Promise<Journal> =>
    openJournal({ folder: FOLDER, clock, log, disk: disk.process(), segmentBytes: 64 << 10, ...options })
  return { disk, clock, log, open }
}

const bytes = (text: string): Uint8Array => Buffer.from(text)

async function ids(queue: JournalQueue): Promise<string[]> {
  return (await queue.page(undefined, 1e6)).map(({ id }) => id)
}

async function take(queue: JournalQueue): Promise<string> {
  const lease = queue.lease()
  assert.ok(lease, `nothing waits in ${queue.name}`)
  const { id } = await lease.read()
  await lease.ack()
  return id
}

/** Resolves once the journal is idle: what it does beside the commits is done. */
async function settled(disk: ScriptedDisk): Promise<void> {
  for (let before = -1; before !== disk.operations;) {
    before = disk.operations
    for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
  }
}

function record(disk: ScriptedDisk): DiskOperation[] {
  const seen: DiskOperation[] = []
  disk.script = operation => void seen.push(operation)
  return seen
}

test('a segment is claimed with zeros and synced, name and all, before the first record goes in', async () => {
  const { disk, open } = rig()
  await using journal = await open()
  const seen = record(disk)
  await journal.queue('q').put('1', bytes('hello'))

  assert.deepEqual(
    seen.map(({ kind, path }) => `${kind} ${path}`),
    [
      'create /data/1.claim',
      'write /data/1.claim',
      'sync /data/1.claim',
      'rename /data/1.claim',
      'syncFolder /data',
      'rename /data/1.spare',
      'syncFolder /data',
      // The start of the segment, then the group.
      'write /data/1.claim',
      'syncData /data/1.claim',
      'write /data/1.claim',
      'syncData /data/1.claim',
    ],
  )
  assert.equal(seen[1]!.bytes, 64 << 10)
})

test('messages of one turn share one write and one sync, and none resolves before it', async () => {
  const { disk, open } = rig()
  await using journal = await open()
  const queue = journal.queue('q')
  await queue.put('0', bytes('opens the segment'))
  let synced = false
  const seen: string[] = []
  disk.script = ({ kind }) => {
    seen.push(kind)
    if (kind === 'syncData') synced = true
    return undefined
  }

  const puts = Array.from({ length: 50 }, (_, i) =>
    queue.put(`m${i}`, bytes('x')).then(() => assert.ok(synced, 'resolved before the sync')),
  )
  await Promise.all(puts)
  assert.deepEqual(seen, ['write', 'syncData'])
})

test('a message put while a sync is in flight goes with the next group', async () => {
  const { disk, open } = rig()
  await using journal = await open()
  const queue = journal.queue('q')
  await queue.put('0', bytes('opens the segment'))
  let late: Promise<void> | undefined
  const seen: string[] = []
  disk.script = ({ kind }) => {
    seen.push(kind)
    if (kind === 'syncData') late ??= queue.put('late', bytes('x'))
    return undefined
  }
  await queue.put('early', bytes('x'))
  await late
  assert.deepEqual(seen, ['write', 'syncData', 'write', 'syncData'])
  assert.deepEqual(await ids(queue), ['0', 'early', 'late'])
})

test('messages come out in order, one given back keeps its place, and a restart keeps both', async () => {
  const { open } = rig()
  {
    await using journal = await open()
    const queue = journal.queue('q')
    for (const id of ['1', '2', '3']) await queue.put(id, bytes(`body ${id}`))
    const first = queue.lease()!
    const second = queue.lease()!
    assert.equal(Buffer.from((await first.read()).body).toString(), 'body 1')
    assert.equal((await second.read()).id, '2')
    assert.deepEqual([queue.held, queue.waiting], [3, 1])
    first.release()
    assert.equal((await queue.lease()!.read()).id, '1')
    await second.ack()
  }
  await using journal = await open()
  assert.deepEqual(await ids(journal.queue('q')), ['1', '3'])
  assert.equal(journal.queue('q').waiting, 2, 'no loan outlives the process')
})

test('a body handed over in parts is stored as one', async () => {
  const { open } = rig()
  await using journal = await open()
  await journal.queue('q').put('1', [bytes('one '), bytes('two '), bytes('three')])
  assert.equal(Buffer.from((await journal.queue('q').lease()!.read()).body).toString(), 'one two three')
})

test('a loan that was given back can settle nothing any more, even if the message is on loan again', async () => {
  const { open } = rig()
  await using journal = await open()
  const queue = journal.queue('q')
  await queue.put('1', bytes('x'))
  const stale = queue.lease()!
  stale.release()
  const fresh = queue.lease()!

  await assert.rejects(stale.ack(), /given back/)
  await assert.rejects(stale.keep(bytes('x')), /given back/)
  stale.release()
  assert.equal(queue.waiting, 0, 'the second loan still holds')
  await fresh.ack()
  await assert.rejects(fresh.ack(), { code: 'MESSAGE_UNREADABLE' })
  assert.equal(queue.held, 0)
})

test('a note stays with its message through restarts, and the last one counts', async () => {
  const { open } = rig()
  {
    await using journal = await open()
    await journal.queue('q').put('1', bytes('x'))
    const lease = journal.queue('q').lease()!
    await lease.keep(bytes('first try'))
    await lease.keep(bytes('second try'))
    assert.equal(Buffer.from(lease.note!).toString(), 'second try')
  }
  await using journal = await open()
  assert.equal(Buffer.from(journal.queue('q').lease()!.note!).toString(), 'second try')
})

test('a listener hears of stored messages once per commit, and of one that was given back', async () => {
  const { open } = rig()
  await using journal = await open()
  const queue = journal.queue('q')
  let heard = 0
  const stop = queue.onWaiting(() => heard++)
  await Promise.all([queue.put('1', bytes('x')), queue.put('2', bytes('x'))])
  assert.equal(heard, 1)
  queue.lease()!.release()
  assert.equal(heard, 2)
  stop()
  await queue.put('3', bytes('x'))
  assert.equal(heard, 2)
})

test('a batch moves a message from one queue to another with one sync', async () => {
  const { disk, open } = rig()
  {
    await using journal = await open()
    const from = journal.queue('from')
    await from.put('1', bytes('body'))
    const lease = from.lease()!
    const seen = record(disk)
    await journal.commit(batch => {
      batch.put(journal.queue('to'), '1', bytes('body'))
      batch.remove(from, lease.slot)
      batch.set(journal.table('t'), 'moved', 1)
    })
    assert.deepEqual(
      seen.map(({ kind }) => kind),
      ['write', 'syncData'],
    )
  }
  await using journal = await open()
  assert.deepEqual([await ids(journal.queue('from')), await ids(journal.queue('to'))], [[], ['1']])
  assert.equal(journal.table('t').get('moved'), 1)
})

test('a batch whose maker throws, or that removes what is gone, changes nothing', async () => {
  const { open } = rig()
  await using journal = await open()
  const queue = journal.queue('q')
  await queue.put('1', bytes('x'))
  const lease = queue.lease()!
  assert.throws(
    () =>
      void journal.commit(batch => {
        batch.remove(queue, lease.slot)
        throw new Error('changed my mind')
      }),
    /changed my mind/,
  )
  await lease.ack()
  assert.throws(
    () =>
      void journal.commit(batch => {
        batch.put(journal.queue('to'), '1', bytes('x'))
        batch.remove(queue, lease.slot)
      }),
    { code: 'MESSAGE_UNREADABLE' },
  )
  assert.equal(journal.queue('to').held, 0)
})

test('messages are listed, found and removed by id, except those in flight', async () => {
  const { open } = rig()
  await using journal = await open()
  const queue = journal.queue('q')
  for (let i = 1; i <= 5; i++) await queue.put(`m${i}`, bytes(`${i}`))
  const lease = queue.lease()!

  const page = await queue.page('m1', 2)
  assert.deepEqual(
    page.map(({ id, inFlight }) => [id, inFlight]),
    [
      ['m2', false],
      ['m3', false],
    ],
  )
  assert.equal((await queue.find('m1'))?.inFlight, true)
  assert.equal(await queue.find('m9'), undefined)
  assert.equal(await queue.removeById('m1'), false)
  assert.equal(await queue.removeById('m3'), true)
  assert.equal(await queue.removeById('m3'), false)
  assert.equal(await queue.clear(), 3)
  assert.deepEqual(await ids(queue), ['m1'])
  lease.release()
  assert.equal(await queue.clear(), 1)
  assert.equal(queue.held, 0)
})

test('an id of any characters is found again', async () => {
  const { open } = rig()
  const strange = 'urn:uuid:ä€😀'
  {
    await using journal = await open()
    await journal.queue('q').put(strange, bytes('x'))
  }
  await using journal = await open()
  assert.equal((await journal.queue('q').find(strange))?.id, strange)
})

test('values and ledgers survive a restart, deleted ones stay deleted', async () => {
  const { clock, open } = rig()
  const at = clock.now()
  {
    await using journal = await open()
    const table = journal.table('t')
    await table.set('kept', { by: 'operator', list: [1, 2] })
    await table.set('gone', 1)
    await table.delete('gone')
    await journal.ledger('l').remember('1', { attempts: 2 }, at)
    await journal.ledger('l').done('2', at)
  }
  await using journal = await open()
  assert.deepEqual(journal.table('t').keys(), ['kept'])
  assert.deepEqual(journal.table('t').get('kept'), { by: 'operator', list: [1, 2] })
  const ledger = journal.ledger('l')
  assert.deepEqual([ledger.isDone('1'), ledger.isDone('2'), ledger.isDone('3')], [false, true, false])
  assert.deepEqual(ledger.get('1')?.note, { attempts: 2 })
  await ledger.done('1', at)
  assert.deepEqual([ledger.isDone('1'), ledger.get('1')?.note], [true, null])
})

test('a ledger forgets by count and by age, the oldest first', async () => {
  const { clock, open } = rig()
  await using journal = await open()
  const ledger = journal.ledger('l', { count: 3, ageMs: 1000 })
  for (let i = 1; i <= 4; i++) await ledger.done(`${i}`, clock.now())
  assert.deepEqual([ledger.size, ledger.isDone('1'), ledger.isDone('4')], [3, false, true])
  await clock.advance(1001)
  assert.equal(ledger.isDone('4'), false)
  await ledger.done('5', clock.now())
  assert.equal(ledger.size, 1)
})

test('a queue nobody deploys any more keeps its messages until it is dropped', async () => {
  const { open } = rig()
  {
    await using journal = await open()
    journal.queue('never used')
    await journal.queue('orders').put('1', bytes('x'))
  }
  {
    await using journal = await open()
    assert.deepEqual(journal.queueNames(), ['orders'])
    const lease = journal.queue('orders').lease()!
    assert.equal(await journal.drop('orders'), false, 'something is in flight')
    lease.release()
    assert.equal(await journal.drop('orders'), true)
    assert.deepEqual([journal.queueNames(), await journal.drop('orders')], [[], false])
  }
  {
    await using journal = await open()
    assert.deepEqual([journal.queueNames(), journal.queue('orders').held], [[], 0])
    await journal.queue('orders').put('2', bytes('x'))
  }
  await using journal = await open()
  assert.deepEqual(await ids(journal.queue('orders')), ['2'])
})

test('a message larger than a segment gets one of its own', async () => {
  const { open } = rig()
  const large = Buffer.alloc(300_000, 'large')
  {
    await using journal = await open()
    await journal.queue('q').put('small', bytes('x'))
    await journal.queue('q').put('large', large)
    await journal.queue('q').put('after', bytes('y'))
  }
  await using journal = await open()
  assert.deepEqual(await ids(journal.queue('q')), ['small', 'large', 'after'])
  assert.ok(large.equals((await (await journal.queue('q').find('large'))!.read()).body))
})

test('a full disk refuses messages, still drains to the last one, and takes messages again by itself', async () => {
  const { disk, clock, open } = rig()
  disk.capacity = 400_000
  const journal = await open()
  const queue = journal.queue('q')
  const states: string[] = []
  journal.onStatus(({ state }) => states.push(state))
  const stored: string[] = []
  const body = Buffer.alloc(700)
  for (let i = 0; ; i++) {
    try {
      await queue.put(`m${i}`, body)
      stored.push(`m${i}`)
    } catch (error) {
      assert.equal((error as { code: string }).code, 'DISK_FULL')
      break
    }
  }
  assert.ok(stored.length > 300, `${stored.length} stored`)
  assert.equal(journal.status.state, 'full')
  assert.ok(!disk.names.some(name => name.endsWith('.claim')), 'the failed claim left nothing')

  // Nobody moves the clock: what follows is the room that acknowledgements free.
  for (const id of stored) assert.equal(await take(queue), id)
  await settled(disk)
  assert.equal(journal.status.state, 'open')
  await queue.put('again', body)

  // Filled by somebody else, and freed by somebody else.
  disk.capacity = disk.used
  const refused = async (): Promise<boolean> =>
    queue.put('more', body).then(
      () => false,
      () => true,
    )
  while (!(await refused()));
  disk.capacity = 400_000
  assert.equal(await refused(), true, 'the disk is not asked for every message')
  await clock.advance(1000)
  assert.equal(journal.status.state, 'open')
  await queue.put('at last', body)
  assert.deepEqual([...new Set(states)], ['full', 'open'])
  await journal[Symbol.asyncDispose]()
  assert.equal(clock.armed, 0)
})

test('notes, values and acknowledgements go on while bodies of the same group are refused', async () => {
  const { disk, open } = rig()
  await using journal = await open()
  const queue = journal.queue('q')
  for (let i = 0; i < 60; i++) await queue.put(`m${i}`, Buffer.alloc(500))
  await settled(disk)
  disk.capacity = disk.used
  while (
    await queue.put('filler', Buffer.alloc(500)).then(
      () => true,
      () => false,
    )
  );

  const first = queue.lease()!
  const second = queue.lease()!
  const held = queue.held
  const group = [
    queue.put('no', Buffer.alloc(500)),
    first.ack(),
    second.keep(bytes('tried')),
    journal.table('t').set('k', 1),
  ]
  const outcomes = await Promise.allSettled(group)
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  )
  assert.equal(queue.held, held - 1)
})

test('after a failed sync the group is refused for good and the next one goes into a new segment', async () => {
  const { disk, open } = rig()
  const journal = await open()
  const queue = journal.queue('q')
  await queue.put('kept', bytes('x'))
  const lease = queue.lease()!
  let failures = 1
  disk.script = ({ kind }) => (kind === 'syncData' && failures-- > 0 ? 'EIO' : undefined)

  const refused = await Promise.allSettled([queue.put('refused', bytes('x')), lease.ack()])
  for (const outcome of refused) {
    assert.equal(outcome.status, 'rejected')
    const { code, ambiguous } = outcome.reason as { code: string; ambiguous: boolean }
    assert.deepEqual([code, ambiguous], ['JOURNAL_FAILED', false])
  }
  await queue.put('next', bytes('x'))
  assert.equal(journal.stats().segments, 2)
  lease.release()

  // The refused bytes reached the disk, as far as the page cache knows: they must not come back.
  disk.kill()
  await using reopened = await open()
  assert.deepEqual(await ids(reopened.queue('q')), ['kept', 'next'])
  assert.deepEqual(reopened.damage, [])
})

test('what a killed process left in the page cache after a failed sync is on the platter before it is shown again', async () => {
  const { disk, open } = rig()
  const journal = await open()
  await journal.queue('q').put('1', bytes('x'))
  // The sync fails, as everything after it does, so that no new segment can say that the group is void.
  let failing = false
  disk.script = ({ kind }) => {
    failing ||= kind === 'syncData'
    return failing ? 'EIO' : undefined
  }
  await assert.rejects(journal.queue('q').put('2', bytes('x')), { code: 'JOURNAL_FAILED', ambiguous: true })
  disk.script = undefined
  disk.kill()

  const second = await open()
  const shown = await ids(second.queue('q'))
  disk.restart()
  await using third = await open()
  assert.deepEqual(await ids(third.queue('q')), shown)
})

test('a disk that answers nothing any more is reported, refuses at once, and is asked again by the clock', async () => {
  const { disk, clock, open } = rig()
  await using journal = await open()
  const queue = journal.queue('q')
  await queue.put('1', bytes('x'))
  disk.script = (): DiskFault => 'EIO'
  await assert.rejects(queue.put('2', bytes('x')), { code: 'JOURNAL_FAILED', ambiguous: true })
  assert.equal(journal.status.state, 'failed')
  const asked = disk.operations
  await assert.rejects(queue.put('3', bytes('x')), { code: 'JOURNAL_FAILED' })
  assert.equal(disk.operations, asked)

  disk.script = undefined
  await clock.advance(1000)
  assert.equal(journal.status.state, 'open')
  await queue.put('4', bytes('x'))
  assert.deepEqual(await ids(queue), ['1', '4'])
})

test('one parked message and much traffic behind it leave the disk small, and the message whole', async () => {
  const { disk, open } = rig()
  const segmentBytes = 32 << 10
  {
    await using journal = await open({ segmentBytes })
    const queue = journal.queue('q')
    await queue.put('parked', Buffer.alloc(900, 'p'))
    const parked = queue.lease()!
    await parked.keep(bytes('tried 3 times'))
    await journal.table('t').set('state', 'inactive')
    let most = 0
    for (let i = 0; i < 1500; i++) {
      await queue.put(`m${i}`, Buffer.alloc(900))
      assert.equal(await take(queue), `m${i}`)
      most = Math.max(most, disk.used)
    }
    assert.ok(most < 8 * segmentBytes, `${most} bytes, ${(1500 * 900) / segmentBytes} segments of traffic`)
    assert.equal((await parked.read()).body.length, 900)
  }
  await using journal = await open({ segmentBytes })
  const [entry, ...rest] = await journal.queue('q').page(undefined, 10)
  assert.deepEqual([entry?.id, rest], ['parked', []])
  assert.equal(Buffer.from(entry!.note!).toString(), 'tried 3 times')
  assert.ok(Buffer.alloc(900, 'p').equals((await entry!.read()).body))
  assert.equal(journal.table('t').get('state'), 'inactive')
})

test('a journal opened from footers is the same as one opened by scanning', async () => {
  const { disk, open } = rig()
  const options = { segmentBytes: 8 << 10 }
  {
    await using journal = await open(options)
    const [a, b] = [journal.queue('a'), journal.queue('b')]
    for (let i = 0; i < 120; i++) {
      await (i % 3 === 0 ? b : a).put(`m${i}`, Buffer.alloc(i * 3, `${i}`))
      if (i % 4 === 1) await take(a)
      if (i % 10 === 0) await a.lease()?.keep(bytes(`note ${i}`))
      if (i % 7 === 0) await journal.table('t').set(`k${i % 5}`, i)
      if (i % 9 === 0) await journal.ledger('l').done(`d${i}`, i)
    }
    await b.removeById('m60')
    await settled(disk)
  }
  const contents = async (): Promise<unknown> => {
    const journal = await open(options)
    const queues = []
    for (const name of ['a', 'b']) {
      for (const entry of await journal.queue(name).page(undefined, 1e6)) {
        const { body } = await entry.read()
        queues.push([name, entry.id, entry.slot, entry.note && Buffer.from(entry.note).toString(), body.length])
      }
    }
    const { live, liveBytes, queues: counts } = journal.stats()
    const table = journal.table('t')
    const values = table.keys().map(key => [key, table.get(key)])
    const ledger = journal.ledger('l', { count: 1000, ageMs: Infinity })
    const result = { queues, live, liveBytes, counts, values: values.sort(), size: ledger.size, damage: journal.damage }
    await journal[Symbol.asyncDispose]()
    return result
  }
  const footers = disk.names.filter(name => name.endsWith('.footer'))
  assert.ok(footers.length > 2, 'there are footers')
  let scanned = 0
  disk.script = ({ kind, path }) => void (kind === 'read' && path.endsWith('.log') && scanned++)
  const fromFooters = await contents()
  const readsWithFooters = scanned
  for (const footer of disk.names.filter(name => name.endsWith('.footer'))) disk.damage(footer, all => all.subarray(1))
  scanned = 0
  assert.deepEqual(await contents(), fromFooters)
  assert.ok(scanned > readsWithFooters, 'damaged footers are not believed')
})

test('a closed journal takes nothing more, and closing writes what was taken', async () => {
  const { open } = rig()
  const journal = await open()
  const taken = journal.queue('q').put('1', bytes('x'))
  const closing = journal[Symbol.asyncDispose]()
  await assert.rejects(journal.queue('q').put('2', bytes('x')), { code: 'JOURNAL_CLOSED' })
  await Promise.all([taken, closing])
  assert.equal(journal.status.state, 'closed')
  await using reopened = await open()
  assert.deepEqual(await ids(reopened.queue('q')), ['1'])
})
