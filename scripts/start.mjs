#!/usr/bin/env node
// `npm start`: sets up what is missing, then runs `holdfast start` in this very process, so that signals reach it.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, root } from './setup.mjs'

build()
const program = join(root, 'dist', 'holdfast.js')
process.argv.splice(1, 1, program, 'start')
await import(pathToFileURL(program).href)
