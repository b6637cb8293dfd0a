#!/usr/bin/env node
// `npm start`: sets up what is missing, then runs `holdfast start` in this very process, so that signals reach it.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, root } from './setup.mjs'

build()
// npm hands a SIGTERM to the shell between us, which dies of it and tells nobody: then we are somebody else's child.
const parent = process.ppid
const watch = setInterval(() => {
  if (process.ppid === parent) return
  clearInterval(watch)
  process.kill(process.pid, 'SIGTERM')
}, 500)
watch.unref()
const program = join(root, 'dist', 'holdfast.js')
process.argv.splice(1, 1, program, 'start')
await import(pathToFileURL(program).href)
