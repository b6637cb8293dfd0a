import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeText, encodeText } from './charset.ts'

test('what is encoded in a charset reads the same again', () => {
  const texts: [text: string, charset: string][] = [
    ['Grüße € 名 😀', 'UTF-8'],
    ['Grüße € 名 😀', 'UTF-16LE'],
    ['Grüße € 名 😀', 'UTF-16BE'],
    ['Grüße € 名 😀', 'UTF-16'],
    ['Grüße', 'ISO-8859-1'],
    ['Gr“ü”ße €', 'windows-1252'],
    ['Привет', 'windows-1251'],
    ['Grüße €', 'ISO-8859-15'],
    ['plain', 'US-ASCII'],
  ]
  for (const [text, charset] of texts) {
    const bytes = encodeText(text, charset)
    assert.ok(bytes, charset)
    assert.equal(decodeText(bytes, charset), text, charset)
  }
})

test('a charset without a place for a character, or that we cannot write, is not used', () => {
  assert.equal(encodeText('ü', 'US-ASCII'), undefined)
  assert.equal(encodeText('€', 'ISO-8859-1'), undefined)
  assert.equal(encodeText('名', 'windows-1252'), undefined)
  assert.equal(encodeText('a', 'Shift_JIS'), undefined)
  assert.equal(encodeText('a', 'klingon'), undefined)
})
