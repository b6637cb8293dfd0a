import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contextOf, diagnosticsOf, mark, marks, mediate } from '../../testing/rig.ts'

const XML = `<switch source="get-property('symbol')">
  <case regex="IBM|SUN">${mark('big')}</case>
  <case regex="I.*">${mark('other I')}</case>
  <default>${mark('rest')}</default>
</switch>`

async function taken(symbol: string, xml = XML): Promise<readonly string[]> {
  return marks((await mediate(xml, { properties: { symbol } })).ctx)
}

test('the first case that matches the whole text runs, and only that one', async () => {
  assert.deepEqual(await taken('IBM'), ['mark = big'])
  assert.deepEqual(await taken('INTC'), ['mark = other I'])
  assert.deepEqual(await taken('XIBM'), ['mark = rest'])
  assert.deepEqual(await taken(''), ['mark = rest'])
})

test('without a default nothing runs and the flow goes on', async () => {
  assert.deepEqual(
    await taken(
      'X',
      `<switch source="get-property('symbol')"><case regex="Y">${mark('y')}</case></switch>${mark('after')}`,
    ),
    ['mark = after'],
  )
})

test('what ends a case ends the flow', async () => {
  const xml = `<switch source="get-property('symbol')"><case regex="X"><drop/></case></switch>`
  assert.equal((await mediate(xml, { properties: { symbol: 'X' } })).outcome, 'done')
})

test('a source in the body is read from it, one in the headers leaves it alone', async () => {
  const xml = (source: string): string =>
    `<switch source="${source}" xmlns:t="urn:test"><case regex="7">${mark('seven')}</case></switch>`
  assert.deepEqual(marks((await mediate(xml('//t:id'), { streamed: true })).ctx), ['mark = seven'])
  const ctx = contextOf({ streamed: true, headers: { 'X-Id': '7' } })
  await mediate(xml('$trp:X-Id'), ctx)
  assert.deepEqual([marks(ctx), ctx.message.body.ready], [['mark = seven'], false])
})

test('a source is needed, and a case needs a regular expression that is one', () => {
  const codes = (xml: string): string[] => diagnosticsOf(`<sequence name="s">${xml}</sequence>`).map(({ code }) => code)
  assert.deepEqual(codes('<switch><case regex="a"/></switch>'), ['missing'])
  assert.deepEqual(codes('<switch source="//a"><case/></switch>'), ['missing'])
  assert.deepEqual(codes('<switch source="//a"><case regex="["/></switch>'), ['invalid-value'])
})
