import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../kernel/clock.ts'
import { ResponseCache, type CachedReply } from './response-cache.ts'

function reply(size = 1): CachedReply {
  return { bytes: new Uint8Array(size), contentType: '', encoding: '', format: 'none', status: 200, headers: [] }
}

test('a reply is there for its time, and says its age', async () => {
  const clock = new ManualClock()
  const cache = new ResponseCache(clock)
  cache.keep('a', reply(), 10)
  await clock.advance(9_999)
  assert.equal(cache.find('a')?.age, 9)
  await clock.advance(1)
  assert.equal(cache.find('a'), undefined)
  assert.equal(cache.size, 0)
})

test('beyond the number allowed those not asked for longest go', () => {
  const cache = new ResponseCache(new ManualClock())
  cache.keep('a', reply(), 10, 2)
  cache.keep('b', reply(), 10, 2)
  cache.find('a')
  cache.keep('c', reply(), 10, 2)
  assert.deepEqual(
    ['a', 'b', 'c'].map(key => cache.find(key) !== undefined),
    [true, false, true],
  )
  cache.keep('d', reply(), 10, 0)
  assert.equal(cache.find('d'), undefined)
})

test('however many are allowed, their bytes do not take the memory of the server', () => {
  const cache = new ResponseCache(new ManualClock())
  const mebibytes = 1 << 20
  for (let index = 0; index < 100; index++) cache.keep(`${index}`, reply(mebibytes), 10)
  assert.equal(cache.size, 64)
  cache.keep('huge', reply(65 * mebibytes), 10)
  assert.equal(cache.find('huge'), undefined)
  for (let index = 0; index < 100; index++) cache.remove(`${index}`)
  for (let index = 0; index < 64; index++) cache.keep(`${index}`, reply(mebibytes), 10)
  assert.equal(cache.size, 64, 'what was removed is not counted any more')
})
