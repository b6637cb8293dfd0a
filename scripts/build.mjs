#!/usr/bin/env node
// Bundles our own sources into dist/, one file per command that is loaded on demand. Packages stay packages.
import { chmodSync, existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from './setup.mjs'

// Built aside and put in place at once: a server that is starting, or another build, never meets half of it.
const outdir = join(root, 'dist')
const fresh = `${outdir}.${process.pid}`
await build({
  absWorkingDir: root,
  entryPoints: { holdfast: 'server/main.ts' },
  outdir: fresh,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
  chunkNames: 'chunks/[name]-[hash]',
})
chmodSync(join(fresh, 'holdfast.js'), 0o755)
const old = `${fresh}.old`
if (existsSync(outdir)) renameSync(outdir, old)
renameSync(fresh, outdir)
rmSync(old, { recursive: true, force: true })
