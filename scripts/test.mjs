#!/usr/bin/env node
// `npm test`: every test that needs nothing but Node. Arguments: paths or parts of paths to run only those.
// Tests under a folder called `serial` use the documented ports or the whole machine: one file at a time, last.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { build, root } from './setup.mjs'

build()
const wanted = process.argv.slice(2).filter(argument => !argument.startsWith('-'))
const flags = process.argv.slice(2).filter(argument => argument.startsWith('-'))
const files = ['server', 'axis2-mock', 'scripts', 'samples']
  .flatMap(folder => testsIn(join(root, folder)))
  .map(path => relative(root, path))
  .filter(path => wanted.length === 0 || wanted.some(part => path.includes(part)))
  .filter(path => wanted.length > 0 || !path.startsWith(join('server', 'test', 'brokers')))
if (files.length === 0) {
  console.error(`no test matches ${wanted.join(' ')}`)
  process.exit(2)
}
const serial = files.filter(path => path.split(/[\\/]/).includes('serial'))
const parallel = files.filter(path => !serial.includes(path))
const statuses = [run(parallel, Math.max(2, availableParallelism())), run(serial, 1)]
process.exit(statuses.some(status => status !== 0) ? 1 : 0)

function run(paths, concurrency) {
  if (paths.length === 0) return 0
  const args = [
    '--import',
    'tsx',
    '--test',
    `--test-concurrency=${concurrency}`,
    '--test-timeout=120000',
    ...flags,
    ...paths,
  ]
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1
}

function testsIn(folder) {
  let entries
  try {
    entries = readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
  return entries.flatMap(entry => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : testsIn(path)
    return entry.name.endsWith('.test.ts') ? [path] : []
  })
}
