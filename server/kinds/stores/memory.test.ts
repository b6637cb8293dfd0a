import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storeContract } from '../../testing/store-contract.ts'
import { stored, StoreRig } from '../../testing/store-rig.ts'

const CLASS = 'org.apache.synapse.message.store.impl.memory.InMemoryStore'

async function open(limit = 100) {
  const rig = new StoreRig()
  await rig.deploy(
    `<messageStore name="S" class="${CLASS}"><parameter name="store.limit">${limit}</parameter></messageStore>`,
  )
  return { rig, store: rig.store('S'), [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() }
}

storeContract('memory', () => open())

test('a full store refuses the message and says it may be retried', async () => {
  await using opened = await open(1)
  const { store } = opened
  await store.producer.put(stored('<first/>'))
  await assert.rejects(store.producer.put(stored('<second/>')), { code: 'STORE_FULL', retryable: true })
  assert.equal(await store.depth(), 1)
})

test('a message being worked on still counts against the limit', async () => {
  await using opened = await open(1)
  const { store } = opened
  await using consumer = await store.consumer()
  await store.producer.put(stored('<first/>'))
  const delivery = await consumer.take(0)
  await assert.rejects(store.producer.put(stored('<second/>')), { code: 'STORE_FULL' })
  await delivery!.ack()
  await store.producer.put(stored('<second/>'))
})

test('a store that was full says so, and when there is room again', async () => {
  await using opened = await open(1)
  const { store } = opened
  let told = 0
  const forget = store.onReady(() => told++)
  await store.producer.put(stored('<first/>', {}, 'first'))
  await store.remove('first')
  assert.equal(told, 0, 'nobody was refused')
  await store.producer.put(stored('<first/>'))
  await assert.rejects(store.producer.put(stored('<second/>')), { code: 'STORE_FULL' })
  assert.equal(store.status.state, 'full')
  await using consumer = await store.consumer()
  await (await consumer.take(0))!.ack()
  assert.deepEqual([told, store.status.state], [1, 'ready'])
  forget()
})

test('both class names mean this store, and check says that it forgets', () => {
  const rig = new StoreRig()
  for (const name of [CLASS, 'org.apache.synapse.message.store.InMemoryMessageStore']) {
    const found = rig.check(`<messageStore name="S" class="${name}"/>`)
    assert.deepEqual(
      found.map(({ code, severity }) => [code, severity]),
      [['volatile-store', 'hint']],
    )
  }
})
