import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseXml } from './reader.ts'

test('names of the same length and hash stay what they are', () => {
  // 'Aa' and 'BB' have the same hash for every multiplier of 31.
  const { root } = parseXml('<r><Aa/><BB/><Aa BB="1" Aa="2"/></r>')
  assert.deepEqual(
    root.childElements.map(({ name }) => name),
    ['Aa', 'BB', 'Aa'],
  )
  assert.deepEqual(
    root.childElements[2]!.attributes.map(({ name, value }) => `${name}=${value}`),
    ['BB=1', 'Aa=2'],
  )
})

test('a prefix means what the document at hand says, whatever it meant in the one before', () => {
  const namespaceIn = (text: string): string => parseXml(text).root.firstElement!.uri
  assert.equal(namespaceIn('<r xmlns:p="urn:one"><p:x/></r>'), 'urn:one')
  assert.equal(namespaceIn('<r xmlns:p="urn:two"><p:x/></r>'), 'urn:two')
  assert.throws(() => parseXml('<r><p:x/></r>'), /the prefix p is not declared/)
  assert.equal(namespaceIn('<r xmlns:p="urn:one"><p:x/></r>'), 'urn:one')
})

test('a document that could not be read leaves nothing behind for the next', () => {
  assert.throws(() => parseXml('<r xmlns="urn:broken"><x></r>'))
  assert.equal(parseXml('<r><x/></r>').root.uri, '')
})

test('more names than are remembered, some of them names of object properties, are all read', () => {
  const names = ['__proto__', 'constructor', 'toString', ...Array.from({ length: 2_000 }, (_, number) => `n${number}`)]
  const { root } = parseXml(`<r>${names.map(name => `<${name}>${name}</${name}>`).join('')}</r>`)
  assert.deepEqual(
    root.childElements.map(({ local, text }) => [local, text]),
    names.map(name => [name, name]),
  )
})
