import assert from 'node:assert/strict'
import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempFolder } from '../../testing/temp-folder.ts'
import { FileLocks } from './lock.ts'

const LONG_AGO = new Date(0)

test('a lock of somebody else is respected, and so is an empty one that may just be written', async () => {
  await using folder = await tempFolder('lock')
  const path = join(folder.path, 'order.xml')
  await writeFile(`${path}.lock`, 'another\nlife\n')
  assert.equal(await new FileLocks('home').take(path), false)
  await writeFile(`${path}.lock`, '')
  assert.equal(await new FileLocks('home').take(path), false)
})

test('an empty lock that nobody has written for a minute is one whose maker was killed: it is taken over', async () => {
  await using folder = await tempFolder('lock')
  const path = join(folder.path, 'order.xml')
  await writeFile(`${path}.lock`, '')
  await utimes(`${path}.lock`, LONG_AGO, LONG_AGO)
  const locks = new FileLocks('home')
  assert.equal(await locks.take(path), true)
  assert.equal(await new FileLocks('another').take(path), false)
})
