import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contextOf, deployed, diagnosticsOf, fakeServices, faultOf, mark, marks, mediate } from '../../testing/rig.ts'

const services = fakeServices()
const runtime = deployed(services, [
  `<sequence name="audit">${mark('audited')}</sequence>`,
  '<sequence name="stop"><drop/></sequence>',
  '<sequence name="for-ever"><sequence key="for-ever"/></sequence>',
  `<sequence name="guarded" onError="handler"><sequence key="missing"/>${mark('never')}</sequence>`,
  `<sequence name="handler">${mark('handled')}</sequence>`,
])

test('the sequence of that name runs, then the flow goes on', async () => {
  const { ctx, outcome } = await mediate(`<sequence key="audit"/>${mark('after')}`, { runtime })
  assert.deepEqual([marks(ctx), outcome], [['mark = audited', 'mark = after'], 'next'])
})

test('a sequence that ends the flow ends the one that called it', async () => {
  const { ctx, outcome } = await mediate(`<sequence key="stop"/>${mark('after')}`, { runtime })
  assert.deepEqual([marks(ctx), outcome], [[], 'done'])
})

test('the name may be computed for each message', async () => {
  const xml = `<sequence key="{get-property('which')}"/>`
  assert.deepEqual(marks((await mediate(xml, { runtime, properties: { which: 'audit' } })).ctx), ['mark = audited'])
  const fault = await faultOf(mediate(xml, { runtime, properties: { which: 'nonsense' } }))
  assert.equal(fault.code, 'SEQUENCE_UNKNOWN')
})

test('a name that is not deployed is a fault with its place when the message gets there', async () => {
  const ctx = contextOf({ runtime })
  const fault = await faultOf(mediate(`${mark('before')}\n<sequence key="missing"/>`, ctx))
  assert.deepEqual(
    [fault.message, fault.at!.line, marks(ctx)],
    ['Sequence named missing cannot be found', 2, ['mark = before']],
  )
})

test('the handler named by onError takes the fault, and the flow ends', async () => {
  const { ctx, outcome } = await mediate(`<sequence key="guarded"/>${mark('after')}`, { runtime })
  assert.deepEqual([marks(ctx), outcome], [['mark = handled'], 'done'])
  assert.equal(ctx.properties.get('ERROR_MESSAGE'), 'Sequence named missing cannot be found')
})

test('a sequence that never ends is stopped with a fault', async () => {
  assert.equal((await faultOf(mediate('<sequence key="for-ever"/>', { runtime }))).code, 'TOO_DEEP')
})

test('a block with a name runs in place; neither name nor key, or both a key and mediators, is an error', async () => {
  assert.deepEqual(marks((await mediate(`<sequence name="block">${mark('inside')}</sequence>`)).ctx), ['mark = inside'])
  const codes = (xml: string): string[] => diagnosticsOf(`<sequence name="s">${xml}</sequence>`).map(({ code }) => code)
  assert.deepEqual(codes('<sequence><drop/></sequence>'), ['missing'])
  assert.deepEqual(codes('<sequence key="a"><drop/></sequence>'), ['one-too-many'])
})
