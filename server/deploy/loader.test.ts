import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { DecodeEnv } from '../schema/element-site.ts'
import { testDecodeEnv } from '../testing/rig.ts'
import { Loader, type Loaded } from './loader.ts'

interface Folder {
  readonly path: string
  write(name: string, text: string): void
}

function folder(t: TestContext): Folder {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-loader-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return {
    path,
    write(name, text) {
      mkdirSync(dirname(join(path, name)), { recursive: true })
      writeFileSync(join(path, name), text)
    },
  }
}

/** Names the artifacts and the problems of a look. */
function told({ files }: Loaded): string[] {
  return files.flatMap(({ file, artifacts, diagnostics }) => [
    ...artifacts.map(({ role, name, diagnostics }) => `${file} ${role}:${name}${diagnostics.length > 0 ? ' !' : ''}`),
    ...diagnostics.map(({ code, at }) => `${at.file}:${at.line}:${at.column} ${code}`),
  ])
}

const sequence = (name: string): string => `<sequence name="${name}"><drop/></sequence>`

test('the Synapse layout, a plain folder and a whole configuration are read alike, in a fixed order', t => {
  const { path, write } = folder(t)
  write('synapse-configs/default/sequences/main.xml', sequence('main'))
  write(
    'synapse-configs/default/proxy-services/P.xml',
    '<proxy name="P"><target><inSequence><drop/></inSequence></target></proxy>',
  )
  write('synapse-configs/default/registry.xml', '<registry xmlns="http://ws.apache.org/ns/synapse"/>')
  write(
    'all.xml',
    `<definitions xmlns="http://ws.apache.org/ns/synapse">${sequence('a')}${sequence('b')}</definitions>`,
  )
  write('loose.XML', '<localEntry key="k">v</localEntry>')
  write('notes.txt', 'not an artifact')
  write('old.xml.back', 'neither')
  write('.hidden/c.xml', sequence('c'))
  assert.deepEqual(told(new Loader([path], testDecodeEnv()).load()), [
    'all.xml sequence:a',
    'all.xml sequence:b',
    'loose.XML local-entry:k',
    'synapse-configs/default/proxy-services/P.xml proxy:P',
    'synapse-configs/default/registry.xml:1:1 no-effect',
    'synapse-configs/default/sequences/main.xml sequence:main',
  ])
})

test('a file is decoded again only when its content has changed', t => {
  const { path, write } = folder(t)
  write('s.xml', '<sequence name="s"><property name="p" expression="//a"/></sequence>')
  const plain = testDecodeEnv()
  let compiled = 0
  const env: DecodeEnv = { ...plain, compile: (...given) => (compiled++, plain.compile(...given)) }
  const loader = new Loader([path], env)
  const first = loader.load()
  const again = loader.load()
  assert.equal(again.digest, first.digest)
  assert.equal(again.files[0], first.files[0])
  utimesSync(join(path, 's.xml'), 1, 1)
  assert.equal(loader.load().digest, first.digest)
  assert.equal(compiled, 1)
  write('s.xml', '<sequence name="s"><property name="p" expression="//b"/></sequence>')
  assert.notEqual(loader.load().digest, first.digest)
  assert.equal(compiled, 2)
})

test('a change that keeps size and time of a file is seen all the same', t => {
  const { path, write } = folder(t)
  write('s.xml', sequence('a'))
  utimesSync(join(path, 's.xml'), 1000, 1000)
  const loader = new Loader([path], testDecodeEnv())
  loader.load()
  write('next', sequence('b'))
  utimesSync(join(path, 'next'), 1000, 1000)
  renameSync(join(path, 'next'), join(path, 's.xml'))
  assert.deepEqual(told(loader.load()), ['s.xml sequence:b'])
})

test('files that come, move and go change the digest', t => {
  const { path, write } = folder(t)
  const loader = new Loader([path], testDecodeEnv())
  const digests = [loader.load().digest]
  write('a.xml', sequence('a'))
  digests.push(loader.load().digest)
  renameSync(join(path, 'a.xml'), join(path, 'b.xml'))
  digests.push(loader.load().digest)
  unlinkSync(join(path, 'b.xml'))
  assert.equal(loader.load().digest, digests[0])
  assert.equal(new Set(digests).size, 3)
})

test('a file that cannot be read is reported where it is, and read once it can be', t => {
  const { path, write } = folder(t)
  symlinkSync('loop.xml', join(path, 'loop.xml'))
  const loader = new Loader([path], testDecodeEnv())
  const before = loader.load()
  assert.deepEqual(told(before), ['loop.xml:1:1 unreadable-file'])
  assert.equal(before.files[0]!.diagnostics[0]!.severity, 'error')
  unlinkSync(join(path, 'loop.xml'))
  write('loop.xml', sequence('s'))
  assert.deepEqual(told(loader.load()), ['loop.xml sequence:s'])
})

test('a pipe that looks like an artifact does not keep the server waiting', t => {
  const { path } = folder(t)
  execFileSync('mkfifo', [join(path, 'pipe.xml')])
  assert.deepEqual(told(new Loader([path], testDecodeEnv()).load()), ['pipe.xml:1:1 unreadable-file'])
})

test('a file that is deleted between listing and reading is as good as never there', t => {
  const { path } = folder(t)
  symlinkSync('gone', join(path, 'dangling.xml'))
  assert.deepEqual(told(new Loader([path], testDecodeEnv()).load()), [])
})

test('a folder that is not there is an error, a link that leads back up ends', t => {
  const { path, write } = folder(t)
  const [missing] = new Loader([join(path, 'nowhere')], testDecodeEnv()).load().files
  assert.deepEqual([missing!.isFolder, missing!.diagnostics[0]!.code], [true, 'missing-folder'])
  write('sub/s.xml', sequence('s'))
  symlinkSync('..', join(path, 'sub', 'up'))
  assert.deepEqual(told(new Loader([path], testDecodeEnv()).load()), ['sub/s.xml sequence:s'])
})

test('a file far too large for an artifact is not even read', t => {
  const { path, write } = folder(t)
  write('big.xml', '')
  truncateSync(join(path, 'big.xml'), 40 * 1024 * 1024)
  assert.deepEqual(told(new Loader([path], testDecodeEnv()).load()), ['big.xml:1:1 file-too-large'])
})

test('of several places each file has a name of its own, and one that is in two of them is read once', t => {
  const { path, write } = folder(t)
  write('one/s.xml', sequence('a'))
  write('two/s.xml', sequence('b'))
  const loader = new Loader([join(path, 'one'), join(path, 'two'), join(path, 'two', 's.xml')], testDecodeEnv())
  assert.deepEqual(told(loader.load()), ['one/s.xml sequence:a', 'two/s.xml sequence:b'])
})

test('a single file may stand for a folder, and names are relative to the base one asks for', t => {
  const { path, write } = folder(t)
  write('deep/er/s.xml', sequence('s'))
  const file = join(path, 'deep', 'er', 's.xml')
  assert.deepEqual(told(new Loader([file], testDecodeEnv()).load()), ['s.xml sequence:s'])
  assert.deepEqual(told(new Loader([file], testDecodeEnv(), path).load()), ['deep/er/s.xml sequence:s'])
})

test('what is not XML is reported with its place and harms no other file', t => {
  const { path, write } = folder(t)
  write('bad.xml', '<sequence name="s">\n<log></sequence>')
  write('dtd.xml', '<!DOCTYPE s [<!ENTITY a "b">]><sequence name="d"/>')
  write('good.xml', sequence('g'))
  assert.deepEqual(told(new Loader([path], testDecodeEnv()).load()), [
    'bad.xml:2:6 xml-malformed',
    'dtd.xml:1:1 xml-malformed',
    'good.xml sequence:g',
  ])
})
