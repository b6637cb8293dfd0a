import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { placeholders } from './placeholders.ts'

function home(t: TestContext, files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-placeholders-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  mkdirSync(join(path, 'conf'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, 'conf', name), text)
  return path
}

test('a variable at the beginning is replaced, and whatever follows it dropped, as in Synapse', t => {
  const files = { 'file.properties': 'url=http://from.file/\n', 'config.properties': 'url : http://from.config/' }
  const substitute = placeholders(home(t, files), { URL: 'http://from.environment/' })
  assert.deepEqual(substitute('$SYSTEM:URL'), { value: 'http://from.environment/' })
  assert.deepEqual(substitute('$SYSTEM:URL/rest'), { value: 'http://from.environment/' })
  assert.deepEqual(substitute('$FILE:url'), { value: 'http://from.file/' })
  assert.deepEqual(substitute('${configs.url}'), { value: 'http://from.config/' })
})

test('text that does not begin with one is left alone, properties of a message included', t => {
  const substitute = placeholders(home(t, {}), { URL: 'x' })
  for (const text of ['http://h/$SYSTEM:URL', '${host}', '$ctx:p', ''])
    assert.deepEqual(substitute(text), { value: text })
})

test('the environment beats the file of configs', t => {
  const substitute = placeholders(home(t, { 'config.properties': 'a=file' }), { a: 'environment' })
  assert.deepEqual(substitute('${configs.a}'), { value: 'environment' })
})

test('what is not defined is a problem that names where it was looked for', t => {
  const substitute = placeholders(home(t, {}), {})
  for (const [text, words] of [
    ['$SYSTEM:NOPE', /environment variable NOPE/],
    ['$FILE:nope', /file\.properties has no "nope"/],
    ['${configs.nope}', /neither the environment nor/],
  ] as const) {
    const found = substitute(text)
    assert.match('problem' in found ? found.problem : '', words)
  }
})

test('property files have comments, both separators and values with either in them', t => {
  const text = '# comment\n! other\n\n a = b=c \nd:e:f\r\nbroken\n'
  const substitute = placeholders(home(t, { 'file.properties': text }), {})
  assert.deepEqual([substitute('$FILE:a'), substitute('$FILE:d')], [{ value: 'b=c' }, { value: 'e:f' }])
})

test('a file that is there and cannot be read is the problem, not the name; once it can be read all is well', t => {
  const path = home(t, {})
  const file = join(path, 'conf', 'file.properties')
  symlinkSync('file.properties', file)
  const substitute = placeholders(path, {})
  const found = substitute('$FILE:url')
  assert.match('problem' in found ? found.problem : '', /file\.properties is there and cannot be read: ELOOP/)
  rmSync(file)
  writeFileSync(file, 'url=http://h/')
  assert.deepEqual(substitute('$FILE:url'), { value: 'http://h/' })
})
