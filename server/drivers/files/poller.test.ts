import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ManualClock } from '../../kernel/clock.ts'
import { memoryLog, type MemoryLog } from '../../testing/memory-log.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import { FileLocks } from './lock.ts'
import type { FoundFile, KeptFiles, PollerOptions } from './contracts.ts'
import { FilePoller } from './poller.ts'

interface Rig extends AsyncDisposable {
  readonly folder: string
  readonly clock: ManualClock
  readonly log: MemoryLog
  readonly handled: string[]
  /** What becomes of the next files; true for each unless the test says otherwise. */
  outcome: (file: FoundFile) => boolean | Promise<boolean>
  poller(changes?: Partial<PollerOptions>): FilePoller
  /** A file that has not been touched for a while. */
  old(name: string, text?: string, ageSeconds?: number): Promise<void>
  /** One interval later; files really are looked at in between. */
  look(poller: FilePoller): Promise<void>
  names(folder?: string): Promise<string[]>
}

const INTERVAL = 5000

async function rig(): Promise<Rig> {
  const home = await tempFolder('poller')
  const folder = join(home.path, 'in')
  await mkdir(folder)
  const clock = new ManualClock()
  const log = memoryLog()
  const pollers: FilePoller[] = []
  const handled: string[] = []
  const it: Rig = {
    folder,
    clock,
    log,
    handled,
    outcome: () => true,
    poller(changes = {}) {
      const made = new FilePoller({
        name: 'test',
        path: folder,
        intervalMs: INTERVAL,
        locks: null,
        pauseMs: 0,
        minimumAgeMs: 0,
        createFolder: false,
        processed: { kind: 'delete' },
        failed: null,
        handle: async file => {
          const chunks: Uint8Array[] = []
          for await (const chunk of file.open()) chunks.push(chunk)
          handled.push(`${file.name}=${Buffer.concat(chunks).toString()}`)
          return it.outcome(file)
        },
        clock,
        log,
        ...changes,
      })
      pollers.push(made)
      return made
    },
    async old(name, text = name, ageSeconds = 60) {
      await writeFile(join(folder, name), text)
      const then = clock.now() / 1000 - ageSeconds
      await utimes(join(folder, name), then, then)
    },
    async look(poller) {
      if (poller.state.observed === 'stopped') poller.start()
      else await clock.advance(INTERVAL)
      // A look ends by waiting for the next one.
      while (clock.armed === 0) await new Promise(resolve => setImmediate(resolve))
    },
    names: async (inside = folder) => (await readdir(inside)).sort(),
    async [Symbol.asyncDispose]() {
      for (const poller of pollers) await poller.stop()
      await home[Symbol.asyncDispose]()
    },
  }
  return it
}

test('files are handed over in order and deleted when their flow has ended', async () => {
  await using it = await rig()
  await it.old('b.xml')
  await it.old('a.xml')
  const poller = it.poller()
  await it.look(poller)
  assert.deepEqual(it.handled, ['a.xml=a.xml', 'b.xml=b.xml'])
  assert.deepEqual(await it.names(), [])
  assert.deepEqual(poller.state, { observed: 'waiting', files: 2, failures: 0 })
})

test('a file that is still being written is not read before it has looked the same for a second', async () => {
  await using it = await rig()
  const poller = it.poller()
  await it.old('a.xml', 'ha', 0)
  await it.look(poller)
  assert.deepEqual(it.handled, [])
  await it.old('a.xml', 'half', 0)
  await it.clock.advance(500)
  await it.look(poller)
  // The second look saw a change, the third a file at rest.
  await it.look(poller)
  assert.deepEqual(it.handled, ['a.xml=half'])
})

test('a file that changes while it is worked on stays, and comes again', async () => {
  await using it = await rig()
  await it.old('a.xml', 'one')
  it.outcome = async () => {
    await it.old('a.xml', 'one and two', 30)
    it.outcome = () => true
    return true
  }
  const poller = it.poller()
  await it.look(poller)
  assert.deepEqual(await it.names(), ['a.xml'])
  assert.ok(it.log.texts('warn').some(line => line.includes('has changed while it was processed')))
  await it.look(poller)
  assert.deepEqual(it.handled, ['a.xml=one', 'a.xml=one and two'])
})

test('names can be chosen; hidden files, locks and folders are none of our business', async () => {
  await using it = await rig()
  for (const name of ['a.xml', 'a.csv', '.a.xml', 'b.xml.lock']) await it.old(name)
  await mkdir(join(it.folder, 'c.xml'))
  await it.look(it.poller({ pattern: /^(?:.*\.xml.*)$/ }))
  assert.deepEqual(it.handled, ['a.xml=a.xml'])
})

test('size and time order files, a batch ends the look, age and size leave some alone', async () => {
  await using it = await rig()
  await it.old('a', '333', 50)
  await it.old('b', '1', 70)
  await it.old('c', '22', 60)
  const handledBy = async (changes: Partial<PollerOptions>): Promise<string[]> => {
    it.handled.length = 0
    it.outcome = () => false
    const poller = it.poller(changes)
    await it.look(poller)
    await poller.stop()
    return it.handled.map(line => line.slice(0, 1))
  }
  assert.deepEqual(await handledBy({ sort: { by: 'size', ascending: true } }), ['b', 'c', 'a'])
  assert.deepEqual(await handledBy({ sort: { by: 'size', ascending: false } }), ['a', 'c', 'b'])
  assert.deepEqual(await handledBy({ sort: { by: 'modified', ascending: true }, batch: 2 }), ['b', 'c'])
  assert.deepEqual(await handledBy({ minimumAgeMs: 55_000 }), ['b', 'c'])
  assert.deepEqual(await handledBy({ maximumAgeMs: 65_000 }), ['a', 'c'])
  assert.deepEqual(await handledBy({ sizeLimit: 2 }), ['b', 'c'])
})

test('a file is moved with the time before its name, and never over another one', async () => {
  await using it = await rig()
  const folder = join(it.folder, '..', 'done')
  for (const text of ['one', 'two']) {
    await it.old('a.xml', text)
    const poller = it.poller({ processed: { kind: 'move', folder: () => folder, prefix: () => '2026_' } })
    await it.look(poller)
    await poller.stop()
  }
  assert.deepEqual(await it.names(folder), ['2026_a-1.xml', '2026_a.xml'])
  assert.equal(await readFile(join(folder, '2026_a-1.xml'), 'utf8'), 'two')
})

test('without an action for failures a file stays and is tried again, later and later', async () => {
  await using it = await rig()
  await it.old('a.xml')
  it.outcome = () => false
  const poller = it.poller()
  await it.look(poller)
  await it.look(poller)
  assert.equal(it.handled.length, 1)
  assert.match(poller.state.reason!, /a\.xml has failed; it stays where it is and is tried again in 30 s/)
  for (let i = 0; i < 6; i++) await it.look(poller)
  assert.equal(it.handled.length, 2)
  it.outcome = () => true
  for (let i = 0; i < 12; i++) await it.look(poller)
  assert.deepEqual(await it.names(), [])
  assert.equal(poller.state.reason, undefined)
})

test('files of subfolders are read where that is asked for, and moved to subfolders of the same name', async () => {
  await using it = await rig()
  await mkdir(join(it.folder, 'a', 'b'), { recursive: true })
  await mkdir(join(it.folder, '.hidden'))
  await it.old('top.xml')
  await it.old('a/b/deep.xml')
  await it.old('.hidden/no.xml')
  const done = join(it.folder, '..', 'done')
  const subfolders: string[] = []
  it.outcome = ({ subfolder }) => {
    subfolders.push(subfolder)
    return true
  }
  const poller = it.poller({ processed: { kind: 'move', folder: () => done, subfolders: true }, subfolders: true })
  await it.look(poller)
  assert.deepEqual(it.handled, ['deep.xml=a/b/deep.xml', 'top.xml=top.xml'])
  assert.deepEqual(subfolders, ['/a/b', ''])
  assert.deepEqual([await it.names(done), await it.names(join(done, 'a/b'))], [['a', 'top.xml'], ['deep.xml']])
  await poller.stop()
  await it.old('a/flat.xml')
  const flat = it.poller({ processed: { kind: 'move', folder: () => done }, subfolders: true })
  await it.look(flat)
  assert.deepEqual(await it.names(done), ['a', 'flat.xml', 'top.xml'])
})

test('a file that stays is read once, over restarts, and again when it has changed', async () => {
  await using it = await rig()
  const stamps = new Map<string, string>()
  const kept: KeptFiles = {
    get: path => stamps.get(path),
    paths: () => [...stamps.keys()],
    set: async (path, stamp) => void stamps.set(path, stamp),
    delete: async path => void stamps.delete(path),
  }
  const changes: Partial<PollerOptions> = { processed: { kind: 'keep' }, kept }
  await it.old('a.xml', 'one')
  const first = it.poller(changes)
  await it.look(first)
  await it.look(first)
  await first.stop()
  const second = it.poller(changes)
  await it.look(second)
  assert.deepEqual(it.handled, ['a.xml=one'])
  await it.old('a.xml', 'two', 30)
  await it.look(second)
  assert.deepEqual(it.handled, ['a.xml=one', 'a.xml=two'])
  await rm(join(it.folder, 'a.xml'))
  await it.look(second)
  assert.equal(stamps.size, 0)
})

test('a failure, thrown or told, moves the file to where failures go', async () => {
  await using it = await rig()
  await it.old('a.xml')
  await it.old('b.xml')
  it.outcome = ({ name }) => {
    if (name === 'a.xml') throw new Error('boom')
    return false
  }
  const folder = join(it.folder, '..', 'bad')
  await it.look(it.poller({ failed: { kind: 'move', folder: () => folder } }))
  assert.deepEqual(await it.names(folder), ['a.xml', 'b.xml'])
  assert.deepEqual(await it.names(), [])
})

test('a file whose flow fails because everything stops is nobody’s failure: it stays, and comes again', async () => {
  await using it = await rig()
  await it.old('a.xml')
  const poller = it.poller({ failed: { kind: 'delete' } })
  const stopped = new Promise<void>(resolve => {
    it.outcome = () => {
      resolve(poller.stop())
      return false
    }
  })
  poller.start()
  await stopped
  assert.deepEqual(await it.names(), ['a.xml'])
  assert.ok(it.log.texts('info').some(line => line.includes('a.xml comes again')))
})

test('a move that fails leaves the file where it is, handed over once', async () => {
  await using it = await rig()
  await it.old('a.xml')
  const folder = join(it.folder, 'a.xml', 'below a file')
  const poller = it.poller({ processed: { kind: 'move', folder: () => folder } })
  await it.look(poller)
  await it.look(poller)
  assert.equal(it.handled.length, 1)
  assert.deepEqual(await it.names(), ['a.xml'])
  assert.match(poller.state.reason!, /was processed but cannot be moved/)
})

test('a lock of another server keeps a file; one this home has left behind does not', async () => {
  await using it = await rig()
  await it.old('a.xml')
  const other = new FileLocks('/other/home')
  assert.equal(await other.take(join(it.folder, 'a.xml')), true)
  const poller = it.poller({ locks: new FileLocks('/our/home') })
  await it.look(poller)
  assert.deepEqual(it.handled, [])
  await other.release(join(it.folder, 'a.xml'))

  // Killed in the middle: the file and its lock are still there.
  const before = new FileLocks('/our/home')
  assert.equal(await before.take(join(it.folder, 'a.xml')), true)
  await it.look(poller)
  assert.deepEqual(it.handled, ['a.xml=a.xml'])
  assert.deepEqual(await it.names(), [])
})

test('a lock left behind for a file that is gone is removed, one of another server is not', async () => {
  await using it = await rig()
  const gone = join(it.folder, 'gone.xml')
  await new FileLocks('/our/home').take(gone)
  await new FileLocks('/other/home').take(join(it.folder, 'theirs.xml'))
  await it.look(it.poller({ locks: new FileLocks('/our/home') }))
  assert.deepEqual(await it.names(), ['theirs.xml.lock'])
})

test('a folder that is away is said once, and looked for again', async () => {
  await using it = await rig()
  await rm(join(it.folder), { recursive: true })
  const path = join(it.folder, 'sub')
  const poller = it.poller({ path })
  await it.look(poller)
  await it.look(poller)
  assert.equal(it.log.texts('warn').filter(line => line.includes('cannot look into')).length, 1)
  await mkdir(path, { recursive: true })
  await writeFile(join(path, 'a.xml'), 'x')
  await utimes(join(path, 'a.xml'), 1, 1)
  await it.look(poller)
  assert.deepEqual(it.handled, ['a.xml=x'])
})

test('what was wrong is told as long as it is: not when the folder is back, or the file has gone', async () => {
  await using it = await rig()
  await rm(it.folder, { recursive: true })
  const poller = it.poller({ path: join(it.folder, 'deeper'), sizeLimit: 3 })
  await it.look(poller)
  assert.match(poller.state.reason!, /cannot look into/)
  await mkdir(join(it.folder, 'deeper'), { recursive: true })
  await it.look(poller)
  assert.equal(poller.state.reason, undefined)

  for (const name of ['deeper/a.xml', 'deeper/b.xml']) await it.old(name, 'long')
  await it.look(poller)
  assert.match(poller.state.reason!, /b\.xml has 4 bytes/)
  await rm(join(it.folder, 'deeper', 'b.xml'))
  await it.look(poller)
  assert.match(poller.state.reason!, /a\.xml has 4 bytes/, 'the other one is there still')
  assert.equal(it.log.texts('warn').filter(text => text.includes('a.xml')).length, 1)
  await it.old('deeper/a.xml', 'a')
  await it.look(poller)
  assert.deepEqual([poller.state.reason, it.handled], [undefined, ['a.xml=a']])
})

test('a single file may be waited for, and a folder made', async () => {
  await using it = await rig()
  const poller = it.poller({ path: join(it.folder, 'one.xml') })
  await it.look(poller)
  await it.old('one.xml')
  await it.old('two.xml')
  await it.look(poller)
  assert.deepEqual(it.handled, ['one.xml=one.xml'])
  await poller.stop()
  await it.look(it.poller({ path: join(it.folder, 'deep/er'), createFolder: true }))
  assert.deepEqual(await it.names(join(it.folder, 'deep')), ['er'])
})

test('stopping waits for the file in hand and takes no other', async () => {
  await using it = await rig()
  await it.old('a.xml')
  await it.old('b.xml')
  let finish = (): void => undefined
  const begun = new Promise<void>(resolve => {
    it.outcome = () =>
      new Promise<boolean>(done => {
        finish = () => done(true)
        resolve()
      })
  })
  const poller = it.poller()
  poller.start()
  await begun
  const stopped = poller.stop()
  finish()
  await stopped
  assert.deepEqual(it.handled, ['a.xml=a.xml'])
  assert.deepEqual(await it.names(), ['b.xml'])
  assert.equal(poller.state.observed, 'stopped')
})
