/** For tests on the ports the documents print: in a network namespace of their own, where nobody else can be on them. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isFree } from './ports.ts'

const INSIDE = 'TEST_HAS_OWN_NETWORK'
/** 8280 and 8290 of the server, its TLS and management ports, the broker, the back end. */
export const DOCUMENTED = [8280, 8290, 8243, 8253, 9164, 61616, 9000] as const

/**
 * Defines the tests of a file (its `import.meta.url`) inside a namespace; without the right to make one, here, if the
 * ports are free; else they are skipped, and the report says why.
 */
export async function onDocumentedPorts(title: string, file: string, define: () => void): Promise<void> {
  if (process.env[INSIDE]) {
    define()
    return
  }
  const unshare = [['-n'], ['-rn']].find(flags => canUnshare(flags))
  if (unshare) {
    test(`${title}, in a network of its own`, t => runInside(unshare, fileURLToPath(file), t))
    return
  }
  const taken: number[] = []
  for (const port of DOCUMENTED) if (!(await isFree(port))) taken.push(port)
  if (taken.length === 0) define()
  else test(title, { skip: `no network namespace here, and something listens on ${taken.join(', ')}` }, () => {})
}

const UP = 'ip link set lo up && exec "$@"'

function canUnshare(flags: readonly string[]): boolean {
  return spawnSync('unshare', [...flags, 'sh', '-c', UP, 'sh', 'true'], { stdio: 'ignore' }).status === 0
}

async function runInside(flags: readonly string[], file: string, t: { signal: AbortSignal }): Promise<void> {
  // The runner's own variable would make the inner run report to it in a format of its own.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const args = [...flags, 'sh', '-c', UP, 'sh', process.execPath, '--import', 'tsx', file]
  const child = spawn('unshare', args, {
    env: { ...env, [INSIDE]: 'yes' },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: t.signal,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (output += text))
  const [code] = await once(child, 'close')
  assert.equal(code, 0, output)
  assert.match(output, /^# pass [1-9]/m)
}
