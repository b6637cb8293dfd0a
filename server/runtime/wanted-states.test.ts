import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IntegrationError } from '../kernel/errors.ts'
import { fakeServices } from '../testing/rig.ts'
import { WantedStates } from './wanted-states.ts'

const KINDS = [
  { called: 'message processor', table: 'processors' },
  { called: 'inbound endpoint', table: 'inbound-endpoints' },
  { called: 'task', table: 'tasks' },
] as const

const OFF = { wanted: 'inactive', by: 'operator:ann', reason: 'maintenance', since: 5 } as const

for (const kind of KINDS) {
  test(`what is wanted of a ${kind.called} and could not be saved is told, and outlives a redeployment`, async () => {
    const services = fakeServices()
    const deployed = (): WantedStates => new WantedStates(services, services.log, kind)
    assert.equal(deployed().of('orders'), undefined)
    services.journal.failValues = new IntegrationError('DISK_FULL', 'no room')
    await deployed().keep('orders', OFF)
    assert.deepEqual(services.log.texts('error'), [
      `the state of ${kind.called} [orders] could not be saved; a restart forgets it`,
    ])
    assert.deepEqual(deployed().of('orders'), OFF)
    services.journal.failValues = null
    const on = { ...OFF, wanted: 'active', reason: 'done' } as const
    await deployed().keep('orders', on)
    assert.deepEqual(deployed().of('orders'), on)
  })
}

test('two artifacts of different kinds may have one name', async () => {
  const services = fakeServices()
  const [processors, , tasks] = KINDS.map(kind => new WantedStates(services, services.log, kind))
  services.journal.failValues = new IntegrationError('DISK_FULL', 'no room')
  await processors!.keep('orders', OFF)
  assert.equal(tasks!.of('orders'), undefined)
})
