import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contextOf, type Given } from '../testing/rig.ts'
import { requestHash, type HashRules } from './request-hash.ts'

const ALL: HashRules = { address: true, headers: name => name !== 'content-type' }

function hash(given: Given, rules: HashRules = ALL): string {
  return requestHash(contextOf(given).message, rules)
}

function same(one: Given, other: Given, rules?: HashRules): boolean {
  return hash(one, rules) === hash(other, rules)
}

test('XML counts by names, attributes in any order and texts, however it is written', () => {
  const xml = (body: string): Given => ({ body })
  assert.ok(same(xml('<a x="1" y="2"><b>c</b></a>'), xml('<a y="2" x="1">\n  <b>c</b><!-- so -->\n</a>')))
  assert.ok(same(xml('<p:a xmlns:p="urn:a"/>'), xml('<a xmlns="urn:a"/>')))
  for (const other of ['<a x="1"><b>c</b></a>', '<a x="1" y="2"><b>d</b></a>', '<a x="1" y="2"><b/>c</a>']) {
    assert.ok(!same(xml('<a x="1" y="2"><b>c</b></a>'), xml(other)), other)
  }
})

test('JSON counts without its white space, other bodies byte for byte', () => {
  const json = (body: string): Given => ({ body, contentType: 'application/json' })
  assert.ok(same(json('{"a": [1, 2]}'), json('{"a":[1,2]}')))
  assert.ok(!same(json('{"a":[1,2]}'), json('{"a":[2,1]}')))
  const text = (body: string): Given => ({ body, contentType: 'text/plain' })
  assert.ok(!same(text('a b'), text('a  b')))
  assert.ok(same(text('a b'), text('a b')))
})

test('address, method and the headers that count tell requests apart; the body of a GET does not', () => {
  assert.ok(!same({ to: '/a' }, { to: '/b' }))
  assert.ok(!same({ method: 'PUT' }, { method: 'POST' }))
  assert.ok(!same({ headers: { Accept: 'a' } }, { headers: { Accept: 'b' } }))
  assert.ok(same({ headers: { A: '1', B: '2' } }, { headers: { b: '2', a: '1' } }))
  assert.ok(same({ headers: { Date: '1', 'User-Agent': '2' } }, {}))
  assert.ok(same({ method: 'GET', body: '<a/>' }, { method: 'GET', body: '<b/>' }))
  assert.ok(
    same({ to: '/a', headers: { X: '1' } }, { to: '/b', method: 'PUT' }, { address: false, headers: () => false }),
  )
})
