/** Starts that cannot work: the exit code, and one text that says what is wrong, where, and what to do. */
import assert from 'node:assert/strict'
import { chmod, mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Child, startServer, type ChildOptions } from '../../testing/child.ts'
import { freePorts } from '../../testing/ports.ts'
import { tempFolder } from '../../testing/temp-folder.ts'

/** A folder of the test, gone at its end. */
async function folderOf(t: TestContext): Promise<string> {
  const folder = await tempFolder('start')
  t.after(() => folder[Symbol.asyncDispose]())
  return folder.path
}

const ANY_PORTS = ['--http-port', '0', '--https-port', '0', '--management-port', '0']

/** Runs a command that is expected to end by itself; resolves with its exit code and everything it wrote. */
async function ended(
  args: readonly string[],
  options: ChildOptions = {},
): Promise<{ code: number | null; said: string }> {
  await using child = new Child(args, options)
  const { code } = await child.exited
  return { code, said: child.output }
}

const run = (home: string, ...args: readonly string[]): string[] => ['run', '--home', home, ...ANY_PORTS, ...args]

/** Holds a port in this process. */
async function heldPort(t: TestContext): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, resolve))
  t.after(() => new Promise(resolve => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

for (const [flag, what] of [
  ['--http-port', 'port'],
  ['--https-port', 'port'],
  ['--management-port', 'the management port'],
] as const) {
  test(`a port in use is named, with who holds it and the option ${flag}`, async t => {
    const port = await heldPort(t)
    const args = run(join(await folderOf(t), 'home'))
    args[args.indexOf(flag) + 1] = String(port)
    const { code, said } = await ended(args)
    assert.equal(code, 1)
    // The holder can be found out where there is a /proc.
    const holder = process.platform === 'linux' ? `\\S+ \\(process ${process.pid}\\)` : 'another process'
    assert.match(
      said,
      new RegExp(
        `could not be started: ${what} ${port} is used by ${holder}; stop it or choose another port with ${flag}`,
      ),
    )
    assert.equal(said.split(`${port} is used by`).length, 2, 'it is said once')
  })
}

test('a home in use is refused with the process that uses it, which goes on undisturbed', async t => {
  const folder = await folderOf(t)
  const home = join(folder, 'home')
  const [http, management] = (await freePorts(2)) as [number, number]
  const artifacts = join(folder, 'artifacts')
  await mkdir(artifacts)
  await using first = await startServer({ home, artifacts, ports: { http, management } })
  const { code, said } = await ended(run(home))
  assert.equal(code, 1)
  assert.match(
    said,
    new RegExp(
      `${join(home, 'data')} is in use by process ${first.pid}\\. Stop that server or start this one with another --home\\.`,
    ),
  )
  assert.equal((await fetch(`http://127.0.0.1:${management}/healthz`)).status, 200)
})

test('a home whose server was killed is free at once', async t => {
  const folder = await folderOf(t)
  const [http, management] = (await freePorts(2)) as [number, number]
  const server = { home: join(folder, 'home'), artifacts: folder, ports: { http, management } }
  const first = await startServer(server)
  await first.end('SIGKILL')
  await using second = await startServer(server)
  assert.equal((await second.end('SIGTERM')).code, 0)
})

test('a journal of a newer format is refused and left as it is', async t => {
  const folder = await folderOf(t)
  const home = join(folder, 'home')
  const artifacts = join(folder, 'artifacts')
  await mkdir(artifacts)
  await writeFile(
    join(artifacts, 'keep.xml'),
    `<definitions><messageStore name="kept"/><proxy name="Keep" transports="http"><target><inSequence>
    <property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/><store messageStore="kept"/></inSequence></target></proxy></definitions>`,
  )
  const [http, management] = (await freePorts(2)) as [number, number]
  await using server = await startServer({ home, artifacts, ports: { http, management } })
  assert.equal((await fetch(`http://127.0.0.1:${http}/services/Keep`, { method: 'POST', body: '<a/>' })).status, 202)
  await server.end('SIGTERM')

  const segment = join(home, 'data', '00000001.log')
  // Magic of six bytes, then the version.
  await using file = await open(segment, 'r+')
  await file.write(Buffer.from([99]), 0, 1, 6)
  const before = await readFile(segment)
  const { code, said } = await ended(run(home))
  assert.equal(code, 1)
  assert.ok(said.includes(segment), said)
  assert.match(
    said,
    /has journal format 99; this server writes format 1\. Start the newer server that wrote it, or start this one with another --home\./,
  )
  assert.ok(before.equals(await readFile(segment)))
})

test('a home that is no folder is told with its path and --home', async t => {
  const home = join(await folderOf(t), 'file')
  await writeFile(home, 'not a folder')
  const { code, said } = await ended(run(home))
  assert.equal(code, 1)
  assert.ok(said.includes(`the folder ${join(home, 'registry', 'config')} cannot be made (ENOTDIR)`), said)
  assert.match(said, /choose another place with --home/)
})

/** Root may read and write everything: then the program is run as nobody, if it can be. */
async function asSomebody(t: TestContext): Promise<ChildOptions | undefined> {
  if (process.getuid?.() !== 0) return {}
  const under = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const { code, said } = await ended(['--version'], { under })
  if (code === 0) return { under }
  t.skip(`run by root, who may do everything, and not possible as another user: ${said.trim().split('\n').at(-1)}`)
  return undefined
}

test('a home that may not be written to is told with the folder and --home', async t => {
  const options = await asSomebody(t)
  if (!options) return
  const folder = await folderOf(t)
  await chmod(folder, 0o555)
  const { code, said } = await ended(run(join(folder, 'home')), options)
  await chmod(folder, 0o755)
  assert.equal(code, 1)
  assert.ok(said.includes(`the folder ${join(folder, 'home', 'registry', 'config')} cannot be made (EACCES)`), said)
})

test('a journal that may not be read is told with its path and --home', async t => {
  const options = await asSomebody(t)
  if (!options) return
  const folder = await folderOf(t)
  const home = join(folder, 'home')
  await chmod(folder, 0o777)
  for (const name of ['data', 'registry/config', 'registry/governance', 'deploy', 'logs', 'security']) {
    await mkdir(join(home, name), { recursive: true })
    await chmod(join(home, name), 0o777)
  }
  await chmod(join(home, 'data'), 0)
  const { code, said } = await ended(run(home), options)
  await chmod(join(home, 'data'), 0o755)
  assert.equal(code, 1)
  assert.match(said, /JOURNAL_ACCESS/)
  assert.ok(said.includes(join(home, 'data')), said)
  assert.match(said, /--home/)
})

const settings: readonly (readonly [string, string, RegExp])[] = [
  [
    'an unknown setting',
    '[http]\nprots = [80]\n',
    /settings\.toml:2:1: there is no setting http\.prots\. Did you mean http\.ports\?/,
  ],
  [
    'a value that cannot be',
    '[http]\n  max_body_size = "64 apples"\n',
    /settings\.toml:2:\d+: http\.max_body_size must be a size such as "16 KiB" or "64 MiB", not "64 apples"/,
  ],
  [
    'text that is no TOML',
    '[http]\nports: 80\n',
    /settings\.toml:2:\d+: this is not TOML: .* every line of a section is NAME = VALUE/,
  ],
]

for (const [what, toml, says] of settings) {
  test(`${what} in the settings file is told at file, line and column, and nothing is started`, async t => {
    const folder = await folderOf(t)
    const file = join(folder, 'settings.toml')
    await writeFile(file, toml)
    const { code, said } = await ended(run(join(folder, 'home'), '--config', file))
    assert.equal(code, 2)
    assert.match(said, says)
    assert.doesNotMatch(said, /Holdfast is up/)
  })
}

test('a settings file that does not exist is told with the option that named it', async t => {
  const folder = await folderOf(t)
  const { code, said } = await ended(run(folder, '--config', join(folder, 'nowhere.toml')))
  assert.equal(code, 2)
  assert.match(said, /nowhere\.toml:1:1: the settings file does not exist\. Correct --config or HOLDFAST_CONFIG\./)
})

test('a variable of the environment that cannot be is told by its name', async t => {
  const env = { HOLDFAST_HTTP_PORT: 'eighty' }
  const { code, said } = await ended(['run', '--home', await folderOf(t)], { env })
  assert.equal(code, 2)
  assert.match(said, /HOLDFAST_HTTP_PORT must be a whole number, not "eighty"/)
})

const commands: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    'an unknown option',
    ['run', '--htp-port', '80'],
    /There is no option --htp-port\. Did you mean --http-port\?\nSee: holdfast run --help/,
  ],
  [
    'a port that is no number',
    ['run', '--http-port', 'eight'],
    /--http-port must be a whole number from 0 to 65535, not "eight"/,
  ],
  ['an option without its value', ['run', '--home'], /--home needs a value: --home DIR\./],
  ['an argument too many', ['run', 'artifacts'], /"artifacts" is one argument too many/],
  ['an unknown command', ['runn'], /there is no command "runn"\. Did you mean run\?/],
]

for (const [what, args, says] of commands) {
  test(`${what} on the command line ends with code 2 and a helpful line`, async () => {
    const { code, said } = await ended(args)
    assert.equal(code, 2)
    assert.match(said, says)
  })
}

test('an artifact folder that is missing is told, and served as soon as it is there', async t => {
  const folder = await folderOf(t)
  const artifacts = join(folder, 'artifacts')
  const [http, management] = (await freePorts(2)) as [number, number]
  await using server = await startServer({ home: join(folder, 'home'), artifacts, ports: { http, management } })
  await server.says(/Holdfast is up/)
  assert.ok(
    server.output.includes(`${artifacts}:1:1: there is no such file or folder. Create it, or name another one.`),
  )
  await mkdir(artifacts)
  const proxy = '<proxy name="Echo" transports="http"><target><inSequence><respond/></inSequence></target></proxy>'
  await writeFile(join(artifacts, 'echo.xml'), proxy)
  await server.says(/ProxyService named 'Echo' has been deployed from file : echo\.xml/)
  const answer = await fetch(`http://127.0.0.1:${http}/services/Echo`, { method: 'POST', body: '<a/>' })
  assert.equal(await answer.text(), '<a/>')
})
