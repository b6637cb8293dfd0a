import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../kernel/clock.ts'
import { Exchange } from '../kernel/context.ts'
import { parseXml } from '../xml/reader.ts'
import { parsePolicy, PolicyProblem } from './throttle-policy.ts'
import { ThrottleState } from './throttle.ts'

const sink = { reply: () => undefined, acknowledge: () => undefined }

function policyOf(inside: string): ReturnType<typeof parsePolicy> {
  const namespaces = 'xmlns:wsp="urn:wsp" xmlns:throttle="urn:throttle"'
  return parsePolicy(
    parseXml(
      `<wsp:Policy ${namespaces}><throttle:MediatorThrottleAssertion>${inside}</throttle:MediatorThrottleAssertion></wsp:Policy>`,
    ).root,
  )
}

function rule(id: string, control: string, type = 'IP'): string {
  return `<wsp:Policy><throttle:ID throttle:type="${type}">${id}</throttle:ID><wsp:Policy><throttle:Control><wsp:Policy>${control}</wsp:Policy></throttle:Control></wsp:Policy></wsp:Policy>`
}

function rate(count: number, unit: number, prohibit?: number): string {
  const stays = prohibit === undefined ? '' : `<throttle:ProhibitTimePeriod>${prohibit}</throttle:ProhibitTimePeriod>`
  return `<throttle:MaximumCount>${count}</throttle:MaximumCount><throttle:UnitTime>${unit}</throttle:UnitTime>${stays}`
}

function stateOf(inside: string): {
  clock: ManualClock
  state: ThrottleState
  comes(ip: string, domain?: string): boolean
} {
  const clock = new ManualClock()
  const state = new ThrottleState(clock, 60_000)
  const policy = policyOf(inside)
  return { clock, state, comes: (ip, domain = ip) => state.enter(policy, { ip, domain }, new Exchange(sink)).passes }
}

test('a caller may come so often in a unit of time, and again when it is over; others are counted for themselves', async () => {
  const { clock, comes } = stateOf(rule('other', rate(2, 1000)))
  assert.deepEqual([comes('1.1.1.1'), comes('1.1.1.1'), comes('1.1.1.1'), comes('2.2.2.2')], [true, true, false, true])
  await clock.advance(999)
  assert.equal(comes('1.1.1.1'), false)
  await clock.advance(1)
  assert.equal(comes('1.1.1.1'), true)
})

test('who comes too often stays out for the prohibit time, however short the unit is', async () => {
  const { clock, comes } = stateOf(rule('other', rate(1, 100, 5000)))
  assert.deepEqual([comes('1.1.1.1'), comes('1.1.1.1')], [true, false])
  await clock.advance(4999)
  assert.equal(comes('1.1.1.1'), false)
  await clock.advance(1)
  assert.equal(comes('1.1.1.1'), true)
})

test('an address of its own beats a range, a range beats other; Allow and Deny are for all time', () => {
  const { comes } = stateOf(
    rule('10.0.0.5', '<throttle:Allow>true</throttle:Allow>') +
      rule('10.0.0.1-10.0.0.9', '<throttle:Deny>true</throttle:Deny>') +
      rule('other', rate(1, 1000)),
  )
  assert.deepEqual(
    [
      comes('10.0.0.5'),
      comes('10.0.0.5'),
      comes('10.0.0.1'),
      comes('10.0.0.9'),
      comes('10.0.0.10'),
      comes('10.0.0.10'),
    ],
    [true, true, false, false, true, false],
  )
})

test('rules are sorted with the policy: a name of its own, then a range; of two for the same callers the first counts', () => {
  const { by } = policyOf(
    rule('10.0.0.5', '<throttle:Allow>true</throttle:Allow>') +
      rule('10.0.0.5', '<throttle:Deny>true</throttle:Deny>') +
      rule('10.0.0.1-10.0.0.9', '<throttle:Deny>true</throttle:Deny>') +
      rule('ACME.org', rate(1, 1000), 'DOMAIN'),
  )
  assert.deepEqual(
    ['10.0.0.5', '10.0.0.6', '10.0.1.1', 'acme.org', ''].map(name => by.IP.for(name)?.control),
    ['allow', 'deny', undefined, undefined, undefined],
  )
  assert.deepEqual(by.DOMAIN.for('Acme.org')?.control, { count: 1, unit: 1000, prohibit: 0 })
})

test('domains have rules of their own', () => {
  const { comes } = stateOf(rule('acme.org', rate(1, 1000), 'DOMAIN'))
  assert.deepEqual(
    [comes('1.1.1.1', 'acme.org'), comes('2.2.2.2', 'ACME.org'), comes('1.1.1.1', 'example.org')],
    [true, false, true],
  )
})

test('so many messages are on their way at once; a place is free again by release, or at the end of the exchange', () => {
  const state = new ThrottleState(new ManualClock(), 60_000)
  const policy = policyOf('<throttle:MaximumConcurrentAccess>2</throttle:MaximumConcurrentAccess>')
  const enter = (exchange: Exchange): boolean => state.enter(policy, { ip: 'x', domain: 'x' }, exchange).passes
  const [one, two, three] = [new Exchange(sink), new Exchange(sink), new Exchange(sink)]
  assert.deepEqual([enter(one), enter(two), enter(three)], [true, true, false])
  state.release(three)
  assert.equal(enter(three), false)
  state.release(one)
  assert.equal(enter(three), true)
  two.over()
  three.over()
  one.over()
  assert.equal(state.taken, 0)
})

test('a place of a flow whose end nobody sees is taken back after its time', async () => {
  const clock = new ManualClock()
  const state = new ThrottleState(clock, 1000)
  const policy = policyOf('<throttle:MaximumConcurrentAccess>1</throttle:MaximumConcurrentAccess>')
  const enter = (): boolean => state.enter(policy, { ip: 'x', domain: 'x' }, new Exchange()).passes
  assert.deepEqual([enter(), enter()], [true, false])
  await clock.advance(1000)
  assert.equal(enter(), true)
})

test('who is turned away for coming too often takes no place', () => {
  const { state, comes } = stateOf(
    `<throttle:MaximumConcurrentAccess>9</throttle:MaximumConcurrentAccess>${rule('other', rate(1, 1000))}`,
  )
  assert.deepEqual([comes('1.1.1.1'), comes('1.1.1.1')], [true, false])
  assert.equal(state.taken, 1)
})

test('a policy that limits nothing, or names what cannot be counted, is told', () => {
  for (const [inside, said] of [
    ['', /limits nothing/],
    [rule('other', ''), /MaximumCount and UnitTime/],
    [rule('other', rate(1, 1000).replace('1000', 'soon')), /UnitTime has to be a whole number, not "soon"/],
    [rule('admin', rate(1, 1), 'ROLE'), /by "ROLE" is not supported/],
    [rule('', rate(1, 1)), /an ID names an address/],
  ] as const) {
    assert.throws(
      () => policyOf(inside),
      (thrown: unknown) => thrown instanceof PolicyProblem && said.test(thrown.message),
    )
  }
})
