import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BytePipe } from './byte-pipe.ts'
import { IntegrationError } from './errors.ts'

function pipe(): { pipe: BytePipe; calls: string[] } {
  const calls: string[] = []
  return {
    calls,
    pipe: new BytePipe({ resume: () => calls.push('resume'), abandon: () => calls.push('abandon') }, undefined),
  }
}

async function rest(source: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const chunk of source) text += Buffer.from(chunk).toString()
  return text
}

test('what was pushed before, during and at the end of reading arrives in order', async () => {
  const { pipe: source } = pipe()
  source.push(Buffer.from('a'))
  const reading = rest(source)
  source.push(Buffer.from('b'))
  await Promise.resolve()
  source.push(Buffer.from('c'))
  source.end()
  assert.equal(await reading, 'abc')
})

test('a sender is paused when the reader is behind and resumed when it has caught up', async () => {
  const { pipe: source, calls } = pipe()
  assert.equal(source.push(Buffer.alloc(40_000)), true)
  assert.equal(source.push(Buffer.alloc(40_000)), false)
  const reader = source[Symbol.asyncIterator]()
  await reader.next()
  assert.deepEqual(calls, [])
  await reader.next()
  assert.deepEqual(calls, ['resume'])
})

test('a failure comes after what had arrived before it', async () => {
  const { pipe: source } = pipe()
  source.push(Buffer.from('a'))
  source.fail(new IntegrationError('BODY_CUT_OFF', 'gone'))
  const reader = source[Symbol.asyncIterator]()
  assert.deepEqual((await reader.next()).value, Buffer.from('a'))
  await assert.rejects(reader.next(), { code: 'BODY_CUT_OFF' })
})

test('a reader that leaves early, and nobody else, abandons the rest', async () => {
  const { pipe: source, calls } = pipe()
  source.push(Buffer.from('a'))
  for await (const chunk of source) {
    assert.equal(chunk.length, 1)
    break
  }
  assert.deepEqual(calls, ['abandon'])
  source.cancel()
  assert.deepEqual(calls, ['abandon'])
  assert.equal(source.push(Buffer.from('b')), true, 'what still comes is swallowed')

  const ended = pipe()
  ended.pipe.end()
  ended.pipe.cancel()
  assert.deepEqual(ended.calls, [])
})
