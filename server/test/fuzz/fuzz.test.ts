/** A few cases of each target, always the same; `npm run fuzz` plays as many as there is time for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dice } from './dice.ts'
import { targets } from './targets.ts'

const CASES = 40

for (const [name, open] of Object.entries(targets)) {
  test(`nonsense for ${name} ends in errors that say so, and in nothing else`, async () => {
    await using target = await open()
    for (let number = 0; number < CASES; number++) await target.once(new Dice(number))
  })
}

test('a seed is a sequence of cases: the same again, and another for another', () => {
  const some = (seed: number): string => new Dice(seed).noise(Buffer.alloc(200, 'text'), 4).toString('hex')
  assert.equal(some(1), some(1))
  assert.notEqual(some(1), some(2))
})
