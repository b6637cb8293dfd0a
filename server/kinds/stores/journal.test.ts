import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openJournal } from '../../drivers/journal/journal.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { Journal } from '../../drivers/journal/contracts.ts'
import type { MessageStore } from '../../kernel/contracts.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { storeContract } from '../../testing/store-contract.ts'
import { RigDisk, stored, StoreRig } from '../../testing/store-rig.ts'
import journalStore from './journal.ts'

const AT = { file: 'test.xml', line: 1, column: 1 }

/** A store over the real journal, in a folder of its own. */
async function onDisk() {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-store-'))
  const journals: Journal[] = []
  const openAgain = async (): Promise<MessageStore> => {
    const journal = await openJournal({ folder, clock: systemClock, log: memoryLog(), segmentBytes: 1 << 20 })
    journals.push(journal)
    const { services } = new StoreRig()
    return journalStore.create(
      {},
      {
        name: 'S',
        at: AT,
        owner: { role: 'message-store', name: 'S' },
        services: { ...services, journal, clock: systemClock },
        log: services.log,
        flow: () => assert.fail(),
        endpoint: () => assert.fail(),
        prepare: () => undefined,
        quarantine: () => assert.fail(),
      },
    )
  }
  const store = await openAgain()
  return {
    store,
    reopen: async () => {
      await journals.pop()![Symbol.asyncDispose]()
      return openAgain()
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      for (const journal of journals) await journal[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

storeContract('journal', onDisk)

async function deployed(disk = new RigDisk()) {
  const rig = new StoreRig({ disk })
  await rig.deploy('<messageStore name="S"/>')
  return { rig, store: rig.store('S') }
}

test('WF-2: a store without a class survives a kill', async () => {
  const first = await deployed()
  for (let n = 1; n <= 100; n++) await first.store.producer.put(stored(`<m${n}/>`))
  const { rig } = await deployed(first.rig.disk)
  await using _ = rig
  assert.deepEqual(
    await rig.waiting('S'),
    Array.from({ length: 100 }, (_value, n) => `<m${n + 1}/>`),
  )
})

test('a record that cannot be read goes to quarantine with the reason, and the next message flows', async () => {
  const { rig, store } = await deployed()
  await using _ = rig
  await rig.journal.queue('S').put('bad', Buffer.from([9, 9, 9, 9, 9, 9]))
  await store.producer.put(stored('<good/>'))
  await using consumer = await store.consumer()
  const delivery = await consumer.take(Infinity)
  assert.equal(Buffer.from(delivery!.message.body).toString(), '<good/>')
  assert.equal(rig.quarantined.length, 1)
  assert.equal(rig.quarantined[0]!.store, 'S')
  assert.match(rig.quarantined[0]!.reason, /version 9/)
  assert.equal(await store.depth(), 1)
})

test('a record that can neither be read nor set aside stays where it is', async () => {
  const { rig, store } = await deployed()
  await using _ = rig
  await rig.journal.queue('S').put('bad', Buffer.from([9, 9, 9, 9, 9, 9]))
  rig.failQuarantine = new Error('disk full')
  await using consumer = await store.consumer()
  await assert.rejects(consumer.take(0), /disk full/)
  assert.equal(await store.depth(), 1)
  rig.failQuarantine = null
  assert.equal(await consumer.take(0), null)
  assert.equal(await store.depth(), 0)
})

test('an unreadable record goes to the quarantine store the user named, as long as that takes it', async () => {
  const rig = new StoreRig()
  await using _ = rig
  await rig.deploy('<messageStore name="Q"/>')
  await rig.deploy(
    '<messageStore name="S"><parameter name="store.quarantine.message.store.name">Q</parameter></messageStore>',
  )
  await rig.journal.queue('S').put('bad', Buffer.from([9, 9, 9, 9, 9, 9]))
  await using consumer = await rig.store('S').consumer()
  assert.equal(await consumer.take(0), null)
  assert.equal(await rig.store('Q').depth(), 1)
  assert.equal(rig.quarantined.length, 0)
})

test('a move to another journal store is one commit, and ends the loan', async () => {
  const { rig, store } = await deployed()
  await using _ = rig
  await rig.deploy('<messageStore name="T"/>')
  await store.producer.put(stored('<a/>', {}, 'a'))
  await using consumer = await store.consumer()
  const delivery = await consumer.take(0)
  const commits = rig.journal.commits
  assert.equal(await delivery!.moveTo!(rig.store('T'), delivery!.message), true)
  assert.equal(rig.journal.commits, commits + 1)
  assert.deepEqual([await store.depth(), await rig.store('T').depth()], [0, 1])
  assert.equal((await rig.store('T').find('a'))!.message.id, 'a')
})

test('a move to a store of another kind is left to the caller', async () => {
  const { rig, store } = await deployed()
  await using _ = rig
  await rig.deploy('<messageStore name="T" class="org.apache.synapse.message.store.impl.memory.InMemoryStore"/>')
  await store.producer.put(stored('<a/>'))
  await using consumer = await store.consumer()
  const delivery = await consumer.take(0)
  assert.equal(await delivery!.moveTo!(rig.store('T'), delivery!.message), false)
  await delivery!.ack()
})
