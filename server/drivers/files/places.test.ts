import assert from 'node:assert/strict'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempFolder } from '../../testing/temp-folder.ts'
import { FilePlaces } from './places.ts'

test('every way to write a local file means the same path', async () => {
  await using home = await tempFolder('files')
  const places = new FilePlaces(home.path, ['/var/in'])
  for (const written of [
    'vfs:file:///var/in/a%20b.xml',
    'file:///var/in/a b.xml',
    'file:/var/in/a b.xml',
    'VFS:file://localhost/var/in/a b.xml',
    '/var/in/a b.xml',
  ]) {
    assert.equal(places.locate(written).path, '/var/in/a b.xml', written)
  }
  assert.equal(places.locate('file:files/x.xml').path, join(home.path, 'files/x.xml'))
  const { path, parameters } = places.locate('vfs:file:///var/in?transport.vfs.Append=true&x=1%202')
  assert.deepEqual([path, ...parameters], ['/var/in', ['transport.vfs.Append', 'true'], ['x', '1 2']])
})

test('only HOME/files and the folders of the settings may be used, and the error says which setting', async () => {
  await using home = await tempFolder('files')
  const places = new FilePlaces(home.path, ['/var/in'])
  for (const written of [
    'file:///var/inner/x',
    'file:///var',
    'file:///etc/passwd',
    'file:data/x',
    'file:registry/x',
  ]) {
    assert.throws(
      () => places.locate(written),
      { code: 'FILE_FORBIDDEN', message: /Add the folder to files\.folders/ },
      written,
    )
  }
})

test('what belongs to the server itself stays its own, whatever the settings say', async () => {
  await using home = await tempFolder('files')
  const places = new FilePlaces(home.path, ['/'])
  assert.equal(places.locate('file:///etc/hosts').path, '/etc/hosts')
  for (const folder of ['data', 'broker', 'security', 'conf']) {
    assert.throws(() => places.locate(`file:${folder}/x`), { code: 'FILE_FORBIDDEN' }, folder)
  }
})

test('neither dots nor links lead out', async () => {
  await using home = await tempFolder('files')
  const places = new FilePlaces(home.path, [])
  assert.throws(() => places.locate('file:files/../data/x'), { code: 'FILE_FORBIDDEN', message: /may not contain/ })
  assert.throws(() => places.locate('file:files/%2e%2e/data/x'), { code: 'FILE_FORBIDDEN' })
  await mkdir(join(home.path, 'files'))
  await symlink('/etc', join(home.path, 'files/away'))
  assert.throws(() => places.locate('file:files/away/new.xml'), { code: 'FILE_FORBIDDEN' })
})

test('a remote file system is refused by name, with what to do instead and without its password', () => {
  const places = new FilePlaces('/nowhere', ['/'])
  for (const scheme of ['ftp', 'ftps', 'sftp', 'smb', 'zip']) {
    assert.throws(
      () => places.locate(`vfs:${scheme}://joe:geheim@host/in`),
      (thrown: Error & { code?: string }) => {
        assert.equal(thrown.code, 'NOT_SUPPORTED')
        assert.match(thrown.message, new RegExp(`^${scheme}: is not supported .*Mount the remote folder`))
        assert.doesNotMatch(thrown.message, /geheim/)
        return true
      },
    )
  }
})
