import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Account } from './account.ts'
import { Dice } from './dice.ts'
import { planOf } from './plan.ts'
import type { Violation } from './violation.ts'

/** An account of some plan, with its first message accepted, and what sends it on. */
function began() {
  const plan = planOf(new Dice(1))
  const broken: Violation[] = []
  const account = new Account(
    plan,
    () => {},
    violation => broken.push(violation),
    () => false,
  )
  const message = account.messages[0]!
  account.asked(0)
  account.answered(0, 202, false)
  const send = (): number =>
    account.sent({
      body: message.body,
      key: message.key,
      processor: message.route.processors[0]!.name,
      id: 'id-1',
      attempt: 1,
      endpoint: message.route.endpoints[0]!.name,
    })
  const deliver = (): void => {
    const sent = send()
    account.processed(sent)
    account.ended(sent, 'delivered')
  }
  return { account, broken, message, deliver }
}

test('a message that was delivered is not sent again, though the disk has refused to note it: the server tries that again', () => {
  const { account, broken, deliver } = began()
  deliver()
  account.unsure()
  deliver()
  assert.match(broken[0]!.message, /^P5: message 0 is sent again/)
})

test('it may come again, once, if the worker that was to note it has been stopped', () => {
  const { account, broken, deliver } = began()
  deliver()
  account.unsure()
  account.interrupted()
  deliver()
  assert.deepEqual(broken, [])
  deliver()
  assert.equal(broken.length, 1)
})

test('a worker stopped in an earlier life of the server excuses nothing in this one', () => {
  const { account, broken, deliver } = began()
  account.interrupted()
  account.died()
  deliver()
  account.unsure()
  deliver()
  assert.equal(broken.length, 1)
})

test('what is accepted is owed until it is delivered or excused', () => {
  const { account, message, deliver } = began()
  assert.equal(account.owed, 1)
  assert.ok(account.isOwed(message))
  deliver()
  assert.equal(account.owed, 0)
  assert.ok(!account.isOwed(message))
})
