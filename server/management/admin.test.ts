import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { openAdmin } from './admin.ts'
import { inventPassword } from './passwords.ts'

async function home(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-admin-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('a password of the settings counts and leaves nothing behind', async t => {
  const folder = await home(t)
  const admin = await openAdmin({ user: 'ops', password: 's3cret', home: folder })

  assert.equal(admin.firstPassword, undefined)
  assert.equal(await admin.matches('ops', 's3cret'), true)
  assert.equal(await admin.matches('ops', 's3cret '), false)
  assert.equal(await admin.matches('admin', 's3cret'), false)
  assert.deepEqual(await readdir(folder), [])
})

test('without one a password is made at the first start, told once and kept as a hash only its owner can read', async t => {
  const folder = await home(t)
  const first = await openAdmin({ user: 'admin', password: undefined, home: folder })
  assert.match(first.firstPassword!, /^[a-z2-9]{5}(-[a-z2-9]{5}){3}$/)
  assert.equal(await first.matches('admin', first.firstPassword!), true)
  assert.equal(await first.matches('admin', 'admin'), false)

  const second = await openAdmin({ user: 'admin', password: undefined, home: folder })
  assert.equal(second.firstPassword, undefined)
  assert.equal(await second.matches('admin', first.firstPassword!), true)

  const file = join(folder, 'security', 'admin.json')
  assert.ok(!(await readFile(file, 'utf8')).includes(first.firstPassword!))
  assert.equal((await stat(file)).mode & 0o077, 0)
  assert.deepEqual(await readdir(join(folder, 'security')), ['admin.json'])
})

test('a password file that cannot be read is told with what to do, never replaced', async t => {
  const folder = await home(t)
  await openAdmin({ user: 'admin', password: undefined, home: folder })
  const file = join(folder, 'security', 'admin.json')
  await writeFile(file, '{"user":"admin"')

  await assert.rejects(openAdmin({ user: 'admin', password: undefined, home: folder }), {
    code: 'SETTING_INVALID',
    message: /HOLDFAST_ADMIN_PASSWORD/,
  })
  assert.equal(await readFile(file, 'utf8'), '{"user":"admin"')
})

test('no password is made twice', () => {
  const made = new Set(Array.from({ length: 100 }, inventPassword))
  assert.equal(made.size, 100)
})
