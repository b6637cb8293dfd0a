#!/usr/bin/env node
// Makes a fresh clone ready: checks Node, installs packages if the lock file has changed, builds if a source is newer.
// Plain JavaScript, no dependency: it runs before anything is installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stampFile = join(root, 'node_modules', '.holdfast-installed')

/** Installs what the lock file names, once per lock file. */
export function install() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`Holdfast needs Node 20.19 or newer; this is ${process.versions.node}.`)
  }
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(process.versions.modules)
    .digest('hex')
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return
  console.error('Installing packages (once) …')
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (npm.error) fail(`npm could not be started: ${npm.error.message}. Install npm, which comes with Node.`)
  if (npm.status !== 0) fail(`npm ci failed; the packages could not be installed.\n${npm.stderr.trim()}`)
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, wanted)
}

/** Builds `dist/` if any source is newer than it. */
export function build() {
  install()
  const built = join(root, 'dist', 'holdfast.js')
  const since = existsSync(built) ? statSync(built).mtimeMs : 0
  const sources = ['server', 'axis2-mock', 'scripts/build.mjs', 'package-lock.json'].map(name => join(root, name))
  if (since > 0 && !sources.some(source => newerThan(source, since))) return
  const run = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (run.status !== 0) fail('the build failed')
}

function newerThan(path, since) {
  const info = statSync(path)
  if (info.isDirectory()) return readdirSync(path).some(name => newerThan(join(path, name), since))
  return info.mtimeMs > since && !path.endsWith('.test.ts')
}

function fail(text) {
  console.error(text)
  process.exit(1)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--build')) build()
  else install()
}
