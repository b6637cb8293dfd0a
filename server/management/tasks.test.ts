import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeRegistry, fakeTask } from '../testing/fake-registry.ts'
import { managementRig } from '../testing/management-rig.ts'

test('the list has a name, as in MI, and how it stands', async t => {
  const task = fakeTask('nightly')
  task.state = {
    ...task.state,
    runs: 3,
    failures: 1,
    nextRun: 5000,
    lastRun: { at: 0, error: 'http://user:geheim@h/ refused' },
  }
  const { call } = await managementRig(t, fakeRegistry({ task: [task] }))
  const { json } = await call('GET', '/tasks')
  assert.deepEqual(json, {
    count: 1,
    list: [
      {
        name: 'nightly',
        status: 'active',
        wanted: 'active',
        observed: 'waiting',
        since: '1970-01-01T00:00:00.000Z',
        runs: 3,
        failures: 1,
        nextRunAt: '1970-01-01T00:00:05.000Z',
        lastRunAt: '1970-01-01T00:00:00.000Z',
        lastError: 'http://user:*****@h/ refused',
      },
    ],
  })
})

test('one task shows its timetable the way MI does', async t => {
  const simple = fakeTask('simple', {
    timetable: { kind: 'interval', interval: 5000, count: 3 },
    properties: { injectTo: 'sequence', password: 'geheim' },
  })
  const cron = fakeTask('cron', { timetable: { kind: 'cron', expression: '0 0 3 * * ?' } })
  const { call } = await managementRig(t, fakeRegistry({ task: [simple, cron] }), {
    describe: () => ({ configuration: '<task name="simple"/>' }),
  })
  const { json } = await call('GET', '/tasks?taskName=simple')
  const { taskGroup, implementation, triggerType, triggerCount, triggerInterval, properties, configuration } = json
  assert.deepEqual(
    { taskGroup, implementation, triggerType, triggerCount, triggerInterval, properties, configuration },
    {
      taskGroup: 'synapse.simple.quartz',
      implementation: 'org.apache.synapse.startup.tasks.MessageInjector',
      triggerType: 'simple',
      triggerCount: '3',
      triggerInterval: '5',
      properties: { injectTo: 'sequence', password: '*****' },
      configuration: '<task name="simple"/>',
    },
  )
  const other = (await call('GET', '/tasks?taskName=cron')).json
  assert.deepEqual([other['triggerType'], other['cronExpression']], ['cron', '0 0 3 * * ?'])
  assert.equal((await call('GET', '/tasks?taskName=nope')).status, 404)
})

test('an operator stops, starts and triggers a task by name, and the audit log says who', async t => {
  const task = fakeTask('nightly')
  const { call, log } = await managementRig(t, fakeRegistry({ task: [task] }))
  const off = await call('POST', '/tasks', { name: 'nightly', status: 'inactive' })
  const reason = 'deactivated by admin through the management API'
  assert.deepEqual([off.status, off.json], [200, { Message: 'nightly : is deactivated', observed: 'stopped', reason }])
  await call('POST', '/tasks', { name: 'nightly', status: 'active' })
  const triggered = await call('POST', '/tasks', { name: 'nightly', status: 'trigger' })
  assert.equal(triggered.json['Message'], 'nightly : is triggered')
  assert.deepEqual(task.asked, ['deactivate by operator:admin', 'activate by operator:admin', 'run by operator:admin'])
  const actions = log.texts('info').flatMap(line => /"action":"(\w+)","type":"task"/.exec(line)?.[1] ?? [])
  assert.deepEqual(actions, ['disabled', 'enabled', 'triggered'])
  assert.equal((await call('POST', '/tasks', { name: 'nightly', status: 'maybe' })).status, 400)
  assert.equal((await call('POST', '/tasks', { name: 'nope', status: 'active' })).status, 404)
})
