import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReplyReader } from './reply-reader.ts'

const SIZED = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
const CHUNKED =
  'HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\na\r\n, world of\r\n0\r\n\r\n'

for (const [what, answer, status, closing] of [
  ['of a known length', SIZED, 200, false],
  ['in chunks', CHUNKED, 202, true],
  ['without a body', 'HTTP/1.1 204 No Content\r\n\r\n', 204, false],
] as const) {
  test(`an answer ${what} is complete with its last byte, however it is cut`, () => {
    for (let cut = 1; cut <= answer.length; cut++) {
      const reader = new ReplyReader()
      const bytes = Buffer.from(answer)
      let complete = false
      for (let at = 0; at < bytes.length; at += cut) {
        assert.equal(complete, false, `complete before byte ${at}`)
        complete = reader.read(bytes.subarray(at, at + cut))
      }
      assert.equal(complete, true)
      assert.deepEqual([reader.status, reader.closing], [status, closing])
    }
  })
}

test('one answer follows the other', () => {
  const reader = new ReplyReader()
  assert.equal(reader.read(Buffer.from(CHUNKED)), true)
  assert.equal(reader.read(Buffer.from(SIZED)), true)
  assert.deepEqual([reader.status, reader.text, reader.closing], [200, 'hello', false])
})

test('what is no answer, has no length or goes on behind its end is refused', () => {
  assert.throws(() => new ReplyReader().read(Buffer.from('SSH-2.0-x\r\n\r\n')), /no answer/)
  assert.throws(() => new ReplyReader().read(Buffer.from('HTTP/1.1 200 OK\r\n\r\nx')), /how long/)
  assert.throws(() => new ReplyReader().read(Buffer.from(`${SIZED}!`)), /more than its answer/)
})
