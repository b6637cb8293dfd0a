import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson } from '../codecs/json-text.ts'
import { JsonPathSyntaxError } from './jayway.ts'
import { JsonPath } from './jsonpath.ts'
import { Work } from './xpath/work.ts'

const document = {
  store: {
    book: [
      { category: 'reference', author: 'Nigel Rees', title: 'Sayings', price: 8.95, tags: ['a', 'b'] },
      { category: 'fiction', author: 'Evelyn Waugh', title: 'Sword', price: 12.99 },
      { category: 'fiction', author: 'Melville', title: 'Moby', isbn: '0-553', price: 8.99 },
    ],
    bicycle: { color: 'red', price: 19.95 },
  },
  expensive: 10,
  'odd key': 1,
  'a-b': 2,
  '1a': 3,
  list: [3, 1, 2],
  none: null,
}

const values = (path: string): unknown[] => new JsonPath(path).matches({ value: document }).map(match => match.value)
const titles = (path: string): unknown[] => values(path).map(value => (value as { title: string }).title)
const tail = (path: string): unknown => {
  const compiled = new JsonPath(path)
  return compiled.applyTail(compiled.matches({ value: document }))
}

for (const [path, expected] of [
  ['$.store.book[0].title', ['Sayings']],
  ["$['store']['book'][0]['title']", ['Sayings']],
  ['$.store.book[-1].title', ['Moby']],
  ['$.store.book[(@.length-1)].title', ['Moby']],
  ['$.store.book[*].author', ['Nigel Rees', 'Evelyn Waugh', 'Melville']],
  ['$..author', ['Nigel Rees', 'Evelyn Waugh', 'Melville']],
  ['$.store.bicycle.*', ['red', 19.95]],
  ["$.store.bicycle['color','price']", ['red', 19.95]],
  ['$.list[:2]', [3, 1]],
  ['$.list[1:3]', [1, 2]],
  ['$.list[-2:]', [1, 2]],
  ['$.list[0,2]', [3, 2]],
  ['$.odd key', [1]],
  ['$.a-b', [2]],
  ['$.1a', [3]],
  ["$['odd key']", [1]],
  ['expensive', [10]],
  ['$.none', [null]],
  ['$.missing', []],
  ['$.missing.deeper', []],
  ['$.list.0', []],
  ['$.store[0]', []],
  ['$.constructor', []],
  ['$.list.length', []],
  ['$..price', [8.95, 12.99, 8.99, 19.95]],
  ['$', [document]],
] as const) {
  test(`${path} selects ${JSON.stringify(expected).slice(0, 60)}`, () => {
    assert.deepEqual(values(path), expected)
  })
}

for (const [path, expected] of [
  ['$..book[2]', ['Moby']],
  ['$..book[-1:]', ['Moby']],
  ['$..book[?(@.isbn)]', ['Moby']],
  ['$.store.book[?(!@.isbn)]', ['Sayings', 'Sword']],
  ['$..book[?(@.price < 10)]', ['Sayings', 'Moby']],
  ['$..book[?@.price < 10]', ['Sayings', 'Moby']],
  ["$..book[?(@.category=='fiction' && @.price < 10)]", ['Moby']],
  ['$..book[?(@.price <= $.expensive)]', ['Sayings', 'Moby']],
  ['$..book[?(@.author =~ /.*REES/i)]', ['Sayings']],
  ['$..book[?(@.author =~ /Rees/)]', []],
  ['$..book[?(@.author =~ /(?i)melv[a-z]+/ || @.price > 12)]', ['Sword', 'Moby']],
  ["$..book[?(@.category in ['fiction', 'other'])]", ['Sword', 'Moby']],
  ["$..book[?(@.category nin ['fiction'])]", ['Sayings']],
  ["$..book[?('b' in @.tags)]", ['Sayings']],
  ["$..book[?(@['author'] in ['Melville'] && @.price < 10)]", ['Moby']],
  ['$..book[?(@.author.length() > 10)]', ['Sword']],
  ['$.store.book[?(@.author.length > 8)]', []],
  ["$..book[?(@.title == 'in [x] =~ /y/')]", []],
] as const) {
  test(`${path} selects the books ${expected.join(', ') || 'none'}`, () => {
    assert.deepEqual(titles(path), expected)
  })
}

for (const [path, expected] of [
  ['$.store.book.length()', 3],
  ['$.list.size()', 3],
  ['$.odd key.length()', undefined],
  ['$.store.bicycle.color.length()', 3],
  ['$.list.max()', 3],
  ['$.list.min()', 1],
  ['$.list.sum()', 6],
  ['$.list.avg()', 2],
  ['$.list.first()', 3],
  ['$.list.last()', 2],
  ['$..price.max()', 19.95],
  ['$.store.keys()', ['book', 'bicycle']],
  ['$.missing.length()', undefined],
  ['$.store.book.sum()', undefined],
] as const) {
  test(`${path} gives ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(tail(path), expected)
  })
}

test('a match knows its place, so that it can be replaced', () => {
  const root = { value: { a: [{ b: 1 }, { b: 2 }] } as unknown }
  for (const path of ['$.a[1].b', '$..b']) {
    const match = new JsonPath(path).matches(root).at(-1)!
    ;(match.holder as Record<string, unknown>)[match.key] = `new ${path}`
  }
  const whole = new JsonPath('$').matches(root)[0]!
  assert.deepEqual(whole, { value: { a: [{ b: 1 }, { b: 'new $..b' }] }, holder: root, key: 'value' })
})

test('only paths that can select one value are definite', () => {
  for (const path of ['$', '$.a.b[0]', "$['a']", '$[-1]']) assert.equal(new JsonPath(path).definite, true, path)
  for (const path of ['$..a', '$.*', '$[*]', '$[0,1]', '$[1:]', '$[?(@.a)]', "$['a','b']"]) {
    assert.equal(new JsonPath(path).definite, false, path)
  }
})

for (const [path, reason] of [
  ['$.a[', /no \]/],
  ['$.', /name is expected/],
  ['$a', /dot or \[ is expected/],
  ["$['a", /no end/],
  ['$.a.median()', /median\(\) is not known/],
  ['$[?(@.a =~ /(/)]', /regular expression/i],
  ['$[?(@.a ==)]', /not a JSONPath/],
  ['$[?(=~ /a/)]', /expected before the operator/],
] as const) {
  test(`${path} is refused when it is compiled`, () => {
    assert.throws(
      () => new JsonPath(path),
      (error: unknown) => error instanceof JsonPathSyntaxError && reason.test(error.message),
    )
  })
}

const CHAIN = JSON.parse(
  '{"a":'.repeat(400) + '["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"]' + '}'.repeat(400),
) as object

for (const path of [
  '$..*..*..*',
  '$..[?$..[?@..x]]',
  '$..[?search(@, "(a+)+b")]',
  '$..[?(@ =~ /(a+)+b/)]',
  `$${'[*,*]'.repeat(30)}`,
  `$..${'[?@,?@,*]'.repeat(30)}`,
]) {
  test(`${path} cannot stall the server`, () => {
    const code = { code: 'EXPRESSION_FAILED', message: /given up after/ }
    assert.throws(() => new JsonPath(path).matches({ value: CHAIN }), code)
    assert.equal(new JsonPath(path).matches({ value: { a: 1 } }).length, 0)
  })
}

test('values compared in a filter are counted by their size', () => {
  const big = (): unknown[] => Array.from({ length: 1000 }, (_, a) => ({ a }))
  const path = new JsonPath('$.list[?@ == $.big]')
  assert.equal(path.matches({ value: { big: big(), list: [big(), [1]] } }).length, 1)
  const long = { big: big(), list: Array.from({ length: 10 }, big) }
  const work = new Work(5000)
  assert.throws(() => path.matches({ value: long }, work), { code: 'EXPRESSION_FAILED', message: /after .* 5000/ })
})

test('a deep document costs no more than a flat one to look through; what stands within one another is counted whole', () => {
  const deep = JSON.parse(`${'['.repeat(900)}${'0,'.repeat(10_000)}1${']'.repeat(900)}`) as unknown
  assert.equal(new JsonPath('$[?count(@..*) == 10899]').matches({ value: deep }, new Work(100_000)).length, 1)
  assert.throws(() => new JsonPath('$..*').matches({ value: deep }), { code: 'EXPRESSION_FAILED' })
  assert.equal(new JsonPath('$..a').matches({ value: deep }, new Work(30_000)).length, 0)
})

test('numbers of more digits than a number has are numbers in filters', () => {
  const value = parseJson('{"list": [{"id": 12345678901234567890}, {"id": 5}]}').value
  assert.equal(new JsonPath('$.list[?@.id > 10]').matches({ value }).length, 1)
  assert.equal(new JsonPath('$.list[?(@.id =~ /1234.*/)]').matches({ value }).length, 1)
  assert.equal(new JsonPath('$..*').matches({ value }).length, 5)
})
