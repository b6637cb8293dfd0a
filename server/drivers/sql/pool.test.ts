import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { ScriptedSql } from '../../testing/sql-rig.ts'
import type { SqlAddress } from './contracts.ts'
import { SqlDatabases } from './databases.ts'
import { databaseFailure } from './failure.ts'
import { SqlPool } from './pool.ts'

const ADDRESS: SqlAddress = {
  engine: 'postgresql',
  host: 'h',
  port: 1,
  database: 'd',
  user: 'u',
  password: 'p',
  tls: undefined,
}

function rig(most = 2) {
  const sql = new ScriptedSql()
  const clock = new ManualClock()
  const pool = new SqlPool(() => sql.open(ADDRESS), { most, waitMs: 1000, idleMs: 5000 }, clock)
  /** Takes a connection, and keeps it until told otherwise. */
  const hold = (): { held: Promise<void>; free: () => void } => {
    let free: () => void = () => undefined
    const held = pool.use(() => new Promise<void>(resolve => (free = resolve)))
    return { held, free: () => free() }
  }
  return { sql, clock, pool, hold }
}

const turn = (): Promise<void> => new Promise(setImmediate)

test('a connection is used again, and closed when it has been idle', async () => {
  const { sql, clock, pool } = rig()
  await pool.use(connection => connection.query('one', []))
  await pool.use(connection => connection.query('two', []))
  assert.equal(sql.opened.length, 1)
  assert.deepEqual(sql.said, ['one', 'two'])
  await clock.advance(5000)
  assert.equal(sql.opened[0]!.isClosed, true)
  assert.equal(pool.size, 0)
})

test('no more are opened than allowed: others wait for one, in turn', async () => {
  const { sql, pool, hold } = rig(1)
  const first = hold()
  await turn()
  const order: string[] = []
  const second = pool.use(async () => void order.push('second'))
  const third = pool.use(async () => void order.push('third'))
  first.free()
  await Promise.all([first.held, second, third])
  assert.deepEqual(order, ['second', 'third'])
  assert.equal(sql.opened.length, 1)
})

test('whoever waits too long is told what to raise, and takes no connection later', async () => {
  const { clock, pool, hold } = rig(1)
  const first = hold()
  await turn()
  const late = assert.rejects(
    pool.use(async () => undefined),
    { code: 'DATABASE_FAILED', message: /raise maxactive or maxwait/ },
  )
  await clock.advance(1000)
  await late
  first.free()
  await first.held
  await pool.use(async () => undefined)
})

test('a transaction is committed, or rolled back with the first failure', async () => {
  const { sql, pool } = rig()
  await pool.use(connection => connection.query('write', []), { isolation: 'SERIALIZABLE' })
  sql.answer = ({ sql: said }) => {
    if (said === 'bad') throw new Error('no such table')
    return {}
  }
  const failing = pool.use(
    async connection => {
      await connection.query('good', [])
      await connection.query('bad', [])
    },
    { isolation: undefined },
  )
  await assert.rejects(failing, /no such table/)
  assert.deepEqual(sql.said, ['BEGIN SERIALIZABLE', 'write', 'COMMIT', 'BEGIN', 'good', 'bad', 'ROLLBACK'])
})

test('a connection lost during COMMIT leaves the transaction in doubt; lost before, or told no, nothing of it happened', async () => {
  const { sql, pool } = rig()
  const write = (): Promise<unknown> =>
    pool
      .use(connection => connection.query('write', []), { isolation: undefined })
      .then(
        () => 'committed',
        ({ code, retryable, ambiguous, message }: IntegrationError) => [code, retryable, ambiguous, message],
      )
  const losing = (what: string) => {
    sql.answer = ({ sql: said }) => {
      if (said !== what) return {}
      sql.opened.at(-1)!.isClosed = true
      throw new IntegrationError('DATABASE_FAILED', 'the connection ended', { ambiguous: true })
    }
  }
  losing('COMMIT')
  const doubt = 'the connection ended; whether the transaction was committed nobody knows'
  assert.deepEqual(await write(), ['DATABASE_FAILED', true, true, doubt])
  for (const before of ['BEGIN', 'write']) {
    losing(before)
    assert.deepEqual(await write(), ['DATABASE_FAILED', true, false, 'the connection ended'])
  }
  sql.answer = ({ sql: said }) => {
    if (said === 'COMMIT') throw new IntegrationError('DATABASE_FAILED', 'a constraint', { retryable: false })
    return {}
  }
  assert.deepEqual(await write(), ['DATABASE_FAILED', false, false, 'a constraint'])
})

test('a connection that is broken, or cannot roll back, is not used again, and makes room', async () => {
  const { sql, pool } = rig(1)
  await pool.use(connection => connection.close())
  sql.answer = ({ sql: said }) => {
    if (said === 'bad' || said === 'ROLLBACK') throw new Error(said)
    return {}
  }
  await assert.rejects(
    pool.use(connection => connection.query('bad', []), { isolation: undefined }),
    /^Error: bad$/,
  )
  await pool.use(connection => connection.query('fine', []))
  assert.equal(sql.opened.length, 3)
})

test('a database that cannot be reached is told each time, and takes no room', async () => {
  const { sql, pool } = rig(1)
  sql.refusal = new Error('refused')
  await assert.rejects(
    pool.use(async () => undefined),
    /refused/,
  )
  await assert.rejects(
    pool.use(async () => undefined),
    /refused/,
  )
  sql.refusal = undefined
  await pool.use(async () => undefined)
  assert.equal(pool.size, 1)
})

test('disposal closes what is idle, ends who waits, and what is in use closes when it is given back', async () => {
  const { sql, pool, hold } = rig(1)
  const first = hold()
  await turn()
  const waiting = assert.rejects(
    pool.use(async () => undefined),
    { code: 'DATABASE_FAILED' },
  )
  sql.refusal = new Error('closed')
  await pool[Symbol.asyncDispose]()
  first.free()
  await first.held
  await waiting
  assert.equal(sql.opened[0]!.isClosed, true)
})

test('the same address and limits mean the same connections, others others', async () => {
  const sql = new ScriptedSql()
  await using databases = new SqlDatabases(
    new ManualClock(),
    { connectMs: 1, statementMs: 1 },
    { postgresql: sql, mysql: sql },
  )
  const limits = { most: 1, waitMs: 1, idleMs: 1 }
  assert.equal(databases.at(ADDRESS, limits), databases.at({ ...ADDRESS }, { ...limits }))
  assert.notEqual(databases.at(ADDRESS, limits), databases.at({ ...ADDRESS, password: 'q' }, limits))
})

test('what a database says is told with where it is, without who came; only what may pass is retryable', () => {
  const failure = (code?: string): ReturnType<typeof databaseFailure> =>
    databaseFailure(
      ADDRESS,
      Object.assign(new Error('said'), code === undefined ? {} : { code }),
      'the statement failed',
    )
  assert.equal(failure().message, 'PostgreSQL at h:1: the statement failed: said')
  assert.deepEqual(
    [
      'ECONNREFUSED',
      '40P01',
      '53300',
      'ER_LOCK_DEADLOCK',
      '42P01',
      '23505',
      'ER_DUP_ENTRY',
      'ER_ACCESS_DENIED_ERROR',
    ].map(code => failure(code).retryable),
    [true, true, true, true, false, false, false, false],
  )
})
