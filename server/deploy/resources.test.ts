import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
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

test('properties of a resource are lines of a file beside it, before those an archive brought', t => {
  const { resources: found } = resources(t, {
    'registry/governance/a.xml': '<a/>',
    'registry/governance/a.xml.properties': '# who\nowner = joe\nnote: two\\nlines \\u00e9\n',
  })
  const bytes = Buffer.from('<a/>')
  const properties = new Map([
    ['owner', 'car'],
    ['version', '7'],
  ])
  found.bring(new Map([['/_system/governance/a.xml', { contentType: 'application/xml', bytes, properties }]]))
  const of = (name: string): string | undefined => found.property('gov:/a.xml', name)
  assert.deepEqual([of('owner'), of('note'), of('version'), of('none')], ['joe', 'two\nlines é', '7', undefined])
  assert.equal(found.property('gov:/../../x', 'owner'), undefined)
})

test('what a flow writes into the registry is there at once, and properties keep their neighbours', t => {
  const { resources: found, home } = resources(t, {})
  found.write('gov:/orders/last', undefined, '7')
  assert.equal(textOf(found, 'gov:/orders/last'), '7')
  found.write('gov:/orders/last', 'who', 'joe\\ \n of\taccounting')
  found.write('gov:/orders/last', 'when', 'today')
  assert.equal(found.property('gov:/orders/last', 'who'), 'joe\\ \n of\taccounting')
  assert.equal(found.property('gov:/orders/last', 'when'), 'today')
  assert.deepEqual(readdirSync(join(home, 'registry/governance/orders')).sort(), ['last', 'last.properties'])
})

test('what a flow removes is gone, with its properties; removing nothing is no fault', t => {
  const { resources: found, home } = resources(t, {})
  found.write('gov:/orders/last', undefined, '7')
  found.write('gov:/orders/last', 'who', 'joe')
  found.write('gov:/orders/last', 'when', 'today')
  found.write('gov:/orders/last', 'who', null)
  assert.equal(found.property('gov:/orders/last', 'who'), undefined)
  assert.equal(found.property('gov:/orders/last', 'when'), 'today')
  found.write('gov:/orders/last', undefined, null)
  assert.equal(textOf(found, 'gov:/orders/last'), undefined)
  assert.equal(found.property('gov:/orders/last', 'when'), undefined)
  assert.deepEqual(readdirSync(join(home, 'registry/governance/orders')), [])
  found.write('gov:/orders/last', undefined, null)
  found.write('gov:/nothing/here', 'who', null)
  assert.equal(existsSync(join(home, 'registry/governance/nothing')), false)
  assert.throws(() => found.write('gov:/orders', undefined, null), /gov:\/orders cannot be removed/)
})

test('nothing is written outside of the registry', t => {
  const { resources: found, home, outside } = resources(t, {})
  for (const key of ['file:data/x', 'gov:/../../x', '', 'gov:/../../../x']) {
    assert.throws(() => found.write(key, undefined, 'x'), { code: 'MEDIATION_FAILED' }, key)
  }
  symlinkSync(outside, join(home, 'registry/config/away'))
  assert.throws(() => found.write('conf:/away/x', undefined, 'x'), /leads out of the registry/)
  assert.equal(existsSync(join(outside, 'x')), false)
})

test('a resource that is there and cannot be read is an error that names it, and hides no other one', t => {
  const { resources: them, home } = resources(t, { 'registry/config/folder/a.txt': 'a' })
  symlinkSync('circle.xml', join(home, 'registry/config/circle.xml'))
  them.bring(new Map([['/_system/config/circle.xml', { contentType: 'application/xml', bytes: Buffer.from('old') }]]))
  assert.throws(() => them.read('conf:/circle.xml'), { message: /circle\.xml is there and cannot be read: ELOOP/ })
  for (const key of ['conf:/folder', 'conf:/folder/a.txt/b', `conf:/${'x'.repeat(300)}`, 'conf:/a\0b'])
    assert.equal(them.read(key), undefined, key)
})
