import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeStored } from '../../kernel/stored-message.ts'
import { stored, StoreRig } from '../../testing/store-rig.ts'

const CLASS = 'org.apache.synapse.message.processor.impl.sampler.SamplingProcessor'

function xml(parameters: Readonly<Record<string, string | number>> = {}, className = CLASS): string {
  const inside = Object.entries({ sequence: 'work', ...parameters }).map(
    ([name, value]) => `<parameter name="${name}">${value}</parameter>`,
  )
  return `<messageProcessor name="P" class="${className}" messageStore="S">${inside.join('')}</messageProcessor>`
}

async function rigWith(parameters: Readonly<Record<string, string | number>> = {}, className?: string) {
  const rig = new StoreRig()
  await rig.deploy('<messageStore name="S"/>')
  await rig.deploy(xml(parameters, className))
  const put = (text: string) => rig.store('S').producer.put(stored(text))
  return { rig, put, start: () => rig.processor('P').start() }
}

test('V12: with concurrency 3 seven messages are sampled three, three and one in consecutive intervals', async () => {
  const { rig, put, start } = await rigWith({ concurrency: 3, interval: 1000 })
  await using _ = rig
  const times: number[] = []
  rig.sequence('work', () => {
    times.push(rig.clock.monotonic())
    return 'next'
  })
  for (let n = 1; n <= 7; n++) await put(`<m${n}/>`)
  await start()
  await rig.clock.advance(5000)
  assert.deepEqual(times, [0, 0, 0, 1000, 1000, 1000, 2000])
  assert.equal(await rig.store('S').depth(), 0)
})

test('it never samples more often than once a second', async () => {
  const { rig, put, start } = await rigWith({ interval: 10 })
  await using _ = rig
  const times: number[] = []
  rig.sequence('work', () => {
    times.push(rig.clock.monotonic())
    return 'done'
  })
  await put('<a/>')
  await put('<b/>')
  await start()
  await rig.clock.advance(5000)
  assert.deepEqual(times, [0, 1000])
  assert.ok(rig.check(xml({ interval: 10 })).some(({ code }) => code === 'no-effect'))
})

test('a message leaves the store only when its sequence has ended', async () => {
  const { rig, put, start } = await rigWith()
  await using _ = rig
  let end: () => void = () => {}
  rig.sequence('work', () => new Promise(resolve => (end = () => resolve('next'))))
  await put('<order/>')
  await start()
  await rig.settle()
  assert.equal(await rig.store('S').depth(), 1)
  end()
  await rig.settle()
  assert.equal(await rig.store('S').depth(), 0)
})

test('a message the sequence fails on is set aside with the reason, once, and the next one is sampled', async () => {
  const { rig, put, start } = await rigWith()
  await using _ = rig
  const work = rig.sequence('work', ctx => {
    if (Buffer.from(ctx.message.body.raw!).toString() === '<bad/>') throw new Error('no such price')
    return 'next'
  })
  await put('<bad/>')
  await put('<good/>')
  await start()
  await rig.clock.advance(10_000)
  assert.deepEqual(work.runs, ['<bad/>', '<good/>'])
  assert.equal(rig.quarantined.length, 1)
  const { store, record, reason } = rig.quarantined[0]!
  assert.equal(store, 'S')
  assert.match(reason, /no such price/)
  assert.equal(Buffer.from(decodeStored(record).body).toString(), '<bad/>')
  assert.equal(await rig.store('S').depth(), 0)
  assert.equal(rig.processor('P').state.wanted, 'active')
})

test('a message that cannot be set aside stays, and its sequence is not run again', async () => {
  const { rig, put, start } = await rigWith()
  await using _ = rig
  const work = rig.sequence('work', () => {
    throw new Error('no such price')
  })
  rig.failQuarantine = new Error('disk full')
  await put('<bad/>')
  await start()
  await rig.clock.advance(30_000)
  assert.equal(work.runs.length, 1)
  assert.equal(await rig.store('S').depth(), 1)
  assert.match(rig.processor('P').state.reason!, /disk full/)
  rig.failQuarantine = null
  await rig.clock.advance(30_000)
  assert.equal(rig.quarantined.length, 1)
  assert.equal(await rig.store('S').depth(), 0)
})

test('messages wait for a sequence that is not deployed yet', async () => {
  const { rig, put, start } = await rigWith()
  await using _ = rig
  await put('<order/>')
  await start()
  await rig.clock.advance(60_000)
  assert.equal(await rig.store('S').depth(), 1)
  assert.equal(rig.processor('P').state.reason, 'sequence work is not deployed')
  const work = rig.sequence('work')
  await rig.settle()
  assert.deepEqual(work.runs, ['<order/>'])
})

test('the class name of older products means the same; a sequence is required', async () => {
  const { rig, put, start } = await rigWith({}, 'org.apache.synapse.message.processors.sampler.SamplingProcessor')
  await using _ = rig
  const work = rig.sequence('work')
  await put('<order/>')
  await start()
  await rig.settle()
  assert.equal(work.runs.length, 1)
  const without = `<messageProcessor name="P" class="${CLASS}" messageStore="S"/>`
  assert.ok(rig.check(without).some(({ code, severity }) => code === 'missing' && severity === 'error'))
})
