import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { isResourceKey, Resources } from './resources.ts'

function resources(
  t: TestContext,
  files: Record<string, string>,
): { resources: Resources; outside: string; home: string } {
  const outside = mkdtempSync(join(tmpdir(), 'holdfast-resources-'))
  t.after(() => rmSync(outside, { recursive: true, force: true }))
  const home = join(outside, 'home')
  for (const [name, text] of Object.entries({ ...files, 'registry/config/.keep': '' })) {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), text)
  }
  return { resources: new Resources(home), outside, home }
}

const textOf = (resources: Resources, key: string): string | undefined => {
  const found = resources.read(key)
  return found && Buffer.from(found.bytes).toString()
}

test('every way to write a key leads to its folder of the home', t => {
  const { resources: them } = resources(t, {
    'registry/config/a.xml': 'config',
    'registry/governance/b/c.txt': 'governance',
    'registry/local/d': 'local',
    'conf/e.json': 'file',
  })
  for (const [key, text] of Object.entries({
    'conf:/a.xml': 'config',
    'conf:a.xml': 'config',
    '/_system/config/a.xml': 'config',
    'a.xml': 'config',
    'gov:/b/c.txt': 'governance',
    'governance:/b/c.txt': 'governance',
    '/_system/governance/b/c.txt': 'governance',
    'local:/d': 'local',
    'file:conf/e.json': 'file',
  })) {
    assert.equal(textOf(them, key), text, key)
  }
})

test('a registry of files takes keys without prefix first, and cannot lead out of the home', t => {
  const { resources: them } = resources(t, {
    'repository/r/a/b.xml': 'root',
    'registry/config/c.xml': 'config',
    secret: 's',
  })
  them.rootAt('file:repository/r')
  assert.equal(textOf(them, 'a/b.xml'), 'root')
  assert.equal(textOf(them, 'c.xml'), 'config')
  assert.equal(textOf(them, '../../../secret'), undefined)
  them.rootAt(undefined)
  assert.equal(textOf(them, 'a/b.xml'), undefined)
})

test('the content type follows the name', t => {
  const { resources: them } = resources(t, {
    'registry/config/a.XSLT': '',
    'registry/config/b.json': '',
    'registry/config/c': '',
  })
  assert.deepEqual(
    ['conf:/a.XSLT', 'conf:/b.json', 'conf:/c'].map(key => them.read(key)?.contentType),
    ['application/xml', 'application/json', 'text/plain'],
  )
})

test('no key leads out of the home, by dots, from the root or through a link', t => {
  const { resources: them, outside, home } = resources(t, {})
  writeFileSync(join(outside, 'secret'), 'secret')
  symlinkSync(join(outside, 'secret'), join(home, 'registry', 'config', 'link'))
  for (const key of [
    'file:../secret',
    'conf:/../../../secret',
    'conf:../../../secret',
    `file:${join(outside, 'secret')}`,
    'conf:/link',
    'gov:/',
    'file:',
    '',
  ]) {
    assert.equal(them.read(key), undefined, key)
  }
})

test('a folder, or what is not there, is no resource', t => {
  const { resources: them } = resources(t, { 'registry/config/sub/x': '' })
  assert.deepEqual([them.read('conf:/sub'), them.read('conf:/nope')], [undefined, undefined])
})

test('a key with a prefix names a resource, a plain name a local entry', () => {
  assert.deepEqual(['conf:/a', 'gov:a', '/_system/config/a', 'file:x'].map(isResourceKey), [true, true, true, true])
  assert.deepEqual(['greeting', 'config', 'http://h/'].map(isResourceKey), [false, false, false])
})
