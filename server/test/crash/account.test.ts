import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SentOrder } from '../../testing/order-load.ts'
import { problemsOf, report, type Account, type Arrival, type Kill } from './account.ts'

const RULES = { workers: 1, ordered: true }

function order(id: string, outcome: SentOrder['outcome'] = 'accepted', lane = 0): SentOrder {
  const status = { accepted: 202, refused: 500, sent: undefined, unknown: undefined }[outcome]
  return { id, lane, outcome, status, digest: 'as sent', sentAt: 1000, endedAt: 1010, localPort: 1 }
}

/** Arrivals in this order; `a` has the id `key-a` unless another is given: `a=other`. `a!` has another body. */
function account(orders: readonly SentOrder[], arrived: string, kills: readonly Kill[] = []): Account {
  const arrivals = arrived
    .split(' ')
    .filter(Boolean)
    .map((word, index): Arrival => {
      const [id, key = `key-${id}`] = word.replace('!', '').split('=')
      const digest = word.includes('!') ? 'other' : 'as sent'
      return { number: index + 1, at: 1100 + index, order: id, digest, key: key === 'none' ? undefined : key }
    })
  return { orders, arrivals, kills, events: [{ at: 1050, what: 'server started' }] }
}

const server = (arrivals: number): Kill => ({ at: 1050, victims: ['server'], arrivals })
const broker = (arrivals: number): Kill => ({ at: 1050, victims: ['broker'], arrivals })
const kinds = (books: Account, rules = RULES): string[] =>
  problemsOf(books, rules).map(problem => `${problem.kind} ${problem.order}`)

test('all is well where every accepted order arrived once, and an unanswered one once or not at all', () => {
  const orders = [order('a'), order('b', 'unknown'), order('c', 'unknown'), order('d')]
  assert.deepEqual(kinds(account(orders, 'a c d', [server(1)])), [])
})

test('an accepted order that did not arrive is missing', () => {
  assert.deepEqual(kinds(account([order('a'), order('b')], 'b', [server(0)])), ['missing a'])
})

test('the order a killed server was sending may arrive again; any other may not', () => {
  const orders = [order('a'), order('b'), order('c')]
  assert.deepEqual(kinds(account(orders, 'a b b c', [server(2)])), [])
  assert.deepEqual(kinds(account(orders, 'a b a c', [server(2)])), ['duplicate a'])
  assert.deepEqual(kinds(account(orders, 'a b b c', [server(3)])), ['duplicate b'])
  assert.deepEqual(kinds(account(orders, 'a b b b c', [server(2)])), ['duplicate b'])
  assert.deepEqual(kinds(account(orders, 'a b b c')), ['duplicate b'])
  assert.deepEqual(kinds(account(orders, 'a b a c', [server(2)]), { ...RULES, workers: 2 }), [])
})

test('killing the broker excuses no repetition', () => {
  assert.deepEqual(kinds(account([order('a')], 'a a', [broker(1)])), ['duplicate a'])
})

test('a repetition has the same id, and no two orders share one', () => {
  assert.deepEqual(kinds(account([order('a')], 'a a=other', [server(1)])), ['key a'])
  assert.deepEqual(kinds(account([order('a')], 'a=none')), ['key a'])
  assert.deepEqual(kinds(account([order('a'), order('b')], 'a=x b=x')), ['key b'])
})

test('a body that is not the one that was sent is told', () => {
  assert.deepEqual(kinds(account([order('a'), order('b')], 'a b!')), ['changed b'])
})

test('a refused order, one nobody sent, and one that overtook another of its client are told', () => {
  assert.deepEqual(kinds(account([order('a', 'refused')], '')), ['refused a'])
  assert.deepEqual(kinds(account([], 'a')), ['foreign a'])
  const two = [order('a'), order('b')]
  assert.deepEqual(kinds(account(two, 'b a')), ['disorder b'])
  assert.deepEqual(kinds(account(two, 'b a'), { ...RULES, ordered: false }), [])
  assert.deepEqual(kinds(account([order('a', 'accepted', 0), order('b', 'accepted', 1)], 'b a')), [])
})

test('the report names every order and shows what happened to it, with what was killed meanwhile', () => {
  const books = account([order('a'), order('b')], 'a a', [server(0)])
  const text = report(books, problemsOf(books, RULES))
  assert.match(text, /1 duplicate, 1 missing, of 2 orders sent and 2 arrivals/)
  assert.match(text, /all: a duplicate, b missing/)
  assert.match(text, /order b was answered 202 and never arrived\n {8}0 ms {2}sent by client 0\n/)
  assert.match(text, / 50 ms {2}killed: server, after arrival 0/)
  assert.match(text, / 101 ms {2}arrival 2 at the back end, id key-a/)
})
