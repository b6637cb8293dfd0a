import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployed, diagnosticsOf, fakeServices, mark, marks, mediate, type Given } from '../../testing/rig.ts'

const runtime = deployed(fakeServices(), [
  `<sequence name="gold">${mark('gold')}</sequence>`,
  `<sequence name="any">${mark('any')}</sequence>`,
])
const route = (condition: string, target: string, attributes = ''): string =>
  `<conditionalRoute ${attributes}><condition>${condition}</condition><target sequence="${target}"/></conditionalRoute>`
const GOLD = '<equal type="header" source="X-Kind" value="gold"/>'
const ANY = '<match type="url" regex=".*"/>'

async function taken(routes: string, attributes: string, given: Given = {}): Promise<[string, readonly string[]]> {
  const xml = `<conditionalRouter ${attributes}>${routes}</conditionalRouter>${mark('after')}`
  const { ctx, outcome } = await mediate(xml, { runtime, to: 'http://x/', ...given })
  return [outcome, marks(ctx)]
}

test('the first route whose condition holds is taken, and the flow ends', async () => {
  const routes = route(GOLD, 'gold') + route(ANY, 'any')
  assert.deepEqual(await taken(routes, '', { headers: { 'X-Kind': 'gold' } }), ['done', ['mark = gold']])
  assert.deepEqual(await taken(routes, ''), ['done', ['mark = any']])
})

test('with breakRoute false further routes are looked at, with continueAfter the flow goes on', async () => {
  const routes = route(GOLD, 'gold', 'breakRoute="false"') + route(ANY, 'any')
  assert.deepEqual(await taken(routes, 'continueAfter="true"', { headers: { 'X-Kind': 'gold' } }), [
    'next',
    ['mark = gold', 'mark = any', 'mark = after'],
  ])
})

test('URL conditions look at the URL of the request', async () => {
  const routes = route('<equal type="param" source="k" value="v"/>', 'gold')
  assert.deepEqual(await taken(routes, '', { axis2: { TransportInURL: '/services/x?k=v' } }), ['done', ['mark = gold']])
})

test('a route needs a condition', () => {
  const xml = '<conditionalRouter><conditionalRoute><target sequence="a"/></conditionalRoute></conditionalRouter>'
  const errors = diagnosticsOf(`<sequence name="s">${xml}</sequence>`).filter(({ severity }) => severity === 'error')
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['missing'],
  )
})
