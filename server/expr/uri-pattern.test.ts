import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUriPattern } from './uri-pattern.ts'

function match(template: string, url: string): Record<string, string> | null {
  const [path = '', query = ''] = url.split(/\?(.*)/s)
  const found = parseUriPattern(template).match(path, query)
  if (!found) return null
  const named: Record<string, string> = {}
  for (let at = 0; at < found.length; at += 2) named[found[at]!] = found[at + 1]!
  return named
}

test('a variable is one segment, not empty and without a slash', () => {
  assert.deepEqual(match('/orders/{id}', '/orders/7'), { id: '7' })
  assert.equal(match('/orders/{id}', '/orders/'), null)
  assert.equal(match('/orders/{id}', '/orders/7/lines'), null)
  assert.deepEqual(match('/orders/{id}/lines/{line}', '/orders/7/lines/2'), { id: '7', line: '2' })
})

test('a variable may share its segment with text', () => {
  assert.deepEqual(match('/{name}.{type}', '/a.b.json'), { name: 'a', type: 'b.json' })
  assert.deepEqual(match('/{name}.json', '/a.b.json'), { name: 'a.b' })
  assert.equal(match('/{name}.json', '/a.xml'), null)
})

test('{+variable} takes anything, slashes included', () => {
  assert.deepEqual(match('/files/{+path}', '/files/a/b/c'), { path: 'a/b/c' })
  assert.deepEqual(match('/{+path}/end', '/a/end/end'), { path: 'a/end' })
})

test('a star takes the rest, or nothing', () => {
  for (const url of ['/orders', '/orders/', '/orders/7/lines']) assert.deepEqual(match('/orders/*', url), {})
  assert.equal(match('/orders/*', '/ordersX'), null)
})

test('without a query part any query fits; with one it is compared as text, in order', () => {
  assert.deepEqual(match('/x', '/x?a=1'), {})
  assert.deepEqual(match('/x?a={a}&b={b}', '/x?a=1&b=2'), { a: '1', b: '2' })
  assert.equal(match('/x?a={a}', '/x?a=1&b=2'), null)
  assert.equal(match('/x?a={a}&b={b}', '/x?b=2&a=1'), null)
  assert.deepEqual(match('/x?*', '/x?b=2&a=1'), {})
  assert.deepEqual(match('/x?q={+q}', '/x?q=a%20b&more=1'), { q: 'a%20b&more=1' })
  assert.deepEqual(match('/x?q={q}', '/x?q='), { q: '' })
})

test('variables of {?a,b} may be there, in any order', () => {
  assert.deepEqual(match('/x{?a,b}', '/x?b=2&c=3'), { b: '2' })
  assert.deepEqual(match('/x{?a,b}', '/x'), {})
})

test('a template that cannot be understood says why', () => {
  assert.throws(() => parseUriPattern('/x/{a'), /not closed/)
  assert.throws(() => parseUriPattern('/x/{a b}'), /is not a variable/)
  assert.throws(() => parseUriPattern('/{a}{b}'), /nothing tells \{b\}/)
})

test('a long path that almost fits costs no more than reading it', () => {
  // A matcher that tries every way to share out the hyphens would not come back from this.
  const variables = Array.from({ length: 40 }, (_, index) => `{v${index}}`).join('-')
  assert.equal(match(`/${variables}`, `/${'-'.repeat(16_000)}/`), null)
})
