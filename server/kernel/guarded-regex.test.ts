import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Overrun, within } from './deadline.ts'
import { effortOf, guardedRegExp } from './guarded-regex.ts'

const EVIL = `${'a'.repeat(60)}!`

for (const source of ['^(a+)+$', '^(?:a|aa)+$', '^(a|a)+$', '^(?<x>\\w+\\s?)*$', '^(?:(?:a{1,40}){1,40})$']) {
  test(`${source} is given up on a text made for it, whatever asks for a match`, () => {
    const regex = guardedRegExp(source)
    const refused = { code: 'EXPRESSION_FAILED', message: /given up after 200 ms on a text of 61 characters/ }
    assert.throws(() => regex.test(EVIL), refused)
    assert.throws(() => EVIL.replace(regex, ''), refused)
    assert.equal(regex.test('aaa'), new RegExp(source).test('aaa'))
  })
}

test('many .* beside one another are given up on a long text, and not on a short one', () => {
  const regex = guardedRegExp('^.*a.*a.*a.*a.*a.*b$')
  assert.equal(regex.test('a'.repeat(30)), false)
  assert.throws(() => regex.test('a'.repeat(5000)), { code: 'EXPRESSION_FAILED' })
})

test('a pattern that can do no harm is a plain one', () => {
  for (const source of ['urgent|high', '^\\d+$', '[a-z]*x', '(\\d{4})-(\\d{2})-(\\d{2})', '(?:abc)+', 'a\\+b\\(c'])
    assert.equal(Object.getPrototypeOf(guardedRegExp(source)), RegExp.prototype, source)
})

test('repeating what can match in several ways is what takes for ever', () => {
  assert.deepEqual(effortOf('.*a.*'), { power: 2, factor: 1, varies: true })
  assert.equal(effortOf('(a|b)*').power, Number.POSITIVE_INFINITY)
  assert.equal(effortOf('(a|b)').power, 0)
  assert.equal(effortOf('([^,]{3,5},)+').power, Number.POSITIVE_INFINITY)
  assert.equal(effortOf('(?:ab){2,}c{3}').power, 1)
  assert.equal(effortOf('[(+*]\\+(?=a)').power, 0)
})

test('a guarded pattern finds, replaces, splits and goes on from where it was as a plain one does', () => {
  const text = 'one.two..three.four'.repeat(40)
  for (const flags of ['', 'g', 'y', 'i', 'u']) {
    const source = '(?:(\\w+)\\.)+'
    const ours = guardedRegExp(source, flags)
    const plain = new RegExp(source, flags)
    assert.notEqual(Object.getPrototypeOf(ours), RegExp.prototype)
    for (let times = 0; times < 3; times++) {
      assert.deepEqual(ours.exec(text), plain.exec(text))
      assert.equal(ours.lastIndex, plain.lastIndex)
    }
    ours.lastIndex = 0
    plain.lastIndex = 0
    assert.equal(text.replace(ours, '<$1>'), text.replace(plain, '<$1>'))
    assert.deepEqual(text.split(ours), text.split(plain))
    assert.deepEqual(text.match(ours), text.match(plain))
    assert.equal(text.search(ours), text.search(plain))
    assert.equal(ours.source, plain.source)
    if (flags === 'g') assert.deepEqual([...text.matchAll(ours)], [...text.matchAll(plain)])
  }
})

test('work within a deadline gives its result or its own error, also inside other such work', () => {
  assert.equal(
    within(1000, () => within(1000, () => 6) + 1),
    7,
  )
  assert.throws(
    () =>
      within(1000, () => {
        throw new RangeError('mine')
      }),
    (thrown: unknown) => thrown instanceof RangeError,
  )
  assert.throws(
    () =>
      within(20, () => {
        for (;;);
      }),
    Overrun,
  )
  assert.equal(
    within(1000, () => 'still works'),
    'still works',
  )
})
