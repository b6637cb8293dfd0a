import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from './clock.ts'
import type { Part } from './lifecycle.ts'
import { Lifecycle } from './lifecycle.ts'

function build(...parts: Part[]): { life: Lifecycle; clock: ManualClock; steps: string[] } {
  const clock = new ManualClock()
  const steps: string[] = []
  const life = new Lifecycle({
    clock,
    drainMs: 8000,
    graceMs: 500,
    onStep: (step, part) => steps.push(`${step} ${part}`),
  })
  for (const part of parts) life.add(part)
  return { life, clock, steps }
}

function gate(): { opened: Promise<void>; open: () => void } {
  let open!: () => void
  const opened = new Promise<void>(resolve => (open = resolve))
  return { opened, open }
}

test('parts start in order and stop in reverse', async () => {
  const { life, steps, clock } = build({ name: 'log' }, { name: 'stores' }, { name: 'transport' })

  await life.start()
  assert.equal(life.state, 'running')
  assert.deepEqual(await life.stop(), { problems: [] })

  assert.deepEqual(steps, ['start log', 'start stores', 'start transport', 'stop transport', 'stop stores', 'stop log'])
  assert.equal(life.state, 'stopped')
  assert.equal(clock.armed, 0)
})

test('two starts are one, and so are two stops', async () => {
  let starts = 0
  let stops = 0
  const { life } = build({ name: 'one', start: () => void starts++, stop: () => void stops++ })

  await Promise.all([life.start(), life.start()])
  await life.start()
  await Promise.all([life.stop(), life.stop()])
  await life.stop()

  assert.deepEqual([starts, stops], [1, 1])
})

test('a failed start tells why and leaves what was begun for stop to clean, the failing part included', async () => {
  const { life, steps } = build(
    { name: 'log' },
    {
      name: 'stores',
      start: () => {
        throw new Error('no disk')
      },
    },
    { name: 'transport' },
  )

  await assert.rejects(life.start(), /no disk/)
  assert.equal(life.state, 'failed')
  await life.stop()

  assert.deepEqual(steps, ['start log', 'start stores', 'stop stores', 'stop log'])
})

test('a start after a failed one first gives back what the failed one holds', async () => {
  let broken = true
  const { life, steps } = build(
    { name: 'log' },
    {
      name: 'stores',
      start: () => {
        if (broken) throw new Error('no disk')
      },
    },
  )
  await assert.rejects(life.start())
  broken = false

  await life.start()

  assert.deepEqual(steps, ['start log', 'start stores', 'stop stores', 'stop log', 'start log', 'start stores'])
  await life.stop()
})

test('a stop during the start lets the starting part end and starts no other', async () => {
  const slow = gate()
  const { life, steps } = build(
    { name: 'slow', start: signal => (signal.addEventListener('abort', slow.open), slow.opened) },
    { name: 'never' },
  )
  const starting = life.start()
  const refused = assert.rejects(starting, /given up/)

  const { problems } = await life.stop()
  await refused

  assert.deepEqual(problems, [])
  assert.deepEqual(steps, ['start slow', 'stop slow'])
})

test('a start that hangs is not waited for beyond the deadline', async () => {
  const { life, clock, steps } = build({ name: 'hangs', start: () => new Promise(() => {}) })
  void life.start()
  const stopping = life.stop()

  await clock.advance(8000)
  await stopping

  assert.deepEqual(steps, ['start hangs', 'stop hangs'])
})

test('a start during a stop waits for its end', async () => {
  const drained = gate()
  const { life, steps } = build({ name: 'one', stop: () => drained.opened })
  await life.start()
  const stopping = life.stop()

  const again = life.start()
  drained.open()
  await Promise.all([stopping, again])

  assert.deepEqual(steps, ['start one', 'stop one', 'start one'])
  assert.equal(life.state, 'running')
  await life.stop()
})

test('a part may drain until the deadline, then its patience ends', async () => {
  const { life, clock } = build({
    name: 'transport',
    stop: patience => new Promise(resolve => patience.addEventListener('abort', () => resolve())),
  })
  await life.start()
  let ended = false
  const stopping = life.stop().then(report => ((ended = true), report))

  await clock.advance(7999)
  assert.equal(ended, false)
  await clock.advance(1)

  assert.deepEqual(await stopping, { problems: [] })
})

test('a second signal ends the patience at once', async () => {
  const { life, clock } = build({
    name: 'transport',
    stop: patience => new Promise(resolve => patience.addEventListener('abort', () => resolve())),
  })
  await life.start()
  const stopping = life.stop()
  await clock.advance(10)

  life.hurry()
  await stopping

  assert.equal(clock.monotonic(), 10)
})

test('a part that hangs is left behind after its grace, one that throws is reported, and the rest still stops', async () => {
  const stopped: string[] = []
  const { life, clock } = build(
    { name: 'log', stop: () => void stopped.push('log') },
    {
      name: 'stores',
      stop: () => {
        throw new Error('sync failed')
      },
    },
    { name: 'transport', stop: () => new Promise(() => {}) },
  )
  await life.start()
  const stopping = life.stop()
  await clock.advance(8500)

  const { problems } = await stopping
  assert.deepEqual(
    problems.map(problem => problem.part),
    ['transport', 'stores'],
  )
  assert.deepEqual(stopped, ['log'])
  assert.equal(clock.armed, 0)
})

test('stopping what was never started does nothing', async () => {
  const { life, steps } = build({ name: 'one' })
  await life.stop()

  assert.deepEqual(steps, [])
  assert.equal(life.state, 'stopped')
})
