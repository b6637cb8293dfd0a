import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromModified, toModified } from './modified-utf8.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('text without NUL and without characters beyond U+FFFF is the same bytes, not even copied', () => {
  const text = Buffer.from('<order>Grüße €</order>')
  assert.equal(toModified(text), text)
  assert.equal(fromModified(text), text)
})

test('NUL takes two bytes and an emoji its two surrogates, as Java writes them', () => {
  assert.equal(hex(toModified(Buffer.from('a\0b'))), '61c08062')
  assert.equal(hex(toModified(Buffer.from('🚀'))), 'eda0bdedba80')
})

test('what Java wrote comes back as UTF-8', () => {
  for (const text of ['', '\0', 'a\0b🚀c', '𐀀', '\u{10FFFF}', '퟿\u{E000}']) {
    const utf8 = Buffer.from(text)
    assert.equal(Buffer.from(fromModified(toModified(utf8))).toString(), text)
  }
})

test('half of a surrogate pair becomes the replacement character instead of broken UTF-8', () => {
  const alone = Buffer.from('61eda0bd62', 'hex')
  assert.equal(Buffer.from(fromModified(alone)).toString(), 'a\uFFFDb')
  const lastIsHigh = Buffer.from('eda0bdeda0bd', 'hex')
  assert.equal(Buffer.from(fromModified(lastIsHigh)).toString(), '\uFFFD\uFFFD')
})
