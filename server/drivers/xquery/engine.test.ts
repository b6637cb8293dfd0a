import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../kernel/clock.ts'
import type { PlainElement, Query, QueryVariable } from './contracts.ts'
import { QueryEngine } from './engine.ts'

const element = (local: string, ...children: PlainElement['children']): PlainElement => ({
  local,
  prefix: '',
  uri: '',
  attributes: [['a', '', '', '1']],
  children,
})

function query(text: string, variables: readonly QueryVariable[] = []): Query {
  return { text, context: element('order', element('id', '7'), 'text'), variables }
}

test('a query sees the element as the root of a document, and makes nodes', async () => {
  await using engine = new QueryEngine(systemClock)
  assert.deepEqual(await engine.run(query('<made x="{/order/@a}">{string(/order/id)}<!-- c --></made>')), {
    node: {
      local: 'made',
      prefix: '',
      uri: '',
      attributes: [['x', '', '', '1']],
      children: ['7', { comment: ' c ' }],
    },
  })
  assert.deepEqual(await engine.run(query('for $i in 3 to 5 order by $i descending return $i')), { atomic: '5' })
  assert.equal(await engine.run(query('()')), null)
})

test('variables come typed, and XML as a document or an element', async () => {
  await using engine = new QueryEngine(systemClock)
  const variables: QueryVariable[] = [
    { name: 'n', value: { type: 'xs:integer', value: 4 } },
    { name: 's', value: { type: 'xs:string', value: 'x' } },
    { name: 'd', value: { type: 'document', element: element('doc') } },
    { name: 'e', value: { type: 'element', element: element('el') } },
  ]
  const text = `declare variable $n as xs:integer external; declare variable $s as xs:string external;
    declare variable $d as document-node() external; declare variable $e as element() external;
    concat($n idiv 3, $s, name($d/*), name($e))`
  assert.deepEqual(await engine.run(query(text, variables)), { atomic: '1xdocel' })
})

test('what is wrong with a query is told, and the next one works', async () => {
  await using engine = new QueryEngine(systemClock)
  await assert.rejects(engine.run(query('1 +')), { code: 'TRANSFORM_FAILED', message: /XPST0003|parse/i })
  await assert.rejects(engine.run(query('nothing()')), { code: 'TRANSFORM_FAILED', message: /XPST0017/ })
  assert.deepEqual(await engine.run(query('1 + 1')), { atomic: '2' })
})

for (const [what, text] of [
  ['an endless recursion', 'declare function local:f($x) { local:f($x + 1) + 1 }; local:f(1)'],
  ['a long count', 'count(for $a in 1 to 100000, $b in 1 to 100000 where $a * $b = -1 return 1)'],
  [
    'a sequence without end',
    'string-join(for $a in 1 to 100000000 return "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" || $a)',
  ],
] as const) {
  test(`${what} ends with its thread, the server goes on meanwhile, and so do the queries after it`, async () => {
    await using engine = new QueryEngine(systemClock, { time: 1000, memory: 48 })
    let turns = 0
    const counting = setInterval(() => turns++, 5)
    const stuck = assert.rejects(engine.run(query(text)), {
      code: 'TRANSFORM_FAILED',
      message: /given up after 1000 ms|more than 48 MiB|call stack|recursion/i,
    })
    const after = engine.run(query('2 + 2'))
    await stuck
    clearInterval(counting)
    assert.deepEqual(await after, { atomic: '4' })
    assert.ok(turns > 0)
  })
}
