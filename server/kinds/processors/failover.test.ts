import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MessageStore, StoredMessage } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { fakeStore } from '../../testing/fake-registry.ts'
import { stored, StoreRig } from '../../testing/store-rig.ts'

const CLASS = 'org.apache.synapse.message.processor.impl.failover.FailoverScheduledMessageForwardingProcessor'

function xml(parameters: Readonly<Record<string, string | number>> = {}, target: string | null = 'T'): string {
  const all = { ...(target !== null && { 'message.target.store.name': target }), ...parameters }
  const inside = Object.entries(all).map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
  return `<messageProcessor name="P" class="${CLASS}" messageStore="S">${inside.join('')}</messageProcessor>`
}

/** A broker's queue as a store sees it: away or there, telling when it comes back. */
function brokerStore(name: string) {
  const held: StoredMessage[] = []
  const puts: { id: string; at: number }[] = []
  const listeners = new Set<() => void>()
  let away: IntegrationError | null = null
  const store: MessageStore = fakeStore(name, {
    type: 'jms-message-store',
    traits: { durable: true, ordered: true, browsable: true, sharedBetweenNodes: true },
    producer: {
      async put(message) {
        puts.push({ id: message.id, at: rigOf?.clock.monotonic() ?? 0 })
        if (away) throw away
        held.push(message)
      },
    },
    onReady: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  })
  let rigOf: StoreRig | undefined
  return {
    store,
    held,
    puts,
    in: (rig: StoreRig) => (rigOf = rig),
    goAway: () => (away = new IntegrationError('STORE_UNAVAILABLE', 'the broker is away')),
    comeBack(tell = true) {
      away = null
      if (tell) for (const listener of listeners) listener()
    },
  }
}

async function rigWith(parameters: Readonly<Record<string, string | number>> = {}) {
  const rig = new StoreRig()
  const target = brokerStore('T')
  target.in(rig)
  rig.addStore(target.store)
  await rig.deploy('<messageStore name="S"/>')
  await rig.deploy(xml(parameters))
  const put = (text: string, id?: string) => rig.store('S').producer.put(stored(text, {}, id))
  return { rig, target, put, start: () => rig.processor('P').start() }
}

const bodies = (held: readonly StoredMessage[]): string[] => held.map(({ body }) => Buffer.from(body).toString())

test('V13, WF-7: a target that is away for three tries gets one copy of each message, in order', async () => {
  const { rig, target, put, start } = await rigWith({
    'client.retry.interval': 60_000,
    'max.delivery.attempts': 1000,
    interval: 1000,
  })
  await using _ = rig
  target.goAway()
  await start()
  for (let n = 1; n <= 3; n++) await put(`<m${n}/>`, `m${n}`)
  await rig.clock.advance(125_000)
  assert.equal(target.puts.length, 3)
  target.comeBack(false)
  await rig.clock.advance(60_000)

  assert.deepEqual(bodies(target.held), ['<m1/>', '<m2/>', '<m3/>'])
  assert.deepEqual(
    target.held.map(({ id }) => id),
    ['m1', 'm2', 'm3'],
  )
  assert.equal(await rig.store('S').depth(), 0)
})

test('a target that can be reached again wakes the processor at once instead of after a minute', async () => {
  const { rig, target, put, start } = await rigWith({ 'client.retry.interval': 60_000 })
  await using _ = rig
  target.goAway()
  await start()
  await put('<order/>')
  await rig.clock.advance(5000)
  assert.equal(target.puts.length, 1)
  const { observed, nextTry, attempts, reason } = rig.processor('P').state
  assert.deepEqual({ observed, attempts, reason }, { observed: 'waiting', attempts: 1, reason: 'the broker is away' })
  assert.equal(nextTry, rig.clock.now() + 55_000)
  target.comeBack()
  await rig.settle()
  assert.deepEqual(bodies(target.held), ['<order/>'])
})

test('V14: a target that is not deployed is tried, with the fault sequence for each try, until the attempts are used up', async () => {
  const rig = new StoreRig()
  await using _ = rig
  await rig.deploy('<messageStore name="S"/>')
  await rig.deploy(xml({ 'max.delivery.attempts': 3, 'message.processor.fault.sequence': 'oops' }, 'Tpyo'))
  const fault = rig.sequence('oops')
  await rig.store('S').producer.put(stored('<order/>'))
  await rig.processor('P').start()
  await rig.clock.advance(10_000)
  assert.equal(fault.runs.length, 3)
  const { wanted, attempts } = rig.processor('P').state
  assert.deepEqual({ wanted, attempts }, { wanted: 'inactive', attempts: 3 })
  assert.equal(await rig.store('S').depth(), 1)
})

test('a target that is deployed later is used the moment it arrives', async () => {
  const rig = new StoreRig()
  await using _ = rig
  await rig.deploy('<messageStore name="S"/>')
  await rig.deploy(xml({ 'client.retry.interval': 60_000 }))
  await rig.store('S').producer.put(stored('<order/>'))
  await rig.processor('P').start()
  await rig.settle()
  await rig.deploy('<messageStore name="T"/>')
  await rig.settle()
  assert.deepEqual(await rig.waiting('T'), ['<order/>'])
})

test('V18 with our result: a missing target is an error at deployment, and so is the own store', () => {
  const rig = new StoreRig()
  const missing = rig.check(xml({}, null)).find(({ severity }) => severity === 'error')!
  assert.match(missing.message, /needs parameter "message.target.store.name"/)
  assert.equal(missing.at.line, 1)
  const circle = rig.check(xml({}, 'S')).find(({ severity }) => severity === 'error')!
  assert.equal(circle.code, 'store-circle')
})

test('P5: between two journal stores the move is one commit, so a crash leaves the message in exactly one', async () => {
  const rig = new StoreRig()
  await using _ = rig
  await rig.deploy('<messageStore name="S"/>')
  await rig.deploy('<messageStore name="T"/>')
  await rig.deploy(xml({ interval: 0 }))
  for (let n = 1; n <= 3; n++) await rig.store('S').producer.put(stored(`<m${n}/>`))
  const commits = rig.journal.commits
  await rig.processor('P').start()
  await rig.settle()
  assert.equal(rig.journal.commits, commits + 3)
  assert.deepEqual(await rig.waiting('T'), ['<m1/>', '<m2/>', '<m3/>'])
})

test('P5: a move repeated after a crash finds the message in the target already', async () => {
  const MEMORY = 'class="org.apache.synapse.message.store.impl.memory.InMemoryStore"'
  const rig = new StoreRig()
  await using _ = rig
  await rig.deploy(`<messageStore name="S" ${MEMORY}/>`)
  await rig.deploy(`<messageStore name="T" ${MEMORY}/>`)
  await rig.deploy(xml())
  await rig.store('T').producer.put(stored('<order/>', {}, 'a'))
  await rig.store('S').producer.put(stored('<order/>', {}, 'a'))
  await rig.processor('P').start()
  await rig.settle()
  assert.equal(await rig.store('T').depth(), 1)
  assert.equal(await rig.store('S').depth(), 0)
})

test('attempts used up: the deactivate sequence runs first, then the processor deactivates itself', async () => {
  const { rig, target, put, start } = await rigWith({
    'max.delivery.attempts': 2,
    'message.processor.deactivate.sequence': 'bye',
  })
  await using _ = rig
  let wanted = ''
  const bye = rig.sequence('bye', () => {
    wanted = rig.processor('P').state.wanted
    return 'next'
  })
  target.goAway()
  await start()
  await put('<order/>')
  await rig.clock.advance(5000)
  assert.deepEqual(bye.runs, ['<order/>'])
  assert.equal(wanted, 'active')
  assert.equal(rig.processor('P').state.wanted, 'inactive')
  assert.equal(await rig.store('S').depth(), 1)
  assert.ok(
    rig.log
      .texts('error')
      .includes(
        'Message store messageSender of message processor [P] failed to send message to the target message store',
      ),
  )
})

test('attempts used up with drop enabled: the message goes, the processor stays', async () => {
  const { rig, target, put, start } = await rigWith({ 'max.delivery.attempts': 1, 'max.delivery.drop': 'Enabled' })
  await using _ = rig
  target.goAway()
  await start()
  await put('<order/>')
  await rig.clock.advance(5000)
  assert.equal(await rig.store('S').depth(), 0)
  assert.equal(rig.processor('P').state.wanted, 'active')
  assert.ok(rig.log.texts('info').includes('Removed failed message and continue the message processor [P]'))
})

test('without a limit it tries for ever', async () => {
  const { rig, target, put, start } = await rigWith()
  await using _ = rig
  target.goAway()
  await start()
  await put('<order/>')
  await rig.clock.advance(100_000)
  assert.ok(target.puts.length >= 100)
  assert.equal(rig.processor('P').state.wanted, 'active')
})

test('a deactivation during a move is not undone by its success', async () => {
  const { rig, target, put, start } = await rigWith({ interval: 0 })
  await using _ = rig
  const { put: plain } = target.store.producer
  target.store.producer.put = async message => {
    await rig.clock.sleep(1000)
    return plain(message)
  }
  await start()
  await put('<one/>')
  await put('<two/>')
  await rig.settle()
  const stopping = rig.processor('P').deactivate({ by: 'operator:admin' }, 'pause')
  await rig.clock.advance(10_000)
  await stopping
  assert.deepEqual(bodies(target.held), ['<one/>'])
  assert.deepEqual(await rig.waiting('S'), ['<two/>'])
  const { wanted, observed } = rig.processor('P').state
  assert.deepEqual({ wanted, observed }, { wanted: 'inactive', observed: 'stopped' })
})
