import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../kernel/clock.ts'
import { Sandbox, type Host } from './sandbox.ts'
import { scriptEngine } from './script-engine.ts'

const TIME = 200
const SILENT: Host = () => undefined

async function open(entry: string, source = ''): Promise<Sandbox> {
  const program = { sources: [{ name: 'lib.js', text: source }], entry: { name: 'main.js', text: entry } }
  return new Sandbox(await scriptEngine(), program, TIME, systemClock)
}

test('the entry is called, sees what the sources declare, and asks the host', async () => {
  const sandbox = await open('() => "got " + host("read", twice(4), null, true)', 'function twice(n) { return 2 * n }')
  const asked: unknown[] = []
  const host: Host = (operation, args) => {
    asked.push([operation, ...args])
    return 'ä'
  }
  assert.equal(sandbox.call(host), 'got ä')
  assert.equal(sandbox.call(host), 'got ä')
  assert.deepEqual(asked, [
    ['read', 8, null, true],
    ['read', 8, null, true],
  ])
})

for (const [what, code] of [
  ['an endless loop', 'while (true) {}'],
  ['an endless regular expression', '/^(a+)+$/.test("a".repeat(40) + "b")'],
  ['endless catching', 'for (;;) { try { for (;;); } catch (e) {} }'],
] as const) {
  test(`${what} is stopped at the deadline, and the next call works`, async () => {
    const sandbox = await open(`() => { if (host("go")) { ${code} } return 1 }`)
    assert.throws(() => sandbox.call(() => true), /ran longer than 200 ms/)
    assert.equal(sandbox.call(SILENT), 1)
  })
}

for (const [what, code] of [
  ['arrays without end', 'const a = []; for (;;) a.push(new Array(1e4).fill(1))'],
  ['one endless text', 'let s = "x"; for (;;) s += s'],
  ['buffers', 'const a = []; for (;;) a.push(new Uint8Array(1e6))'],
] as const) {
  test(`memory is limited: ${what}`, async () => {
    const sandbox = await open(`() => { if (host("go")) { ${code} } return 1 }`)
    assert.throws(() => sandbox.call(() => true), /more than 64 MiB|ran longer|string too long/)
    assert.equal(sandbox.call(SILENT), 1)
  })
}

test('endless recursion is an error of the script', async () => {
  const sandbox = await open('() => { function f() { return f() + 1 } return f() }')
  assert.throws(() => sandbox.call(SILENT), /stack overflow|too much recursion|Maximum call stack/)
  assert.throws(() => sandbox.call(SILENT), /stack overflow|too much recursion|Maximum call stack/)
})

test('nothing of the server can be reached', async () => {
  const sandbox = await open(
    `() => [typeof process, typeof require, typeof fetch, typeof setTimeout, globalThis.constructor.constructor('return typeof process')()].join()`,
  )
  assert.equal(sandbox.call(SILENT), 'undefined,undefined,undefined,undefined,undefined')
})

test('an error tells its kind, words and place; one of the host is one of the script', async () => {
  const sandbox = await open('() => {\n  nothing()\n}')
  assert.throws(() => sandbox.call(SILENT), /ReferenceError: .*nothing.* \(at main\.js:2/)
  const asking = await open('() => { try { host("x") } catch (e) { return e.message } }')
  assert.equal(
    asking.call(() => {
      throw new Error('no such entry')
    }),
    'no such entry',
  )
})

test('what is no JavaScript is told before it is called', async () => {
  const sandbox = await open('() => 1', 'var x = <a/>')
  assert.throws(() => sandbox.prepare(), /SyntaxError.*lib\.js/)
})

test('what a script leaves in global variables does not fill the memory for ever', async () => {
  const sandbox = await open('() => { all.push("x".repeat(10000)) }', 'var all = []')
  for (let call = 0; call < 3000; call++) sandbox.call(SILENT)
})

test('more scripts than stay open work all the same, each with its own variables', async () => {
  const sandboxes = await Promise.all(
    Array.from({ length: 100 }, (_, index) => open('() => own', `var own = ${index}`)),
  )
  for (let round = 0; round < 2; round++)
    assert.deepEqual(
      sandboxes.map(sandbox => sandbox.call(SILENT)),
      sandboxes.map((_, index) => index),
    )
})
