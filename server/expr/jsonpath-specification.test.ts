/** The examples of RFC 9535, section 1.5 and the tables of section 2, each with the number of its section. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JsonPath } from './jsonpath.ts'

const store = {
  store: {
    book: [
      { category: 'reference', author: 'Nigel Rees', title: 'Sayings of the Century', price: 8.95 },
      { category: 'fiction', author: 'Evelyn Waugh', title: 'Sword of Honour', price: 12.99 },
      { category: 'fiction', author: 'Herman Melville', title: 'Moby Dick', isbn: '0-553-21311-3', price: 8.99 },
      {
        category: 'fiction',
        author: 'J. R. R. Tolkien',
        title: 'The Lord of the Rings',
        isbn: '0-395-19395-8',
        price: 22.99,
      },
    ],
    bicycle: { color: 'red', price: 399 },
  },
}
const books = store.store.book
const names = { o: { 'j j': { 'k.k': 3 } }, "'": { '@': 2 } }
const wildcard = { o: { j: 1, k: 2 }, a: [5, 3] }
const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const filters = {
  a: [3, 5, 1, 2, 4, 6, { b: 'j' }, { b: 'k' }, { b: {} }, { b: 'kilo' }],
  o: { p: 1, q: 2, r: 3, s: 5, t: { u: 6 } },
  e: 'f',
}
const descendants = { o: { j: 1, k: 2 }, a: [5, 3, [{ j: 4 }, { k: 6 }]] }
const nulls = { a: null, b: [null], c: [{}], null: 1 }

const examples: readonly (readonly [section: string, path: string, document: unknown, expected: readonly unknown[]])[] =
  [
    ['1.5', '$.store.book[*].author', store, books.map(book => book.author)],
    ['1.5', '$..author', store, books.map(book => book.author)],
    ['1.5', '$.store.*', store, [books, store.store.bicycle]],
    ['1.5', '$.store..price', store, [8.95, 12.99, 8.99, 22.99, 399]],
    ['1.5', '$.store.book[2]', store, [books[2]]],
    ['1.5', '$.store.book[-1]', store, [books[3]]],
    ['1.5', '$.store.book[0,1]', store, books.slice(0, 2)],
    ['1.5', '$.store.book[:2]', store, books.slice(0, 2)],
    ['1.5', '$.store.book[?@.isbn]', store, books.slice(2)],
    ['1.5', '$.store.book[?@.price<10]', store, [books[0], books[2]]],
    ['2.2', '$', { k: 'v' }, [{ k: 'v' }]],
    ['2.3.1', "$.o['j j']", names, [{ 'k.k': 3 }]],
    ['2.3.1', "$.o['j j']['k.k']", names, [3]],
    ['2.3.1', '$.o["j j"]["k.k"]', names, [3]],
    ['2.3.1', '$["\'"]["@"]', names, [2]],
    ['2.3.2', '$[*]', wildcard, [wildcard.o, wildcard.a]],
    ['2.3.2', '$.o[*]', wildcard, [1, 2]],
    ['2.3.2', '$.o[*, *]', wildcard, [1, 2, 1, 2]],
    ['2.3.2', '$.a[*]', wildcard, [5, 3]],
    ['2.3.3', '$[1]', ['a', 'b'], ['b']],
    ['2.3.3', '$[-2]', ['a', 'b'], ['a']],
    ['2.3.4', '$[1:3]', letters, ['b', 'c']],
    ['2.3.4', '$[5:]', letters, ['f', 'g']],
    ['2.3.4', '$[1:5:2]', letters, ['b', 'd']],
    ['2.3.4', '$[5:1:-2]', letters, ['f', 'd']],
    ['2.3.4', '$[::-1]', letters, [...letters].reverse()],
    ['2.3.5', "$.a[?@.b == 'kilo']", filters, [{ b: 'kilo' }]],
    ['2.3.5', "$.a[?(@.b == 'kilo')]", filters, [{ b: 'kilo' }]],
    ['2.3.5', '$.a[?@>3.5]', filters, [5, 4, 6]],
    ['2.3.5', '$.a[?@.b]', filters, [{ b: 'j' }, { b: 'k' }, { b: {} }, { b: 'kilo' }]],
    ['2.3.5', '$[?@.*]', filters, [filters.a, filters.o]],
    ['2.3.5', '$[?@[?@.b]]', filters, [filters.a]],
    ['2.3.5', '$.o[?@<3, ?@<3]', filters, [1, 2, 1, 2]],
    ['2.3.5', '$.a[?@<2 || @.b == "k"]', filters, [1, { b: 'k' }]],
    ['2.3.5', '$.a[?match(@.b, "[jk]")]', filters, [{ b: 'j' }, { b: 'k' }]],
    ['2.3.5', '$.a[?search(@.b, "[jk]")]', filters, [{ b: 'j' }, { b: 'k' }, { b: 'kilo' }]],
    ['2.3.5', '$.o[?@>1 && @<4]', filters, [2, 3]],
    ['2.3.5', '$.o[?@.u || @.x]', filters, [{ u: 6 }]],
    ['2.3.5', '$.a[?@.b == $.x]', filters, [3, 5, 1, 2, 4, 6]],
    ['2.3.5', '$.a[?@ == @]', filters, filters.a],
    ['2.5.1', '$[0, 3]', letters, ['a', 'd']],
    ['2.5.1', '$[0:2, 5]', letters, ['a', 'b', 'f']],
    ['2.5.1', '$[0, 0]', letters, ['a', 'a']],
    ['2.5.2', '$..j', descendants, [1, 4]],
    ['2.5.2', '$..[0]', descendants, [5, { j: 4 }]],
    ['2.5.2', '$..o', descendants, [{ j: 1, k: 2 }]],
    ['2.5.2', '$.a..[0, 1]', descendants, [5, 3, { j: 4 }, { k: 6 }]],
    ['2.6', '$.a', nulls, [null]],
    ['2.6', '$.a[0]', nulls, []],
    ['2.6', '$.a.d', nulls, []],
    ['2.6', '$.b[0]', nulls, [null]],
    ['2.6', '$.b[*]', nulls, [null]],
    ['2.6', '$.b[?@]', nulls, [null]],
    ['2.6', '$.b[?@==null]', nulls, [null]],
    ['2.6', '$.c[?@.d==null]', nulls, []],
    ['2.6', '$.null', nulls, [1]],
  ]

for (const [section, path, document, expected] of examples) {
  test(`${section}: ${path} selects ${JSON.stringify(expected).slice(0, 50)}`, () => {
    const found = new JsonPath(path).matches({ value: document as never }).map(match => match.value)
    assert.deepEqual(found, expected)
  })
}
