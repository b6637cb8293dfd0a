import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_POLICY } from '../../schema/index.ts'
import { diagnosticsOf } from '../../testing/rig.ts'
import retryConfig from './retry-config.ts'

test('codes that may not, or that alone may, be tried elsewhere are part of the policy and change nothing else', () => {
  const disabled = retryConfig.apply(
    { disabledErrorCodes: { value: [101504] }, enabledErrorCodes: undefined },
    DEFAULT_POLICY,
  )
  assert.deepEqual(disabled, { ...DEFAULT_POLICY, retry: { disabled: [101504], enabled: [] } })
  const enabled = retryConfig.apply(
    { disabledErrorCodes: undefined, enabledErrorCodes: { value: [101503, 101505] } },
    DEFAULT_POLICY,
  )
  assert.deepEqual(enabled.retry, { disabled: [], enabled: [101503, 101505] })
})

test('codes are numbers with commas between them', () => {
  const places = (codes: string): string[] =>
    diagnosticsOf(
      `<endpoint name="e"><address uri="http://h"><retryConfig><disabledErrorCodes>${codes}</disabledErrorCodes></retryConfig></address></endpoint>`,
    ).map(({ code }) => code)
  assert.deepEqual(places('101503, 101505,'), [])
  assert.deepEqual(places('101503;101505'), ['invalid-value'])
})
