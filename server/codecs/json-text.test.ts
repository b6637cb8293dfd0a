import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cloneRoot, JsonNumber, numberOf, parseJson, printJson, printJsonValue, spelled } from './json-text.ts'
import type { JsonArray, JsonObject } from './json-text.ts'

function again(text: string): string {
  return printJson(parseJson(text))
}

test('what was read prints the same, white space aside', () => {
  const texts = [
    '{"a":1,"b":"x","c":[],"d":{},"e":null,"f":true,"g":[[1],[2]]}',
    '{"price":500.0,"big":12345678901234567890,"small":0.10,"exp":1e3,"zero":-0,"huge":1e400}',
    '[500.0,[1.50],{"a":[2.0]}]',
    '500.0',
    '"text"',
    'null',
    '[0.1,123456789.123456789123,1.7976931348623157e308]',
  ]
  for (const text of texts) assert.equal(again(text), text)
})

test('members keep their order even where their names look like numbers', () => {
  const text = '{"value":12.4,"12X12":"i","0":{"b":1,"7":2},"-1":0,"1":[1]}'
  assert.equal(again(text), text)
  const root = parseJson(text)
  ;(root.value as JsonObject)['3'] = 'new'
  delete (root.value as JsonObject)['12X12']
  assert.equal(printJson(root), '{"value":12.4,"0":{"b":1,"7":2},"-1":0,"1":[1],"3":"new"}')
})

test('an edit elsewhere leaves the spelling of a number alone, and a changed number is printed the usual way', () => {
  const root = parseJson('{"price":500.0,"count":2.0,"list":[1.0,2.0]}')
  const value = root.value as JsonObject
  value['count'] = 3
  ;(value['list'] as JsonArray).shift()
  assert.equal(printJson(root), '{"price":500.0,"count":3,"list":[2]}')
})

test('a number too exact for JavaScript keeps all its digits wherever it is moved', () => {
  const root = parseJson('{"id":12345678901234567890,"ids":[12345678901234567890,12345678901234567891]}')
  const value = root.value as JsonObject
  ;(value['ids'] as JsonArray).shift()
  value['copy'] = value['id']!
  assert.equal(printJson(root), '{"id":12345678901234567890,"ids":[12345678901234567891],"copy":12345678901234567890}')
  assert.equal(String(value['id']), '12345678901234567890')
  assert.equal(Number(value['id']), 12345678901234567000)
})

test('only numbers that would lose something become exact ones', () => {
  for (const text of ['0', '-1', '0.1', '500.0', '1e3', '9007199254740992', '0.30000000000000004']) {
    assert.equal(typeof numberOf(text), 'number', text)
  }
  for (const text of ['9007199254740993', '1e400', '0.1000000000000000055', '1e-400']) {
    assert.ok(numberOf(text) instanceof JsonNumber, text)
  }
})

test('the spelling of a number can be asked for by its place', () => {
  const root = parseJson('{"price":500.0,"n":[1.50]}')
  const value = root.value as JsonObject
  assert.equal(spelled(value, 'price', 500), '500.0')
  assert.equal(spelled(value['n'] as JsonArray, 0, 1.5), '1.50')
  assert.equal(spelled(value, 'price', 501), '501')
})

test('a copy is independent and prints the same', () => {
  const text = '{"b":500.0,"1":[1.0,{"c":12345678901234567890}]}'
  const root = parseJson(text)
  const copy = cloneRoot(root)
  ;(copy.value as JsonObject)['b'] = 1
  assert.equal(printJson(root), text)
  assert.equal(printJson(copy), '{"b":1,"1":[1.0,{"c":12345678901234567890}]}')
})

test('a member called __proto__ is a member like any other', () => {
  const text = '{"__proto__":{"polluted":true},"x":1.0}'
  const { value } = parseJson(text)
  assert.equal(again(text), text)
  assert.equal((value as JsonObject)['polluted'], undefined)
  assert.equal(printJson(cloneRoot({ value })), text)
})

test('control characters in strings are forgiven, and escaped when printed', () => {
  assert.deepEqual(parseJson('{"a":"\u0011\tx"}').value, { a: '\u0011\tx' })
  assert.equal(printJsonValue('\u0011'), '"\\u0011"')
})

test('what is not JSON is refused with the place and the beginning of the trouble', () => {
  const refused: [text: string, message: RegExp][] = [
    [
      '{"Symbol": "IBM}',
      /^"\{"Symbol": "IBM\}" is not a JSON string: line 1, column 12: a string has no closing quote/,
    ],
    ['{"a":1,}', /line 1, column 8: a name in double quotes is expected/],
    ['{\n  "a" 1}', /line 2, column 7: a colon is expected/],
    ['[1 2]', /line 1, column 4: a comma or \] is expected \(at "2\]"\)/],
    ['{"a":01}', /a comma or \} is expected/],
    ['[1.]', /a comma or \] is expected/],
    ['{} {}', /line 1, column 4: something follows/],
    ['', /the text ends where a value is expected/],
    ['<a/>', /a value is expected/],
    ['"\\q"', /an unknown escape/],
    ['"\\u12"', /an unknown escape/],
    ['nul', /a value is expected/],
    ["{'a':1}", /a name in double quotes is expected/],
    [`[${'9'.repeat(20)},]`, /a value is expected/],
  ]
  for (const [text, message] of refused) {
    assert.throws(() => parseJson(text), { code: 'PAYLOAD_UNREADABLE', errorCode: 601000, message }, text)
  }
})

test('nesting is bounded, so that no walk over a value can overflow', () => {
  const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
  assert.equal(again(deep(1000)), deep(1000))
  for (const levels of [1001, 200_000]) {
    assert.throws(() => parseJson(deep(levels)), {
      code: 'PAYLOAD_UNREADABLE',
      message: /more than 1000 values inside/,
    })
  }
  const brackets = JSON.stringify('['.repeat(5000))
  assert.equal(again(brackets), brackets)
})
