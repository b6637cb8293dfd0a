import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson, printJson } from './json-text.ts'
import { correctTypes } from './json-types.ts'

function corrected(json: string, schema: object): string {
  return printJson(correctTypes(parseJson(json), schema))
}

test('texts become what the schema wants, and numbers become texts', () => {
  const properties = {
    n: { type: 'number' },
    i: { type: 'integer' },
    b: { type: 'boolean' },
    s: { type: 'string' },
    z: { type: 'null' },
  }
  assert.equal(
    corrected('{"n":"1.50","i":"12345678901234567890","b":"true","s":7,"z":"","other":"1"}', {
      type: 'object',
      properties,
    }),
    '{"n":1.50,"i":12345678901234567890,"b":true,"s":"7","z":null,"other":"1"}',
  )
})

test('one value becomes an array of one, and nothing an empty array', () => {
  const list = { type: 'array', items: { type: 'number' } }
  const schema = { properties: { a: list, b: list, c: list } }
  assert.equal(corrected('{"a":"1","b":null,"c":["2",3]}', schema), '{"a":[1],"b":[],"c":[2,3]}')
})

test('what cannot be what the schema wants stays as it is', () => {
  const schema = { properties: { n: { type: 'number' }, b: { type: 'boolean' }, o: { type: 'object' } } }
  assert.equal(corrected('{"n":"many","b":"yes","o":"x"}', schema), '{"n":"many","b":"yes","o":"x"}')
})

test('of several types the one it has is kept, else the first one it can be', () => {
  const schema = {
    properties: {
      a: { type: ['null', 'number'] },
      b: { type: ['string', 'number'] },
      c: { type: ['boolean', 'array'] },
    },
  }
  assert.equal(corrected('{"a":"5","b":5,"c":"x"}', schema), '{"a":5,"b":5,"c":["x"]}')
})

test('references inside of the schema are followed, also those in a circle', () => {
  const schema = {
    definitions: {
      node: { properties: { id: { type: 'integer' }, next: { $ref: '#/definitions/node' } } },
      loop: { $ref: '#/definitions/loop' },
    },
    properties: {
      first: { $ref: '#/definitions/node' },
      x: { $ref: '#/definitions/loop' },
      y: { $ref: 'http://elsewhere' },
    },
  }
  assert.equal(
    corrected('{"first":{"id":"1","next":{"id":"2"}},"x":"1","y":"1"}', schema),
    '{"first":{"id":1,"next":{"id":2}},"x":"1","y":"1"}',
  )
})

test('allOf, items by place and additional properties count', () => {
  const schema = {
    allOf: [{ properties: { a: { type: 'number' } } }],
    properties: { t: { type: 'array', items: [{ type: 'number' }, { type: 'string' }] } },
    additionalProperties: { type: 'boolean' },
  }
  assert.equal(corrected('{"a":"1","t":["1",2],"z":"false"}', schema), '{"a":1,"t":[1,"2"],"z":false}')
})
