import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { changes } from '../deploy/import/changes.ts'
import type { Assessment } from '../deploy/import/assess.ts'
import { recordedIo } from '../testing/io.ts'
import { tempFolder } from '../testing/temp-folder.ts'
import { zip } from '../testing/zip.ts'
import { parseXml } from '../xml/reader.ts'
import { execute } from './command.ts'
import command from './import.ts'

const NS = 'xmlns="http://ws.apache.org/ns/synapse"'

interface Reported {
  readonly code: number
  readonly out: string
  readonly err: string
  /** What --out wrote. */
  readonly written: string
}

async function report(files: Readonly<Record<string, string | Uint8Array>>, ...args: string[]): Promise<Reported> {
  await using folder = await tempFolder('import')
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, name)), { recursive: true })
    await writeFile(join(folder.path, name), content)
  }
  const io = recordedIo({ cwd: folder.path })
  const code = await execute(command, ['--report', ...args], {
    out: io.out,
    err: io.err,
    env: {},
    cwd: folder.path,
    signal: io.signal,
    hurry: io.hurry,
  })
  const written = await readFile(join(folder.path, 'out'), 'utf8').catch(() => '')
  return { code, out: io.stdout, err: io.stderr, written }
}

const FILES = {
  'proxy.xml': `<proxy ${NS} name="P" serviceGroup="g"><target><inSequence>
  <property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/>
  <store messageStore="S"/>
</inSequence></target></proxy>`,
  'all.xml': `<definitions ${NS}>
<registry provider="x"/>
<messageStore name="S"/>
<sequence name="plain"><log/><call><endpoint><address uri="http://h/"/></endpoint></call></sequence>
<sequence name="broken"><log/><smooks2 config-key="x"/></sequence>
</definitions>`,
  'pom.xml': '<project xmlns="http://maven.apache.org/POM/4.0.0"/>',
}

test('the report says of each artifact what runs, is different, is ignored or refused, at its line', async () => {
  const { code, out } = await report(FILES, '.')
  assert.equal(code, 1)
  assert.match(out, /^proxy\.xml:1:1 proxy P: changed$/m)
  assert.match(out, /^ {2}1:\d+ ignored: "serviceGroup" has no effect \[no-effect\]$/m)
  assert.match(
    out,
    /^ {2}2:3 changed: if nothing can store the message, the caller gets a fault and not 202 \[accepted-means-stored\]$/m,
  )
  assert.match(out, /^all\.xml:5:1 sequence broken: refused\n {2}5:\d+ refused: .*smooks2/m)
  assert.match(out, /^all\.xml:3:1 messageStore S: changed$/m)
  assert.doesNotMatch(out, /sequence plain:/)
})

test('it sums up by kind, and counts mediators and endpoints', async () => {
  const { out } = await report(FILES, '.')
  assert.match(out, /^4 artifacts in 3 files$/m)
  assert.match(out, /^ {2}sequence +2: 1 as they are, 0 with changes, 1 refused$/m)
  assert.match(out, /^ {2}messageStore +1: 0 as they are, 1 with changes, 0 refused$/m)
  assert.match(out, /Mediators\n {2}offered +log \(2\), call \(1\), property \(1\), store \(1\)/)
  assert.match(out, /Endpoints\n {2}offered +address \(1\)/)
})

test('what is no artifact is left out and said so, what is for the engine has no effect', async () => {
  const { out } = await report(FILES, '.')
  assert.match(out, /pom\.xml:1:1 ignored: <project> is not an artifact and is left out/)
  assert.match(out, /all\.xml:2:1 ignored: <registry> has no effect/)
})

test('the same as JSON for tools', async () => {
  const { out } = await report(FILES, '.', '--format', 'json')
  const found = JSON.parse(out) as Assessment
  assert.deepEqual(
    found.artifacts.map(({ kind, name, verdict }) => `${kind} ${name} ${verdict}`),
    ['messageStore S changed', 'sequence plain supported', 'sequence broken refused', 'proxy P changed'],
  )
  assert.equal(found.artifacts[2]!.remarks[0]!.at.line, 5)
})

test('the page is one well-formed file with nothing from outside, and what artifacts say is text in it', async () => {
  const evil = { 'a.xml': `<sequence ${NS} name="&lt;script>alert(1)&lt;/script>"><no-such/></sequence>` }
  const { written, out } = await report(evil, '.', '--format', 'html', '--out', 'out')
  assert.equal(out, 'The report is in out.\n')
  assert.doesNotMatch(written, /<script|<link|(?:src|href)=|@import|url\(/)
  assert.match(written, /&lt;script&gt;alert/)
  const body = written.slice(written.indexOf('<body>'), written.indexOf('</body>') + '</body>'.length)
  assert.equal(parseXml(body.replaceAll(' open>', '>')).root.local, 'body')
})

test('an archive is looked into, each artifact by itself', async () => {
  const car = zip({
    'artifacts.xml':
      '<artifacts><artifact name="app" version="1" type="carbon/application"><dependency artifact="A" version="1"/><dependency artifact="B" version="1"/></artifact></artifacts>',
    'A_1/artifact.xml': '<artifact name="A" version="1" type="synapse/sequence"><file>A.xml</file></artifact>',
    'A_1/A.xml': `<sequence ${NS} name="A"><respond/></sequence>`,
    'B_1/artifact.xml': '<artifact name="B" version="1" type="synapse/sequence"><file>B.xml</file></artifact>',
    'B_1/B.xml': `<sequence ${NS} name="B"><no-such/></sequence>`,
  })
  const { code, out } = await report({ 'app.car': car }, 'app.car')
  assert.equal(code, 1)
  assert.match(out, /^app\.car\/B_1\/B\.xml:1:1 sequence B: refused$/m)
  assert.match(out, /^ {2}sequence +2: 1 as they are, 0 with changes, 1 refused$/m)
})

test('nothing refused is exit code 0, no such place 2', async () => {
  assert.equal((await report({ 'a.xml': `<sequence ${NS} name="a"><respond/></sequence>` }, '.')).code, 0)
  assert.equal((await report({}, 'nowhere')).code, 2)
})

test('every change the report knows is a row of the page of differences', async () => {
  const page = await readFile(new URL('../docs/differences.md', import.meta.url), 'utf8')
  for (const { code, row } of changes) {
    assert.ok(
      page.split('\n').some(line => line.startsWith('|') && line.includes(row)),
      `${code}: ${row}`,
    )
  }
})
