import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpointWith } from '../../testing/endpoint-states.ts'
import { diagnosticsOf } from '../../testing/rig.ts'

test('the old way counts in seconds, and every rest is as long as the first (trap H24)', async () => {
  const e = endpointWith('<suspendDurationOnFailure>60</suspendDurationOnFailure>')
  for (let time = 0; time < 2; time++) {
    assert.deepEqual([await e.send('CONNECT_FAILED'), e.rest()], ['suspended', 60_000])
    await e.services.clock.advance(60_000)
  }
})

test('a number is needed', () => {
  const codes = (inside: string): string[] =>
    diagnosticsOf(
      `<endpoint name="e"><address uri="http://h"><suspendDurationOnFailure>${inside}</suspendDurationOnFailure></address></endpoint>`,
    ).map(({ code }) => code)
  assert.deepEqual([codes(''), codes('soon')], [['missing'], ['invalid-value']])
})
