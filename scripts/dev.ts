/**
 * `npm run dev [-- options of holdfast start]`: runs a sample from the sources and starts it again when one of them
 * changes.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
/** Editors and `git` write several files at a time. */
const SETTLE_MS = 200
const command = ['--import', 'tsx', join(root, 'server', 'main.ts'), 'start', ...process.argv.slice(2)]

let running: ChildProcess | undefined
let restarting = false
let stopping = false
let timer: NodeJS.Timeout | undefined

function run(): void {
  running = spawn(process.execPath, command, { cwd: root, stdio: 'inherit' })
  running.on('exit', code => {
    running = undefined
    if (stopping) process.exit(code ?? 0)
    if (!restarting) console.log(`It ended (${code ?? 'by a signal'}). The next change starts it again.`)
  })
}

async function again(file: string): Promise<void> {
  if (restarting || stopping) return
  restarting = true
  console.log(`\n${file} has changed: starting again\n`)
  if (running) {
    const ended = once(running, 'exit')
    running.kill('SIGTERM')
    await ended
  }
  restarting = false
  run()
}

for (const folder of ['server', 'axis2-mock']) {
  watch(join(root, folder), { recursive: true }, (_event, name) => {
    if (name === null || !name.endsWith('.ts') || name.endsWith('.test.ts')) return
    clearTimeout(timer)
    timer = setTimeout(() => void again(join(folder, name)), SETTLE_MS)
  })
}

// A Ctrl-C reaches the server by itself, since it is in our process group; a kill reaches only us.
process.on('SIGINT', () => (stopping = true))
process.on('SIGTERM', () => {
  stopping = true
  if (running) running.kill('SIGTERM')
  else process.exit(0)
})
run()
