import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forwardingRig, forwardingXml } from '../../testing/forwarding-rig.ts'
import { StoreRig } from '../../testing/store-rig.ts'

test('name, class and store are required', () => {
  const rig = new StoreRig()
  for (const [xml, missing] of [
    ['<messageProcessor class="x" messageStore="S"/>', 'attribute "name"'],
    ['<messageProcessor name="P" messageStore="S"/>', 'a message-processor needs a class'],
    ['<messageProcessor name="P" class="x"/>', 'attribute "messageStore"'],
  ] as const) {
    const errors = rig.check(xml).filter(({ severity }) => severity === 'error')
    assert.ok(
      errors.some(({ message }) => message.includes(missing)),
      missing,
    )
  }
})

test('a processor shows its parameters as they were written, those without effect included', async () => {
  const { rig } = await forwardingRig({ interval: 250, throttle: 'true', 'no.such.parameter': 'x' })
  await using _ = rig
  const { parameters, store, type } = rig.processor('P')
  assert.deepEqual(parameters, { interval: '250', throttle: 'true', 'no.such.parameter': 'x' })
  assert.deepEqual([store, type], ['S', 'Scheduled-message-forwarding-processor'])
})

test('parameters of Java and of Synapse itself are accepted with a hint, not taken for mistakes', () => {
  const names = [
    'throttle',
    'cron.expression',
    'quartz.conf',
    'axis2.repo',
    'axis2.config',
    'pinnedServers',
    'bind.processor.server',
  ]
  const found = new StoreRig().check(
    forwardingXml({ interval: 10, ...Object.fromEntries(names.map(name => [name, 'x'])) }),
  )
  assert.deepEqual([...new Set(found.map(({ code, severity }) => `${severity} ${code}`))], ['hint no-effect'])
  assert.equal(found.length, names.length)
})

test('a processor with no members shows why it does nothing', async () => {
  const { rig, start } = await forwardingRig({ 'member.count': 0 })
  await using _ = rig
  await start()
  const { wanted, observed, reason } = rig.processor('P').state
  assert.deepEqual({ wanted, observed, reason }, { wanted: 'active', observed: 'stopped', reason: 'member.count is 0' })
})
