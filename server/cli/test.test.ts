import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { tempFolder } from '../testing/temp-folder.ts'
import { parseXml } from '../xml/reader.ts'
import { execute } from './command.ts'
import command from './test.ts'
import { isSame } from './unit-test/compare.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const NS = 'xmlns="http://ws.apache.org/ns/synapse"'

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  /** What --junit wrote. */
  readonly report: string
}

async function run(files: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ran> {
  await using folder = await tempFolder('unit-test')
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, name)), { recursive: true })
    await writeFile(join(folder.path, name), text)
  }
  return await runIn(folder.path, ...args)
}

async function runIn(cwd: string, ...args: readonly string[]): Promise<Ran> {
  let [out, err] = ['', '']
  const never = new AbortController().signal
  await using results = await tempFolder('results')
  const junit = join(results.path, 'junit.xml')
  const code = await execute(command, [...args, '--junit', junit], {
    out: text => void (out += text),
    err: text => void (err += text),
    env: {},
    cwd,
    signal: never,
    hurry: never,
  })
  return { code, out, err, report: await readFile(junit, 'utf8').catch(() => '') }
}

interface Given {
  readonly artifact: string
  readonly more?: string
  readonly cases: string
  readonly mocks?: string
}

const suite = ({ artifact, more = '', cases, mocks = '' }: Given): string =>
  `<unit-test><artifacts><test-artifact><artifact>${artifact}</artifact></test-artifact>${more}</artifacts><test-cases>${cases}</test-cases><mock-services>${mocks}</mock-services></unit-test>`
const equals = (actual: string, expected: string, message = 'not so'): string =>
  `<assertEquals><actual>${actual}</actual><expected><![CDATA[${expected}]]></expected><message>${message}</message></assertEquals>`
const one = (input: string, ...assertions: string[]): string =>
  `<test-case name="it"><input>${input}</input><assertions>${assertions.join('')}</assertions></test-case>`

test('the suites of the samples pass', async () => {
  const { code, out, report } = await runIn(root, 'samples')
  assert.equal(code, 0, out)
  assert.match(out, /\d+ passed, 0 failed, in \d+ suites/)
  assert.equal(parseXml(report).root.local, 'testsuites')
})

test('a failed assertion says what was expected, what there was, and where it is written', async () => {
  const artifact = `<sequence ${NS} name="s"><property name="p" value="two"/></sequence>`
  const { code, out, report } = await run({
    'a.xml': suite({
      artifact,
      cases: one('', equals('$ctx:p', 'one', 'wrong &amp; &lt;bad>'), equals('$ctx:p', 'two')),
    }),
  })
  assert.equal(code, 1)
  assert.match(out, /✖ it .*\n +wrong & <bad>\n +at a\.xml:1:\d+\n +expected: one\n +actual: {3}two\n/)
  const [failure] = parseXml(report).root.childElements[0]!.childElements[0]!.childElements
  assert.deepEqual([failure!.local, failure!.attribute('message')], ['failure', 'wrong & <bad>'])
})

test('a sequence gets payload and properties of every scope, and everything it left can be looked at', async () => {
  const artifact = `<sequence ${NS} name="s">
    <property name="seen" expression="concat($ctx:d, $axis2:a, $trp:H)"/>
    <variable name="v" type="INTEGER" value="5"/>
    <payloadFactory media-type="json"><format>{"hello": "\${payload.who}"}</format></payloadFactory></sequence>`
  const input = `<payload><![CDATA[{"who": "world"}]]></payload><properties><property name="d" value="1"/>
    <property name="a" value="2" scope="axis2"/><property name="H" value="3" scope="transport"/></properties>`
  const { code, out } = await run({
    'a.xml': suite({
      artifact,
      cases: one(
        input,
        equals('$ctx:seen', '123'),
        equals('${vars.v}', '5'),
        equals('${payload.hello}', 'world'),
        equals('json-eval($.hello)', 'world'),
        equals('$body', '{ "hello" : "world" }'),
        '<assertNotNull><actual>$body</actual><message>empty</message></assertNotNull>',
      ),
    }),
  })
  assert.equal(code, 0, out)
})

test('an API is called by path and method, with the registry resources the suite brings', async () => {
  const artifact = `<api ${NS} name="A" context="/a"><resource methods="GET" uri-template="/{id}"><inSequence>
    <property name="greeting" expression="get-property('registry', 'gov:/texts/hello.txt')"/>
    <payloadFactory media-type="json"><format>{"said": "$1", "to": "$2"}</format><args><arg expression="$ctx:greeting"/><arg expression="$ctx:uri.var.id"/></args></payloadFactory>
    <property name="HTTP_SC" value="201" scope="axis2"/><respond/></inSequence></resource></api>`
  const more = `<registry-resources><registry-resource><file-name>hello.txt</file-name><artifact>texts/hello.txt</artifact>
    <registry-path>/_system/governance/texts</registry-path><media-type>text/plain</media-type></registry-resource></registry-resources>`
  const input = '<request-path>/7?x=1</request-path><request-method>GET</request-method>'
  const { code, out } = await run({
    'tests/a.xml': suite({
      artifact: 'api/A.xml',
      more,
      cases: one(input, equals('$statusCode', '201'), equals('$body', '{"to": "7", "said": "hi"}')),
    }),
    'api/A.xml': artifact,
    'texts/hello.txt': 'hi',
  })
  assert.equal(code, 0, out)
})

const calling = `<sequence ${NS} name="s"><call><endpoint key="Back"/></call></sequence>`
const back = `<supportive-artifacts><artifact><endpoint ${NS} name="Back"><http method="post" uri-template="http://far.example.org:81/v1/x"/></endpoint></artifact></supportive-artifacts>`
const mock = (
  payload: string,
): string => `<mock-service><service-name>Back</service-name><port>81</port><context>/v1</context>
  <resources><resource><sub-context>/x</sub-context><method>POST</method><request><payload>${payload}</payload></request>
  <response><status-code>207</status-code><payload>{"ok": true}</payload></response></resource></resources></mock-service>`

test('a mock service stands for the endpoint it names, and answers the request it was told of', async () => {
  const cases = one('<payload>{"a": 1}</payload>', equals('$axis2:HTTP_SC', '207'), equals('$body', '{"ok":true}'))
  const { code, out } = await run({
    'a.xml': suite({ artifact: calling, more: back, cases, mocks: mock('{ "a": 1 }') }),
  })
  assert.equal(code, 0, out)
})

test('a request no mock service was prepared for is shown with the failure', async () => {
  const cases = one('<payload>{"a": 2}</payload>', equals('$axis2:HTTP_SC', '207'))
  const { code, out } = await run({ 'a.xml': suite({ artifact: calling, more: back, cases, mocks: mock('{"a": 1}') }) })
  assert.equal(code, 1)
  assert.match(out, /the mock service Back has nothing for POST \/v1\/x with \{"a": 2\}/)
})

test('what cannot run is an error with its reason: connectors, broken artifacts, missing files, faults', async () => {
  const cases = one('', equals('$ctx:p', '1'))
  const connector = '<connector-resources><connector-resource>http-0.1</connector-resource></connector-resources>'
  const sequence = (inside: string): string => `<sequence ${NS} name="s">${inside}</sequence>`
  const { code, out } = await run({
    'a.xml': suite({ artifact: sequence(''), more: connector, cases }),
    'b.xml': suite({ artifact: sequence('<no-such/>'), cases }),
    'c.xml': suite({ artifact: 'no/such.xml', cases }),
    'd.xml': suite({ artifact: sequence('<throwError type="X" errorMessage="not today"/>'), cases }),
    'e.xml': '<unit-test><artifacts/></unit-test>',
    'f.xml': '<unit-test><artifacts></unit-test>',
  })
  assert.equal(code, 1)
  assert.match(out, /the suite uses the connector http-0\.1; connectors are not supported/)
  assert.match(out, /an artifact cannot be deployed: .*no-such/)
  assert.match(out, /there is no no\/such\.xml, neither beside the suite nor in a folder above it/)
  assert.match(out, /not today/)
  assert.match(out, /the suite names no <test-artifact>/)
  assert.match(out, /at f\.xml:1:\d+/)
})

test('nothing to run is said, with what a suite is', async () => {
  const { code, err } = await run({ 'a.xml': '<sequence name="s"/>' })
  assert.equal(code, 2)
  assert.match(err, /A suite is an XML file whose root is <unit-test>/)
  assert.equal((await run({}, 'nowhere')).code, 2)
})

test('--name chooses cases', async () => {
  const cases = `${one('', equals('$ctx:p', 'no'))}<test-case name="other"><input/><assertions/></test-case>`
  const { code, out } = await run(
    { 'a.xml': suite({ artifact: `<sequence ${NS} name="s"/>`, cases }) },
    '--name',
    'oth',
  )
  assert.equal(code, 0, out)
  assert.match(out, /1 passed, 0 failed/)
})

test('JSON is compared by value, XML without white space and prefixes, text trimmed', () => {
  assert.ok(isSame('{"a":1,"b":[2]}', '{ "b": [2], "a": 1 }'))
  assert.ok(isSame('<a xmlns="u" y="2" x="1">\n <b> 1 </b></a>', '<p:a xmlns:p="u" x="1" y="2"><p:b>1</p:b></p:a>'))
  assert.ok(isSame(' x ', 'x'))
  assert.ok(!isSame('{"a":1}', '{"a":"1"}'))
  assert.ok(!isSame('<a><b/><c/></a>', '<a><c/><b/></a>'))
  assert.ok(!isSame('<a', '<b'))
})
