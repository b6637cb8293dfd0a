import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { recordedIo } from '../testing/io.ts'
import { commands } from './all.ts'
import { parse, UsageError } from './command.ts'
import { holdfast } from './holdfast.ts'

const version = async (): Promise<string> => '1.2.3'

test('the overview lists every command', async () => {
  const io = recordedIo()
  assert.equal(await holdfast(['--help'], io, version), 0)
  for (const name of Object.keys(commands)) assert.match(io.stdout, new RegExp(`^  ${name} `, 'm'))
  const bare = recordedIo()
  assert.equal(await holdfast([], bare, version), 2)
  assert.equal(bare.stderr, io.stdout)
})

test('every command calls itself what the table calls it, and accepts its own examples', async () => {
  for (const [name, load] of Object.entries(commands)) {
    const command = (await load()).default
    assert.equal(command.name, name)
    assert.ok(command.summary.endsWith('.'))
    assert.ok(command.examples.length > 0)
    for (const example of command.examples.filter(line => line.startsWith('holdfast '))) {
      const [, called, ...argv] = example.split(' ')
      assert.equal(called, name, example)
      const args = parse(command, argv)
      assert.ok(!(args instanceof UsageError), `${example}: ${args instanceof UsageError ? args.message : ''}`)
    }
    const names = command.options.map(option => option.name)
    assert.equal(new Set(names).size, names.length)
  }
})

test('a command can be asked for its help in two ways', async () => {
  const [one, two] = [recordedIo(), recordedIo()]
  assert.equal(await holdfast(['stockquote', '--help'], one, version), 0)
  assert.equal(await holdfast(['help', 'stockquote'], two, version), 0)
  assert.match(one.stdout, /--addurl URL/)
  assert.equal(one.stdout, two.stdout)
})

test('an unknown command is answered with the one that was probably meant', async () => {
  for (const [wrong, hint] of [
    ['stokquote', 'Did you mean stockquote?'],
    ['constructor', 'there is no command "constructor"'],
  ] as const) {
    const io = recordedIo()
    assert.equal(await holdfast([wrong], io, version), 2)
    assert.ok(io.stderr.includes(hint), io.stderr)
  }
})

test('the binary prints the version of the package, and ends', async () => {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', main, '--version'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const code = await new Promise(resolve => child.once('close', resolve))
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  assert.equal(code, 0)
  assert.equal(text, `${version}\n`)
})

test('the binary stops in good order at a signal, with exit code 0', async () => {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', main, 'backend', '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise(resolve => child.stdout.once('data', resolve))
  child.kill('SIGTERM')
  const [code, signal] = await new Promise<[number | null, string | null]>(resolve =>
    child.once('close', (code, signal) => resolve([code, signal])),
  )
  assert.deepEqual([code, signal], [0, null])
})
