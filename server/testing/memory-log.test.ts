import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryLog } from './memory-log.ts'

test('lines of children are kept with the fields of both', () => {
  const log = memoryLog()
  log.child({ artifact: 'Orders' }).warn('slow', { ms: 7 })

  assert.deepEqual(log.lines, [{ level: 'warn', text: 'slow', fields: { artifact: 'Orders', ms: 7 } }])
  assert.deepEqual(log.texts('error'), [])
})

test('a test can wait for a line that is not there yet', async () => {
  const log = memoryLog()
  const line = log.waitFor('stored')
  log.info('received')
  log.info('message stored')

  assert.equal((await line).text, 'message stored')
  assert.equal((await log.waitFor('received')).text, 'received')
})

test('debug lines are left out where debugging is off', () => {
  const log = memoryLog({ debug: false })
  log.debug('noise')

  assert.equal(log.debugOn, false)
  assert.deepEqual(log.lines, [])
})
