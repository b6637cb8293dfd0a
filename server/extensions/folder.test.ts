import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { tempFolder } from '../testing/temp-folder.ts'
import { ExtensionFolders } from './folder.ts'

async function folderOf(
  t: TestContext,
  files: Readonly<Record<string, string>>,
): Promise<{ folder: string; found: ExtensionFolders }> {
  const home = await tempFolder('extensions')
  t.after(() => home[Symbol.asyncDispose]())
  const folder = join(home.path, 'extensions')
  for (const [name, text] of Object.entries(files)) put(join(folder, name), text)
  return { folder, found: new ExtensionFolders([folder], 1000) }
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function callOf(found: ExtensionFolders, name: string): unknown {
  const mediate = found.find(name)?.exports['mediate']
  return typeof mediate === 'function' ? (mediate as () => unknown)() : undefined
}

test('a module stands for the class its file or its path is named like, or for those it lists', async t => {
  const { found } = await folderOf(t, {
    'com.acme.One.mjs': 'export const mediate = () => 1',
    'com/acme/Two.js': 'export const mediate = () => 2',
    'three.mjs': "export const classes = ['com.acme.Three', 'com.acme.Drei']; export default { mediate: () => 3 }",
    'com.acme.Four.cjs': 'module.exports = { mediate: () => 4 }',
    'com.acme.Five.mjs': 'export default () => 5',
    'com.acme.Six.ts': 'export function mediate(): number { return 6 satisfies number }',
  })
  assert.equal(await found.look(), true)
  assert.deepEqual(found.diagnostics, [])
  const names = ['One', 'Two', 'Three', 'Drei', 'Four', 'Five', 'Six'].map(name => `com.acme.${name}`)
  assert.deepEqual(
    names.map(name => callOf(found, name)),
    [1, 2, 3, 3, 4, 5, 6],
  )
  assert.equal(found.find('three'), undefined)
})

test('helpers, tests, types and installed packages are no modules', async t => {
  const bad = 'throw new Error("loaded")'
  const { found } = await folderOf(t, {
    '_shared.mjs': bad,
    '.hidden.mjs': bad,
    'com.acme.A.test.mjs': bad,
    'com.acme.A.d.ts': bad,
    'node_modules/x/index.js': bad,
    'readme.txt': bad,
  })
  await found.look()
  assert.deepEqual(found.diagnostics, [])
})

for (const ending of ['mjs', 'cjs', 'ts']) {
  test(`an edited .${ending} module is another one at the next look, and what is removed is gone`, async t => {
    const name = `com.acme.A.${ending}`
    const text = (value: number): string =>
      ending === 'cjs' ? `exports.mediate = () => ${value}` : `export const mediate = () => ${value}`
    const { folder, found } = await folderOf(t, { [name]: text(1) })
    await found.look()
    const { digest } = found
    assert.equal(await found.look(), false)
    put(join(folder, name), `${text(22)}\n`)
    assert.equal(await found.look(), true)
    assert.notEqual(found.digest, digest)
    assert.equal(callOf(found, 'com.acme.A'), 22)
    rmSync(join(folder, name))
    assert.equal(await found.look(), true)
    assert.equal(found.find('com.acme.A'), undefined)
  })
}

test('a module that cannot be loaded any more is told with its line, and what it was before stays', async t => {
  const { folder, found } = await folderOf(t, { 'com.acme.A.mjs': 'export const mediate = () => 1' })
  await found.look()
  put(join(folder, 'com.acme.A.mjs'), 'export const mediate = () => 1\n\nlet x = = 2')
  assert.equal(await found.look(), true)
  assert.equal(callOf(found, 'com.acme.A'), 1)
  const [said] = found.diagnostics
  assert.equal(said?.at.file, 'extensions/com.acme.A.mjs')
  assert.match(said?.message ?? '', /cannot be loaded: .*=.*/)
  assert.match(said?.hint ?? '', /stays in service/)
})

test('two modules for one class are told, and the first one counts', async t => {
  const { found } = await folderOf(t, {
    'a.mjs': "export const classes = ['com.acme.A']; export const mediate = () => 'a'",
    'com.acme.A.mjs': "export const mediate = () => 'b'",
  })
  await found.look()
  assert.equal(callOf(found, 'com.acme.A'), 'a')
  assert.deepEqual(
    found.diagnostics.map(({ message }) => message),
    ['com.acme.A is already registered by extensions/a.mjs'],
  )
})

test('TypeScript that this Node cannot read is said to be so, with what to do', async t => {
  const { folder } = await folderOf(t, { 'com.acme.A.ts': 'export const mediate = () => 1' })
  const refusal = Object.assign(new TypeError('Unknown file extension ".ts"'), { code: 'ERR_UNKNOWN_FILE_EXTENSION' })
  const found = new ExtensionFolders([folder], 1000, () => Promise.reject(refusal))
  await found.look()
  assert.match(found.diagnostics[0]!.message, /Node 22\.18 or newer, run npm install esbuild/)
})

test('a folder that is not there is no problem', async () => {
  const found = new ExtensionFolders(['/nowhere/extensions'], 1000)
  await found.look()
  assert.deepEqual(found.diagnostics, [])
})
