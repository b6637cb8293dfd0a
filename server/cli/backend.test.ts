import assert from 'node:assert/strict'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { recordedIo } from '../testing/io.ts'
import backend from './backend.ts'
import { execute } from './command.ts'

async function running(...argv: string[]) {
  const io = recordedIo()
  const exit = execute(backend, ['--port', '0', ...argv], io)
  const url = /at (http:\S+)/.exec(await io.says('_control'))![1]!
  return {
    io,
    url,
    async [Symbol.asyncDispose]() {
      io.interrupt()
      assert.equal(await exit, 0)
    },
  }
}

test('it says where it is, prints what is asked of it, and stops when told to', async () => {
  await using started = await running()
  const response = await fetch(`${started.url}/getSimpleQuote?symbol=IBM`)
  assert.equal(response.status, 200)
  assert.match(started.io.stdout, /SimpleStockQuoteService :: Generating quote for : IBM\n$/)
})

test('--quiet keeps it from printing requests', async () => {
  await using started = await running('--quiet')
  const before = started.io.stdout
  await (await fetch(`${started.url}/getSimpleQuote?symbol=IBM`)).text()
  assert.equal(started.io.stdout, before)
})

test('trouble ordered on the command line is in force from the first request', async () => {
  await using started = await running(
    '--status',
    '503',
    '--times',
    '1',
    '--fault',
    'status=418; operation=getSimpleQuote',
  )
  assert.match(started.io.stdout, /In force: \{"status":503,"times":1\}/)
  const ask = async (): Promise<number> => (await fetch(`${started.url}/getSimpleQuote?symbol=IBM`)).status
  assert.deepEqual([await ask(), await ask(), await ask()], [503, 418, 418])
})

test('the dialect and the seed are passed on', async () => {
  const answer = async (): Promise<string> => {
    await using started = await running('--dialect', 'wso2', '--seed', '5')
    return (await fetch(`${started.url}/getSimpleQuote?symbol=IBM`)).text()
  }
  const withoutTime = (xml: string): string => xml.replace(/<ax21:lastTradeTimestamp>[^<]*/, '')
  const [one, two] = [await answer(), await answer()]
  assert.match(one, /<ax21:symbol>IBM/)
  assert.equal(withoutTime(one), withoutTime(two))
})

test('a port in use is named, with what to do', async () => {
  const other = net.createServer()
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = other.address() as AddressInfo
    const io = recordedIo()
    assert.equal(await execute(backend, ['--port', String(port)], io), 1)
    assert.equal(
      io.stderr,
      `holdfast backend: Port ${port} is taken by another process. Stop it, or choose another one (--port, --https-port).\n`,
    )
  } finally {
    other.close()
  }
})

test('wrong calls exit with 2 and start nothing', async () => {
  for (const [argv, reason] of [
    [['--fault', 'boom'], /"boom" is no part of a fault/],
    [['--status', '99'], /from 200 to 599/],
    [['--dialect', 'wso'], /Did you mean wso2\?/],
    [['--https-port', '0'], /needs --cert FILE and --key FILE/],
    [['--https-port', '0', '--cert', 'no.pem', '--key', 'no.pem'], /certificate cannot be read/],
  ] as const) {
    const io = recordedIo()
    assert.equal(await execute(backend, ['--port', '0', ...argv], io), 2)
    assert.match(io.stderr, reason)
  }
})
