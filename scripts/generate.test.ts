import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

function generate(...argv: string[]): { status: number | null; stderr: string } {
  const script = fileURLToPath(new URL('./generate.ts', import.meta.url))
  return spawnSync(process.execPath, ['--import', 'tsx', script, ...argv], { encoding: 'utf8' })
}

test('what is committed is what the kinds and settings say now', () => {
  const { status, stderr } = generate('--check')
  assert.equal(status, 0, stderr)
})

test('a stale file is named, one that nothing makes any more is, too, and writing mends both', t => {
  const into = mkdtempSync(join(tmpdir(), 'holdfast-generate-'))
  t.after(() => rmSync(into, { recursive: true, force: true }))
  assert.equal(generate('--into', into).status, 0)
  writeFileSync(join(into, 'config', 'deployment.toml'), 'changed')
  writeFileSync(join(into, 'server', 'docs', 'reference', 'mediators', 'gone.md'), 'left over')
  const { status, stderr } = generate('--check', '--into', into)
  assert.equal(status, 1)
  assert.deepEqual(stderr.trim().split('\n'), [
    'stale: config/deployment.toml',
    'stale: server/docs/reference/mediators/gone.md',
    'Run: npm run generate',
  ])
})
