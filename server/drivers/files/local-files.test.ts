import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ManualClock } from '../../kernel/clock.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import { LocalFiles } from './local-files.ts'

interface Rig extends AsyncDisposable {
  readonly files: LocalFiles
  readonly folder: string
  read(name: string): Promise<string>
}

async function rig(): Promise<Rig> {
  const home = await tempFolder('files')
  const folder = join(home.path, 'files')
  return {
    files: new LocalFiles(home.path, [], new ManualClock()),
    folder,
    read: name => readFile(join(folder, name), 'utf8'),
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text)

test('a file is named by the message in a folder, and by its address elsewhere', async () => {
  await using it = await rig()
  await it.files.write({ address: 'vfs:file:files/out/', name: 'a.xml', append: false }, bytes('1'))
  assert.equal(await it.read('out/a.xml'), '1')
  await it.files.write({ address: 'file:files/out', name: undefined, append: false }, bytes('2'))
  assert.equal(await it.read('out/response.xml'), '2')
  await it.files.write({ address: 'file:files/new/b.xml', name: 'ignored.xml', append: false }, bytes('3'))
  assert.equal(await it.read('new/b.xml'), '3')
  await it.files.write({ address: 'file:files/fresh', name: 'c.xml', append: false }, bytes('4'))
  assert.equal(await it.read('fresh/c.xml'), '4')
})

test('a name from a message does not lead out of the folder', async () => {
  await using it = await rig()
  await mkdir(it.folder, { recursive: true })
  for (const name of ['../x', 'a/b', '..', 'a\\b', '/etc/x', 'a\0b']) {
    const writing = it.files.write({ address: 'file:files', name, append: false }, bytes('x'))
    await assert.rejects(writing, { code: 'FILE_FORBIDDEN' }, name)
  }
})

test('readers see the old file or the new one, never a part: a source that breaks leaves the old one', async () => {
  await using it = await rig()
  await it.files.write({ address: 'file:files/a.txt', name: undefined, append: false }, bytes('old'))
  let seenMeanwhile: string | undefined
  const breaking = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes('ne')
    seenMeanwhile = await it.read('a.txt')
    throw new Error('cut off')
  }
  await assert.rejects(it.files.write({ address: 'file:files/a.txt', name: undefined, append: false }, breaking()), {
    code: 'SEND_FAILED',
    message: /cut off/,
  })
  assert.deepEqual([seenMeanwhile, await it.read('a.txt')], ['old', 'old'])
  assert.deepEqual(await readdir(it.folder), ['a.txt'])
})

test('appends of many messages do not interleave', async () => {
  await using it = await rig()
  const line = (letter: string): string => `${letter.repeat(5000)}\n`
  const slowly = async function* (text: string): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < text.length; at += 1000) yield bytes(text.slice(at, at + 1000))
  }
  await Promise.all(
    ['a', 'b', 'c'].map(letter =>
      it.files.write({ address: 'file:files/log.txt', name: undefined, append: true }, slowly(line(letter))),
    ),
  )
  assert.equal(await it.read('log.txt'), line('a') + line('b') + line('c'))
})

test('what cannot be written is a failed send that says why', async () => {
  await using it = await rig()
  await mkdir(it.folder, { recursive: true })
  await writeFile(join(it.folder, 'file'), '')
  const writing = it.files.write({ address: 'file:files/file/x.txt', name: undefined, append: false }, bytes('x'))
  await assert.rejects(writing, { code: 'SEND_FAILED', message: /x\.txt cannot be written/ })
})
