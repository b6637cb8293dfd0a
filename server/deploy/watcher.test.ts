import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { ManualClock, type Timer } from '../kernel/clock.ts'
import { watchFolders } from './watcher.ts'

/** A clock that stands still and tells when somebody asks to be called. */
class ToldClock extends ManualClock {
  readonly #waiting: { readonly ms: number; readonly found: () => void }[] = []

  override after(ms: number, run: () => void): Timer {
    for (const waiter of this.#waiting) if (waiter.ms === ms) waiter.found()
    return super.after(ms, run)
  }

  /** Resolves when somebody next asks to be called in so many milliseconds. */
  asked(ms: number): Promise<void> {
    return new Promise(found => this.#waiting.push({ ms, found }))
  }
}

const SETTLE = 150
const INTERVAL = 10_000

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-watch-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function watching(t: TestContext, folders: string[], look: () => Promise<void> = async () => undefined) {
  const clock = new ToldClock()
  const rig = { clock, looks: 0, dispose: () => watch[Symbol.dispose]() }
  const watch = watchFolders({
    folders,
    clock,
    intervalMs: INTERVAL,
    look: () => {
      rig.looks++
      return look()
    },
  })
  // Watching alone does not keep a process alive.
  const alive = setInterval(() => undefined, 60_000)
  t.after(() => {
    rig.dispose()
    clearInterval(alive)
  })
  return rig
}

test('a file that is written is looked at after it has had time to be finished', async t => {
  const path = folder(t)
  const rig = watching(t, [path])
  const noticed = rig.clock.asked(SETTLE)
  writeFileSync(join(path, 'a.xml'), '<a/>')
  await noticed
  await rig.clock.advance(SETTLE - 1)
  assert.equal(rig.looks, 0)
  await rig.clock.advance(1)
  assert.equal(rig.looks, 1)
})

test('without any event the folders are looked at every interval', async t => {
  const rig = watching(t, [join(folder(t), 'nowhere')])
  await rig.clock.advance(INTERVAL - 1)
  assert.equal(rig.looks, 0)
  await rig.clock.advance(1 + 2 * INTERVAL)
  assert.equal(rig.looks, 3)
})

test('a folder that comes later is watched from the next look on', async t => {
  const path = join(folder(t), 'later')
  const rig = watching(t, [path])
  mkdirSync(path)
  await rig.clock.advance(INTERVAL)
  const noticed = rig.clock.asked(SETTLE)
  writeFileSync(join(path, 'a.xml'), '<a/>')
  await noticed
  await rig.clock.advance(SETTLE)
  assert.equal(rig.looks, 2)
})

test('there is never more than one look at a time, and what changed meanwhile is looked at soon after', async t => {
  const path = folder(t)
  const ends: (() => void)[] = []
  const rig = watching(t, [path], () => new Promise(resolve => ends.push(resolve)))
  await rig.clock.advance(INTERVAL)
  assert.equal(rig.looks, 1)
  const noticed = rig.clock.asked(SETTLE)
  writeFileSync(join(path, 'a.xml'), '<a/>')
  await noticed
  await rig.clock.advance(SETTLE)
  assert.equal(rig.looks, 1)
  ends[0]!()
  await rig.clock.advance(SETTLE)
  assert.equal(rig.looks, 2)
})

test('after the end nothing is looked at and no timer is left', async t => {
  const rig = watching(t, [folder(t)])
  rig.dispose()
  assert.equal(rig.clock.armed, 0)
  await rig.clock.advance(10 * INTERVAL)
  assert.equal(rig.looks, 0)
})

test('an end in the middle of a look arms nothing afterwards', async t => {
  const ends: (() => void)[] = []
  const rig = watching(t, [folder(t)], () => new Promise(resolve => ends.push(resolve)))
  await rig.clock.advance(INTERVAL)
  rig.dispose()
  ends[0]!()
  await rig.clock.advance(0)
  assert.equal(rig.clock.armed, 0)
})
