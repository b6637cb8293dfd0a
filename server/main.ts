#!/usr/bin/env node
import { readFile } from 'node:fs/promises'
import process from 'node:process'
import type { Io } from './cli/command.ts'
import { holdfast } from './cli/holdfast.ts'

/** The process as a command sees it. The first signal asks, the second insists, the third does not wait. */
function processIo(): Io {
  const stop = new AbortController()
  const hurry = new AbortController()
  const onSignal = (): void => {
    if (!stop.signal.aborted) stop.abort()
    else if (!hurry.signal.aborted) hurry.abort()
    else process.exit(130)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  // Started by `holdfast start`, which has ended or asks us to (cli/companion.ts).
  process.on('disconnect', onSignal)
  process.channel?.unref()
  // A reader that has seen enough (`| head`) is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
  return {
    out: text => void process.stdout.write(text),
    err: text => void process.stderr.write(text),
    terminal: process.stdout.isTTY === true,
    env: process.env,
    cwd: process.cwd(),
    signal: stop.signal,
    hurry: hurry.signal,
  }
}

/** One level up from here is the package, both from `server/` and from the built `dist/`. */
async function version(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

process.exitCode = await holdfast(process.argv.slice(2), processIo(), version)
