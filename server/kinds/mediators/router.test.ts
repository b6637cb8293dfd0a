import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mark, marks, mediate } from '../../testing/rig.ts'

const route = (attributes: string, name: string): string =>
  `<route ${attributes} xmlns:t="urn:test"><target><sequence>${mark(name)}</sequence></target></route>`

async function taken(routes: string, attributes = ''): Promise<[string, readonly string[]]> {
  const { ctx, outcome } = await mediate(`<router ${attributes}>${routes}</router>${mark('after')}`, { streamed: true })
  return [outcome, marks(ctx)]
}

test('the first route whose expression holds, or whose text matches as a whole, is taken, and the flow ends', async () => {
  const routes =
    route('expression="//t:none"', 'none') +
    route('expression="//t:id" match="1"', 'one') +
    route('expression="//t:id" match="7|8"', 'seven') +
    route('expression="//t:id"', 'late')
  assert.deepEqual(await taken(routes), ['done', ['mark = seven']])
})

test('with breakRouter false further routes are looked at, with continueAfter the flow goes on', async () => {
  const routes = route('expression="//t:id" breakRouter="false"', 'a') + route('expression="//t:id"', 'b')
  assert.deepEqual(await taken(routes, 'continueAfter="true"'), ['next', ['mark = a', 'mark = b', 'mark = after']])
})

test('what ends a target ends the flow', async () => {
  const dropping =
    '<route expression="true()" breakRouter="false"><target><sequence><drop/></sequence></target></route>'
  assert.deepEqual(await taken(dropping + route('expression="true()"', 'b'), 'continueAfter="true"'), ['done', []])
})
