import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toObject } from './mapping.ts'

test('an artifact list becomes an object, with one child an array as well', () => {
  const xml =
    '<artifacts><artifact name="a" version="1.0.0"><dependency artifact="b" version="007"/><file>x &amp; y</file></artifact></artifacts>'
  assert.deepEqual(toObject(Buffer.from(xml)), {
    artifacts: [
      {
        artifact: [
          { dependency: [{ '@artifact': 'b', '@version': '007' }], file: ['x & y'], '@name': 'a', '@version': '1.0.0' },
        ],
      },
    ],
  })
})

test('what the mapping parser alone would accept is refused', () => {
  for (const xml of ['<a><b></a></b>', '<a/><b/>', '<a', '<a>&x;</a>', '<!DOCTYPE a><a/>']) {
    assert.throws(() => toObject(Buffer.from(xml)), { name: 'XmlError' }, xml)
  }
})

test('a name that would reach an object prototype is refused', () => {
  assert.throws(() => toObject(Buffer.from('<__proto__><a/></__proto__>')), { code: 'XML_MALFORMED' })
})
