import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MessageStore } from '../../kernel/contracts.ts'
import { diagnosticsOf, fakeServices, memoryRegistry, openStore, placesOf, stored } from '../../testing/rig.ts'

const MEMORY = 'class="org.apache.synapse.message.store.impl.memory.InMemoryStore"'
const parameters = (given: Record<string, string>): string =>
  Object.entries(given)
    .map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
    .join('')
const GUARANTEED = 'store.producer.guaranteed.delivery.enable'
const FAILOVER = 'store.failover.message.store.name'

async function held(store: MessageStore): Promise<string[]> {
  const texts: string[] = []
  for await (const { message } of store.browse()) texts.push(Buffer.from(message.body).toString())
  return texts
}

test('without a class it is the journal, which keeps messages over a restart (P2)', async () => {
  const services = fakeServices()
  const before = openStore('<messageStore name="m"/>', services)
  assert.deepEqual([before.type, before.traits.durable], ['journal-message-store', true])
  await before.producer.put(stored('<a/>'))
  await before[Symbol.asyncDispose]()
  assert.deepEqual(await held(openStore('<messageStore name="m"/>', services)), ['<a/>'])
})

test('the class written out stays in memory', () => {
  assert.equal(openStore(`<messageStore name="m" ${MEMORY}/>`).traits.durable, false)
})

test('the failover store counts only with guaranteed delivery on', () => {
  const failover = (given: Record<string, string>): string | undefined =>
    openStore(`<messageStore name="m">${parameters(given)}</messageStore>`).failover
  assert.equal(failover({ [GUARANTEED]: 'true', [FAILOVER]: 'f' }), 'f')
  assert.equal(failover({ [FAILOVER]: 'f' }), undefined)
})

test('a failover that is named and off, or on and not named, is said', () => {
  const said = (given: Record<string, string>): string[] =>
    diagnosticsOf(`<messageStore name="m">${parameters(given)}</messageStore>`).map(
      ({ severity, code }) => `${severity} ${code}`,
    )
  assert.deepEqual(said({ [FAILOVER]: 'f' }), ['warning failover-off'])
  assert.deepEqual(said({ [GUARANTEED]: 'true' }), ['hint failover-missing'])
  assert.deepEqual(said({ [GUARANTEED]: 'true', [FAILOVER]: 'f' }), [])
})

test('storing is tried again as often as written, with pauses that grow', async () => {
  const services = fakeServices()
  const store = openStore(
    `<messageStore name="m" ${MEMORY}>${parameters({ 'store.limit': '1', 'store.producer.retry.count': '2', 'store.producer.retry.interval': '100' })}</messageStore>`,
    services,
  )
  await store.producer.put(stored('<first/>'))
  const second = store.producer.put(stored('<second/>'))
  const refused = assert.rejects(second, { code: 'STORE_FULL' })
  await services.clock.advance(100)
  assert.equal(services.clock.armed, 1, 'it waits for its second pause')
  await services.clock.advance(200)
  await refused
  const third = store.producer.put(stored('<third/>'))
  await store.clear()
  await services.clock.advance(100)
  await third
  assert.deepEqual(await held(store), ['<third/>'])
})

test('a store that does not confirm in time is a failure that may have happened all the same (P3)', async () => {
  const services = fakeServices()
  const store = openStore('<messageStore name="m"/>', services)
  services.journal.stall = new Promise(() => {})
  const refused = assert.rejects(store.producer.put(stored('<a/>')), { code: 'STORE_UNAVAILABLE', ambiguous: true })
  await services.clock.advance(10_500)
  await refused
})

test('what cannot be read goes to the store named for it, else where the server keeps such things', async () => {
  const kept: string[] = []
  const quarantine = async (store: string): Promise<void> => void kept.push(store)
  const aside = openStore(`<messageStore name="aside" ${MEMORY}/>`)
  for (const [parameter, things] of [
    ['', {}],
    ['<parameter name="store.quarantine.message.store.name">aside</parameter>', { aside }],
  ] as const) {
    const services = fakeServices({ quarantine, registry: () => memoryRegistry({ 'message-store': things }) })
    await services.journal.queue('m').put('id', Buffer.from('rubbish'))
    const store = openStore(`<messageStore name="m">${parameter}</messageStore>`, services)
    await using consumer = await store.consumer()
    assert.equal(await consumer.take(0), null)
  }
  assert.deepEqual(kept, ['m'])
  assert.deepEqual(await held(aside), ['rubbish'])
})

test('a parameter no store of this kind has is a hint at its place', () => {
  const places = placesOf('<messageStore name="m">\n<parameter name="store.jdbc.table">t</parameter></messageStore>')
  assert.deepEqual(places, ['2:36 no-effect'])
})
