import assert from 'node:assert/strict'
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { recordedIo } from '../testing/io.ts'
import check from './check.ts'
import { execute, type Io } from './command.ts'

interface Checked {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Writes files into a folder of their own and checks it. */
async function checked(
  t: TestContext,
  files: Record<string, string>,
  argv: string[] = ['.'],
  more: Partial<Io> = {},
): Promise<Checked> {
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-check-'))
  t.after(() => rmSync(cwd, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true })
    writeFileSync(join(cwd, name), text)
  }
  const io = recordedIo({ cwd, env: more.env ?? {} })
  const told = { ...more, out: io.out, err: io.err, env: io.env, cwd, signal: io.signal, hurry: io.hurry }
  const code = await execute(check, argv, told)
  return { code, stdout: io.stdout, stderr: io.stderr }
}

const GOOD = '<sequence name="main"><respond/></sequence>'

test('artifacts without a flaw are counted and pass', async t => {
  const { code, stdout } = await checked(t, { 'a.xml': GOOD, 'sub/b.xml': '<messageStore name="orders"/>' })
  assert.equal(stdout, '2 artifacts in 2 files: nothing to complain about.\n')
  assert.equal(code, 0)
})

test('a mistake is shown in its line with a caret, its code and what to do', async t => {
  const { code, stdout } = await checked(t, {
    'seq.xml': '<sequence name="main">\n\t<logg level="full"/>\n</sequence>',
  })
  assert.equal(
    stdout,
    [
      'seq.xml:2:2 error Unknown mediator referenced by configuration element : logg [unknown-mediator]',
      '  2 | \t<logg level="full"/>',
      '    | \t^',
      '  Did you mean <log>?',
      '',
      '1 artifact in 1 file: 1 error. None can be deployed.',
      '',
    ].join('\n'),
  )
  assert.equal(code, 1)
})

test('warnings pass unless --strict is given', async t => {
  const files = { 'seq.xml': '<sequence name="main"><store messageStore="nowhere"/></sequence>' }
  const lax = await checked(t, files)
  assert.equal(lax.code, 0)
  assert.match(lax.stdout, /^seq\.xml:1:44 warning .*nowhere/)
  assert.match(lax.stdout, /1 artifact in 1 file: 1 warning\. All can be deployed\.\n$/)
  assert.equal((await checked(t, files, ['.', '--strict'])).code, 1)
})

test('problems are sorted by file, line and column, and files are put together before references are looked up', async t => {
  const { stdout } = await checked(t, {
    'z.xml': '<sequence name="z"><log x="1"/></sequence>',
    'a.xml': '<sequence name="a">\n<log y="1"/>\n<log x="1"/><sequence key="z"/></sequence>',
    'm.xml': '<sequence name="z"/>',
  })
  const places = stdout.split('\n').flatMap(line => /^(\S+:\d+:\d+) /.exec(line)?.[1] ?? [])
  assert.deepEqual(places, ['a.xml:2:6', 'a.xml:3:6', 'z.xml:1:1', 'z.xml:1:25'])
})

test('one file and several places may be named', async t => {
  const { code, stdout } = await checked(t, { 'one/a.xml': GOOD, 'two/b.xml': '<oops/>', 'three/c.xml': '<worse/>' }, [
    'one',
    'two/b.xml',
  ])
  assert.equal(code, 1)
  assert.match(stdout, /^two\/b\.xml:1:1 error/)
  assert.doesNotMatch(stdout, /worse/)
})

test('a folder without artifacts is said to be one, and does not pass for a good one', async t => {
  const { code, stdout } = await checked(t, { 'readme.txt': 'nothing' })
  assert.match(stdout, /Nothing to deploy: there are no artifacts in \./)
  assert.equal(code, 1)
})

test('without a place the deploy folder of the home is checked', async t => {
  const files = { 'home/deploy/a.xml': GOOD }
  assert.equal((await checked(t, files, ['--home', 'home'])).code, 0)
  assert.equal((await checked(t, files, [], { env: { HOLDFAST_HOME: 'home' } })).code, 0)
})

test('a place that does not exist is a mistake in the call', async t => {
  const { code, stderr } = await checked(t, {}, ['nowhere'])
  assert.equal(code, 2)
  assert.match(stderr, /there is no file or folder nowhere/)
})

test('with -o json everything is data', async t => {
  const files = { 'a.xml': GOOD, 'b.xml': '<sequence name="b"><logg/></sequence>' }
  const { code, stdout } = await checked(t, files, ['-o', 'json', '.'])
  assert.equal(code, 1)
  assert.deepEqual(JSON.parse(stdout), {
    files: 2,
    artifacts: [{ role: 'sequence', name: 'main', file: 'a.xml', line: 1, column: 1 }],
    faulty: [{ role: 'sequence', name: 'b', file: 'b.xml' }],
    errors: 1,
    warnings: 0,
    hints: 0,
    diagnostics: [
      {
        code: 'unknown-mediator',
        severity: 'error',
        message: 'Unknown mediator referenced by configuration element : logg',
        file: 'b.xml',
        line: 1,
        column: 20,
        hint: 'Did you mean <log>?',
        source: '<sequence name="b"><logg/></sequence>',
      },
    ],
  })
})

test('colours are for terminals only, and not for those who do not want them', async t => {
  const files = { 'b.xml': '<oops/>' }
  const red = '\u001b[31merror'
  assert.equal((await checked(t, files)).stdout.includes('\u001b'), false)
  assert.equal((await checked(t, files, ['.'], { terminal: true })).stdout.includes(red), true)
  const unwanted = await checked(t, files, ['.'], { terminal: true, env: { NO_COLOR: '1' } })
  assert.equal(unwanted.stdout.includes('\u001b'), false)
})

test('a line too long for a terminal is cut around the mistake', async t => {
  const { stdout } = await checked(t, {
    'a.xml': `<sequence name="a">${'<drop/>'.repeat(100)}<oops/>${'<drop/>'.repeat(100)}</sequence>`,
  })
  const [, shown, caret] = stdout.split('\n')
  assert.ok(shown!.length < 125)
  assert.equal(shown!.slice(caret!.indexOf('^')).startsWith('<oops/>'), true)
})

test('a secret beside a mistake is not shown', async t => {
  const { stdout } = await checked(t, {
    'a.xml': '<messageStore name="m"><parameter name="store.jms.password">hunter2</parameter><oops/></messageStore>',
    'b.xml':
      '<messageStore name="n"><parameter name="store.jms.password">\nhunter2</parameter>\n<oops/></messageStore>',
  })
  assert.match(stdout, /<oops>/)
  assert.doesNotMatch(stdout, /hunter2/)
})

test('XML that is not well-formed is shown like any other mistake', async t => {
  const { code, stdout } = await checked(t, { 'a.xml': '<sequence name="a">\n  <log>\n</sequence>' })
  assert.match(stdout, /^a\.xml:3:1 error .*\[xml-malformed\]\n  3 \| <\/sequence>\n    \| \^/)
  assert.equal(code, 1)
})

test('brokers that the settings of the home give names to are known', async t => {
  const files = (name: string) => ({
    'home/conf/deployment.toml': `[[transport.jms.listener]]\nname = "${name}"\nparameter.provider_url = "tcp://localhost:61616"`,
    'a/in.xml':
      '<inboundEndpoint name="in" protocol="jms" sequence="main"><parameters><parameter name="transport.jms.ConnectionFactory">shop</parameter></parameters></inboundEndpoint>',
    'a/main.xml': GOOD,
  })
  const argv = ['a', '--home', 'home']
  assert.equal((await checked(t, files('shop'), argv)).code, 0)
  const { code, stdout } = await checked(t, files('stop'), argv)
  assert.match(stdout, /there is no connection factory "shop" in deployment\.toml \[connection-factory-unknown\]/)
  assert.equal(code, 1)
})
