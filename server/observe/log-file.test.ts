import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { ManualClock } from '../kernel/clock.ts'
import type { LogDisk, LogFileOptions } from './log-file.ts'
import { LogFile } from './log-file.ts'

interface Rig {
  readonly file: LogFile
  readonly clock: ManualClock
  readonly path: string
  readonly troubles: string[]
  read(): string
}

function rig(t: TestContext, options: Partial<LogFileOptions> = {}): Rig {
  const folder = fs.mkdtempSync(join(tmpdir(), 'holdfast-log-'))
  const path = join(folder, 'logs', 'server.log')
  const clock = new ManualClock(new Date(2026, 0, 31, 12).getTime())
  const troubles: string[] = []
  const onTrouble = (text: string): void => void troubles.push(text)
  const file = new LogFile({ path, maxSize: 1 << 20, keep: 3, clock, onTrouble, ...options })
  t.after(async () => {
    await file.close()
    fs.rmSync(folder, { recursive: true, force: true })
  })
  return { file, clock, path, troubles, read: () => (fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : '') }
}

test('lines are appended in order, also to a file that is there already', async t => {
  const { file, path, read } = rig(t)
  fs.mkdirSync(join(path, '..'), { recursive: true })
  fs.writeFileSync(path, 'from before\n')
  fs.utimesSync(path, new Date(2026, 0, 31), new Date(2026, 0, 31, 1))

  file.write('one\n', 'info')
  file.write('two\n', 'debug')
  await file.flush()

  assert.equal(read(), 'from before\none\ntwo\n')
})

test('an ordinary line waits at most 20 ms, a warning not at all', async t => {
  const writes: string[] = []
  const disk = watching(text => writes.push(text))
  const { file, clock } = rig(t, { disk })

  file.write('one\n', 'info')
  await clock.advance(19)
  assert.deepEqual(writes, [])
  await clock.advance(1)
  assert.deepEqual(writes, ['one\n'])

  await file.flush()
  file.write('two\n', 'warn')
  assert.deepEqual(writes, ['one\n', 'two\n'])
})

test('64 kB are written without waiting, and while a write is under way the rest collects', async t => {
  const writes: string[] = []
  const disk = watching(text => writes.push(text))
  const { file } = rig(t, { disk })

  const line = `${'x'.repeat(999)}\n`
  for (let count = 0; count < 200; count++) file.write(line, 'info')
  assert.equal(writes.length, 1)
  await file.flush()

  assert.equal(writes.length, 2)
  assert.equal(writes.join('').length, 200_000)
})

test('a file that is full is set aside, and only so many are kept', async t => {
  const { file, path, read } = rig(t, { maxSize: 10 })
  for (const line of ['first..\n', 'second.\n', 'third..\n', 'fourth.\n', 'fifth..\n']) {
    file.write(line, 'info')
    await file.flush()
  }

  assert.equal(read(), 'fifth..\n')
  const aside = fs.readdirSync(join(path, '..')).sort()
  assert.deepEqual(aside, [
    'server.log',
    'server.log.2026-01-31.2',
    'server.log.2026-01-31.3',
    'server.log.2026-01-31.4',
  ])
  assert.equal(fs.readFileSync(join(path, '..', aside[3]!), 'utf8'), 'fourth.\n')
})

test('the file of a past day is set aside under its day', async t => {
  const { file, path, clock, read } = rig(t)
  file.write('saturday\n', 'info')
  await file.flush()
  fs.utimesSync(path, new Date(2026, 0, 31, 12), new Date(2026, 0, 31, 12))
  clock.step(24 * 3_600_000)

  file.write('sunday\n', 'info')
  await file.flush()

  assert.equal(read(), 'sunday\n')
  assert.equal(fs.readFileSync(`${path}.2026-01-31.1`, 'utf8'), 'saturday\n')
})

test('a disk that is full is told once, keeps the lines and heals', async t => {
  let full = true
  const disk: LogDisk = {
    ...fs,
    write: ((fd: number, bytes: Buffer, from: number, length: number, at: null, done: Done) => {
      if (full) setImmediate(() => done(Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' }), 0))
      else fs.write(fd, bytes, from, length, at, done)
    }) as LogDisk['write'],
  }
  const { file, clock, troubles, read } = rig(t, { disk })

  file.write('one\n', 'warn')
  await clock.advance(20)
  file.write('two\n', 'warn')
  await clock.advance(5000)
  assert.equal(troubles.length, 1)
  assert.match(troubles[0]!, /ENOSPC/)
  assert.equal(read(), '')

  full = false
  await clock.advance(1000)
  await file.flush()
  assert.equal(read(), 'one\ntwo\n')

  full = true
  file.write('three\n', 'warn')
  await clock.advance(20)
  assert.equal(troubles.length, 2)
  full = false
})

test('a folder that cannot be made takes nobody down', async t => {
  const { file, clock, troubles, path, read } = rig(t)
  fs.writeFileSync(join(path, '..'), 'a file where the folder should be')

  file.write('one\n', 'warn')
  await file.flush()
  assert.match(troubles[0]!, /cannot be written/)

  fs.rmSync(join(path, '..'))
  await clock.advance(1000)
  await file.flush()
  assert.equal(read(), 'one\n')
})

test('a write that took only a part goes on where it stopped', async t => {
  const disk: LogDisk = {
    ...fs,
    write: ((fd: number, bytes: Buffer, from: number, length: number, at: null, done: Done) =>
      fs.write(fd, bytes, from, Math.min(3, length), at, done)) as LogDisk['write'],
  }
  const { file, read } = rig(t, { disk })
  file.write('a line in pieces\n', 'warn')
  await file.flush()

  assert.equal(read(), 'a line in pieces\n')
})

test('too many lines: debug goes first, and the file says how many are missing', async t => {
  const { file, read } = rig(t, { mostWaiting: 1000 })
  for (let count = 0; count < 80; count++) {
    file.write(`debug ${String(count).padStart(3, '0')}\n`, 'debug')
    file.write(`info  ${String(count).padStart(3, '0')}\n`, 'info')
  }
  await file.flush()

  const lines = read().trimEnd().split('\n')
  const info = lines.filter(line => line.startsWith('info'))
  const debug = lines.filter(line => line.startsWith('debug'))
  assert.equal(info.length, 80)
  assert.equal(lines[0], `${80 - debug.length} log lines were given up because they could not be written in time`)
  assert.ok(debug.length < 80)
})

test('at the end of the process everything is written at once, a write under way neither lost nor doubled', async t => {
  for (const arrived of [0, 5, 8]) {
    let finish: (() => void) | undefined
    const disk: LogDisk = {
      ...fs,
      write: ((fd: number, bytes: Buffer, _from: number, _length: number, _at: null, done: Done) => {
        fs.writeSync(fd, bytes, 0, arrived)
        finish = () => done(null, bytes.length)
      }) as LogDisk['write'],
    }
    const { file, read } = rig(t, { disk })
    file.write('one two\n', 'warn')
    file.write('three\n', 'info')

    file.flushSync()
    assert.equal(read(), 'one two\nthree\n', `${arrived} bytes had arrived`)
    finish!()
    await file.flush()
    assert.equal(read(), 'one two\nthree\n')
  }
})

type Done = (error: Error | null, written: number) => void

function watching(onWrite: (text: string) => void): LogDisk {
  return {
    ...fs,
    write: ((fd: number, bytes: Buffer, from: number, length: number, at: null, done: Done) => {
      onWrite(bytes.toString('utf8', from, from + length))
      fs.write(fd, bytes, from, length, at, done)
    }) as LogDisk['write'],
  }
}
