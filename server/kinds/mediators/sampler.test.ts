import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../kernel/clock.ts'
import { PacedQueue } from '../../runtime/paced-queue.ts'
import {
  contextOf,
  deployed,
  diagnosticsOf,
  fakeServices,
  faultOf,
  mark,
  marks,
  mediate,
  SYNAPSE,
  type TestContext,
} from '../../testing/rig.ts'

const TWO_A_SECOND = `<sampler rate="2" unitTime="1000"><target><sequence>${mark('through')}<respond/></sequence></target></sampler>${mark('after')}`

test('so many go on in each unit of time, each answers its own caller, and the flow ends at the sampler', async () => {
  const clock = new ManualClock()
  const services = fakeServices({ clock })
  const callers: TestContext[] = []
  for (let i = 0; i < 5; i++) {
    const ctx = contextOf()
    callers.push(ctx)
    const { outcome } = await mediate(TWO_A_SECOND, ctx, services)
    assert.equal(outcome, 'done')
    assert.equal(ctx.exchange.expected, true)
  }
  const answered = (): number[] => callers.map(({ answers }) => answers.length)
  await clock.advance(0)
  assert.deepEqual(answered(), [1, 1, 0, 0, 0])
  await clock.advance(999)
  assert.deepEqual(answered(), [1, 1, 0, 0, 0])
  await clock.advance(1)
  assert.deepEqual(answered(), [1, 1, 1, 1, 0])
  await clock.advance(1000)
  assert.deepEqual(answered(), [1, 1, 1, 1, 1])
  assert.deepEqual(marks(callers[0]!), ['mark = through'])
  await clock.advance(1000)
  assert.equal(clock.armed, 0)
})

test('samplers of one id share their pace; a sequence, an endpoint or an address may be the target', async () => {
  const clock = new ManualClock()
  const services = fakeServices({ clock })
  const runtime = deployed(services, [
    `<sequence xmlns="${SYNAPSE}" name="work">${mark('work')}</sequence>`,
    `<endpoint xmlns="${SYNAPSE}" name="there"><address uri="http://there/"/></endpoint>`,
  ])
  const first = contextOf({ runtime })
  await mediate('<sampler id="one"><target sequence="work"/></sampler>', first, services)
  const second = contextOf({ runtime })
  await mediate('<sampler id="one"><target endpoint="there"/></sampler>', second, services)
  await clock.advance(0)
  assert.deepEqual([marks(first), services.sent.length], [['mark = work'], 0])
  await clock.advance(1000)
  assert.equal(services.sent[0]!.target.url, 'http://there/')
})

test('a reply ends at a sampler, with a warning', async () => {
  const ctx = contextOf({ isResponse: true })
  const { outcome } = await mediate(TWO_A_SECOND, ctx)
  assert.equal(outcome, 'done')
  assert.match(ctx.log.texts('warn').join(), /a sampler has met a reply/)
  assert.deepEqual(marks(ctx), [])
})

test('a fault of the target is a fault of its own message', async () => {
  const ctx = contextOf()
  await mediate('<sampler><target sequence="none"/></sampler>', ctx)
  await new Promise(setImmediate)
  assert.match(ctx.log.texts('error').join(), /Sequence named none cannot be found/)
})

test('what would grow without end is refused', async () => {
  const clock = new ManualClock()
  const queue = new PacedQueue(clock)
  const work = async (): Promise<void> => undefined
  const taken = Array.from({ length: 10_002 }, () => queue.add(work, 1, 1000))
  assert.deepEqual([taken.at(-2), taken.at(-1)], [true, false])

  const services = fakeServices({ clock })
  const sampler = '<sampler id="full"><target><sequence/></target></sampler>'
  for (let i = 0; i < 10_001; i++) await mediate(sampler, {}, services)
  const fault = await faultOf(mediate(sampler, {}, services))
  assert.match(fault.message, /too much waits for the sampler full already/)
})

test('a sampler needs a target, and a Java queue is said to be ignored', () => {
  const codes = (xml: string): string[] => diagnosticsOf(`<sequence name="s">${xml}</sequence>`).map(({ code }) => code)
  assert.deepEqual(codes('<sampler id="a" rate="1"/>'), ['missing'])
  assert.deepEqual(codes('<sampler rate="0"><target sequence="x"/></sampler>'), ['invalid-value'])
  assert.equal(codes('<sampler><messageQueue class="a.B"/><target sequence="x"/></sampler>').length, 1)
})
