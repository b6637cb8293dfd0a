import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ifThere } from './if-there.ts'

const failing = (code: string) => () => {
  throw Object.assign(new Error(`${code}: no`), { code })
}

test('only what is not there is not there; what cannot be read is an error with the file and what to do', () => {
  assert.equal(
    ifThere('/h/a', () => 'text'),
    'text',
  )
  for (const code of ['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG'])
    assert.equal(ifThere('/h/a', failing(code)), undefined)
  assert.throws(() => ifThere('/h/a', failing('EACCES')), {
    retryable: true,
    message: '/h/a is there and cannot be read: EACCES: no. Let the user that runs the server read it',
  })
  assert.throws(() => ifThere('/h/a', failing('EIO')), { message: /^\/h\/a is there .*EIO: no\. See whether its disk/ })
})
