import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalog, decode, decodeGood, diagnosticsOf, placesOf, SYNAPSE } from '../testing/rig.ts'
import { canonicalXml } from '../xml/canonical.ts'
import { encodeArtifact } from './structure.ts'

const sequence = (inside: string): string => `<sequence name="s" xmlns="${SYNAPSE}">\n${inside}\n</sequence>`

test('an artifact with the namespace of the language and one without any mean the same', () => {
  for (const xmlns of [` xmlns="${SYNAPSE}"`, '', ` xmlns:syn="${SYNAPSE}"`]) {
    const tag = xmlns.includes('syn=') ? 'syn:' : ''
    const { role, name, diagnostics } = decodeGood(
      `<${tag}proxy name="P"${xmlns}><${tag}target><${tag}inSequence><${tag}respond/></${tag}inSequence></${tag}target></${tag}proxy>`,
    )
    assert.deepEqual({ role, name, diagnostics }, { role: 'proxy', name: 'P', diagnostics: [] })
  }
})

test('a whole configuration gives its artifacts in order, and the parts that describe the Java engine give none', () => {
  const { artifacts, diagnostics } = decode(`<definitions xmlns="${SYNAPSE}">
  <registry provider="x"/>
  <taskManager provider="y"/>
  <description>Ours.</description>
  <localEntry key="greet">hello</localEntry>
  <sequence name="main"><drop/></sequence>
  <messageStore name="orders"/>
</definitions>`)
  assert.deepEqual(
    artifacts.map(({ role, name }) => `${role}:${name}`),
    ['local-entry:greet', 'sequence:main', 'message-store:orders'],
  )
  assert.deepEqual(
    diagnostics.map(({ severity, at }) => `${at.line}:${at.column} ${severity}`),
    ['2:3 hint', '3:3 hint'],
  )
})

test('registry.xml and task-manager.xml of the Synapse layout are no artifacts and no mistakes', () => {
  for (const root of ['registry', 'taskManager']) {
    const { artifacts, diagnostics } = decode(`<${root} xmlns="${SYNAPSE}" provider="x"/>`)
    assert.deepEqual(artifacts, [])
    assert.deepEqual(
      diagnostics.map(({ severity }) => severity),
      ['hint'],
    )
  }
})

test('something else at the top is named, with what may stand there', () => {
  const [stranger] = diagnosticsOf(`<definitions xmlns="${SYNAPSE}"><log/></definitions>`)
  assert.match(stranger!.message, /<log> is not an artifact; one of .*proxy.* is expected/)
  const [foreign] = diagnosticsOf('<project xmlns="http://maven.apache.org/POM/4.0.0"/>')
  assert.equal(foreign!.code, 'unknown-artifact')
})

test('a mediator nobody knows and one of another vocabulary are told apart', () => {
  const said = diagnosticsOf(sequence('<logg/><x:log xmlns:x="urn:x"/>'))
  assert.deepEqual(
    said.map(({ code, message, hint, severity }) => [severity, code, message, hint]),
    [
      [
        'error',
        'unknown-mediator',
        'Unknown mediator referenced by configuration element : {http://ws.apache.org/ns/synapse}logg',
        'Did you mean <log>?',
      ],
      [
        'error',
        'unknown-mediator',
        'Unknown mediator referenced by configuration element : {urn:x}log',
        'The artifact is not deployed. Remove the mediator or replace it.',
      ],
    ],
  )
})

test('an unknown attribute is a warning with the name that was meant, an unknown element an error', () => {
  const said = diagnosticsOf(
    sequence('<log levle="full"/>\n<log><propertie name="a" value="b"/></log>\n<respond nonsense="1"/>'),
  )
  assert.deepEqual(
    said.map(({ at, severity, code, hint }) => [`${at.line}:${at.column}`, severity, code, hint]),
    [
      ['2:6', 'warning', 'unknown-attribute', 'It is ignored. Did you mean "level"?'],
      ['3:6', 'error', 'unknown-element', 'Did you mean <property>?'],
      ['4:10', 'warning', 'unknown-attribute', 'It is ignored. Remove it.'],
    ],
  )
})

test('descriptions, comments, names, trace and statistics are at home everywhere and worth no word', () => {
  const xml = sequence(
    '<!-- why --><description>what</description><log name="here" description="d" trace="enable" statistics="enable" audit="x"><description>more</description></log>',
  )
  assert.deepEqual(diagnosticsOf(xml), [])
})

test('a mistake in a value is reported at the first character of the value', () => {
  assert.deepEqual(placesOf(sequence('<log\n   level = "fulll"\n   category="INFO"/>')), ['3:13 invalid-value'])
  assert.deepEqual(
    placesOf(`<proxy name="P" startOnLoad="maybe"><target><inSequence><respond/></inSequence></target></proxy>`),
    ['1:30 invalid-value'],
  )
  const [bad] = diagnosticsOf(sequence('<log category="Warning"/>'))
  assert.equal(bad!.message, 'attribute "category": "Warning": expected one of INFO, TRACE, DEBUG, WARN, ERROR, FATAL')
})

test('a mistake in an expression is reported at its own column, references and line ends counted as written', () => {
  assert.deepEqual(placesOf(sequence('<property name="p" expression="//a[b"/>')), ['2:37 invalid-expression'])
  assert.deepEqual(placesOf(sequence('<property name="p" expression="&quot;x&quot; = )"/>')), [
    '2:48 invalid-expression',
  ])
  assert.deepEqual(placesOf(sequence('<property name="{ get-property( }" value="v"/>')), ['2:32 invalid-expression'])
  assert.deepEqual(
    placesOf(sequence('<property name="p" expression="json-eval($.a[)"/>')).map(place => place.split(' ')[1]),
    ['invalid-expression'],
  )
})

test('a prefix that is not declared is reported where the expression stands', () => {
  const [said] = diagnosticsOf(sequence('<property name="p" expression="//m:symbol"/>'))
  assert.equal(said!.code, 'invalid-expression')
  assert.equal(said!.at.line, 2)
  assert.match(said!.message, /m/)
  assert.deepEqual(diagnosticsOf(sequence('<property name="p" expression="//m:symbol" xmlns:m="urn:m"/>')), [])
})

test('an expression that uses what is not offered is not a syntax error', () => {
  const [said] = diagnosticsOf(sequence(`<property name="p" expression="\${wso2-vault('a')}"/>`))
  assert.equal(said!.code, 'not-supported')
})

test('what is missing is named on the element that needs it', () => {
  assert.deepEqual(placesOf(sequence('<property value="v"/>')), ['2:1 missing'])
  assert.deepEqual(placesOf('<proxy name="P"/>'), ['1:1 missing'])
  assert.deepEqual(
    placesOf('<sequence><drop/></sequence>').filter(place => place.startsWith('1:1 missing')).length > 0,
    true,
  )
  const [said] = diagnosticsOf(
    '<messageProcessor name="p" class="org.apache.synapse.message.processor.impl.sampler.SamplingProcessor"/>',
  )
  assert.match(said!.message, /<messageProcessor> needs attribute "messageStore"/)
})

test('what may stand once and stands twice is an error at the second', () => {
  const twice = '<proxy name="P"><target><inSequence><drop/></inSequence>\n<inSequence/></target></proxy>'
  assert.deepEqual(placesOf(twice), ['2:1 repeated-element'])
  const endpoints = sequence('<send><endpoint key="a"/>\n<endpoint key="b"/></send>')
  assert.deepEqual(placesOf(endpoints), ['3:1 repeated-element'])
  const layers =
    '<endpoint name="e"><address uri="http://h"><timeout><duration>1</duration></timeout>\n<timeout><duration>2</duration></timeout></address></endpoint>'
  assert.deepEqual(placesOf(layers), ['2:1 repeated-element'])
})

test('a parameter given twice counts the last time, and the first is warned about', () => {
  const { node, diagnostics } = decodeGood(`<messageStore name="m">
  <parameter name="store.producer.retry.count">1</parameter>
  <parameter name="store.producer.retry.count">2</parameter>
</messageStore>`)
  assert.deepEqual(
    diagnostics.map(({ at, severity, code }) => `${at.line}:${at.column} ${severity} ${code}`),
    ['2:3 warning repeated-parameter'],
  )
  assert.equal((node!.config as { retries: number }).retries, 2)
})

test('a mistake in a parameter is reported at its text', () => {
  const places = placesOf(`<messageStore name="m">
  <parameter name="store.producer.retry.count">
     many
  </parameter>
  <parameter name="store.producer.guaranteed.delivery.enable"><![CDATA[ perhaps ]]></parameter>
</messageStore>`)
  assert.deepEqual(places, ['5:73 invalid-value', '3:6 invalid-value'])
})

test('a class nobody offers is an error with the class that was meant', () => {
  const [said] = diagnosticsOf(
    '<messageStore name="m" class="org.apache.synapse.message.store.impl.memory.InMemoryStor"/>',
  )
  assert.deepEqual([said!.code, said!.at.column], ['unknown-class', 31])
  assert.match(said!.hint!, /InMemoryStore/)
})

test('text that means nothing is a warning where it stands', () => {
  assert.deepEqual(placesOf(sequence('<respond>\n  now!\n</respond>')), ['3:3 stray-text'])
})

test('an endpoint that is neither here nor there, or of an unknown kind, is explained', () => {
  assert.deepEqual(placesOf(sequence('<send><endpoint/></send>')), ['2:7 missing'])
  const [unknown] = diagnosticsOf(sequence('<send><endpoint><dynamicLoadbalance/></endpoint></send>'))
  assert.deepEqual(
    [unknown!.code, unknown!.message],
    ['not-supported', 'the endpoint <dynamicLoadbalance> is not supported'],
  )
})

test('variables are replaced when the artifact is read, and a missing one is reported', () => {
  const substitute = (text: string): { value: string } | { problem: string } =>
    text.startsWith('$SYSTEM:HOST')
      ? { value: 'http://backend' }
      : text.startsWith('$')
        ? { problem: 'NOPE is not set' }
        : { value: text }
  const { node } = decodeGood('<endpoint name="e"><address uri="$SYSTEM:HOST"/></endpoint>', { substitute })
  const { target } = (node!.config as { body: { target: { config: { uri: string } } } }).body
  assert.equal(target.config.uri, 'http://backend')
  assert.deepEqual(placesOf('<endpoint name="e"><address uri="$SYSTEM:NOPE"/></endpoint>', { substitute }), [
    '1:34 invalid-value',
  ])
  const parameter =
    '<messageStore name="m"><parameter name="store.producer.retry.count">$SYSTEM:NOPE</parameter></messageStore>'
  assert.deepEqual(placesOf(parameter, { substitute }), ['1:69 unresolved'])
})

test('a registry of files says where keys without prefix are; any other one has no effect', () => {
  const registry = (provider: string, root: string): string =>
    `<registry xmlns="${SYNAPSE}" provider="${provider}"><parameter name="root">${root}</parameter></registry>`
  const files = registry('org.apache.synapse.registry.url.SimpleURLRegistry', 'file:repository/r/')
  assert.deepEqual(decode(files), {
    file: 'test.xml',
    artifacts: [],
    diagnostics: [],
    registryRoot: 'file:repository/r/',
  })
  assert.equal(decode(registry('a.SimpleURLRegistry', 'http://example.org/')).registryRoot, undefined)
  assert.equal(decode(registry('org.wso2.ESBRegistry', 'file:x')).registryRoot, undefined)
})

test('a parameter may be kept in the registry', () => {
  const xml = '<messageStore name="m"><parameter name="store.producer.retry.count" key="conf:/retries"/></messageStore>'
  const { node } = decodeGood(xml, { resource: key => (key === 'conf:/retries' ? '3' : undefined) })
  assert.equal((node!.config as { retries: number }).retries, 3)
  assert.deepEqual(placesOf(xml), ['1:74 unknown-resource'])
})

test('references are collected with the place they stand in', () => {
  const { refs } = decodeGood(
    sequence('<store messageStore="orders" sequence="before"/>\n<sequence key="{get-property(\'x\')}"/>'),
  )
  assert.deepEqual(
    refs.map(({ role, name, at }) => `${at.line}:${at.column} ${role} ${name}`),
    ['2:22 message-store orders', '2:40 sequence before'],
  )
})

test('an artifact with an error has a name but no node; one with warnings only has both', () => {
  const { artifacts } = decode(
    `<definitions xmlns="${SYNAPSE}"><sequence name="bad"><nope/></sequence><sequence name="odd"><log x="1"/></sequence></definitions>`,
  )
  assert.deepEqual(
    artifacts.map(({ name, node }) => [name, node !== undefined]),
    [
      ['bad', false],
      ['odd', true],
    ],
  )
})

test('the digest follows what is written, not where', () => {
  const digest = (xml: string): string => decodeGood(xml).digest
  const plain = digest('<sequence name="s"><drop/></sequence>')
  assert.equal(digest('\n\n<!-- moved -->\n<sequence   name="s"><drop/></sequence>'), plain)
  assert.notEqual(digest('<sequence name="s"><respond/></sequence>'), plain)
  const namespaced = (uri: string): string =>
    decode(
      `<definitions xmlns="${SYNAPSE}" xmlns:m="${uri}"><sequence name="s"><property name="p" expression="//m:a"/></sequence></definitions>`,
    ).artifacts[0]!.digest
  assert.notEqual(namespaced('urn:one'), namespaced('urn:two'))
})

test('malformed XML, a document type and entities are refused with their place, never thrown', () => {
  const bomb = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>\n<sequence name="s">&b;</sequence>`
  for (const [xml, place, words] of [
    ['<sequence name="s"><log></sequence>', '1:25', /log/],
    [bomb, '1:1', /document type/],
    ['<sequence name="s">&b;</sequence>', '1:20', /entity/],
    ['', '1:1', /./],
    ['not xml', '1:1', /./],
    ['<a/><b/>', '1:5', /./],
  ] as const) {
    const { artifacts, diagnostics } = decode(xml)
    assert.deepEqual(artifacts, [])
    const [said] = diagnostics
    assert.deepEqual([`${said!.at.line}:${said!.at.column}`, said!.code], [place, 'xml-malformed'], xml)
    assert.match(said!.message, words)
  }
})

test('artifacts as deep as the reader allows are decoded, deeper ones refused', () => {
  const nest = (depth: number): string =>
    `<sequence name="s">${'<in>'.repeat(depth)}${'</in>'.repeat(depth)}</sequence>`
  assert.deepEqual(diagnosticsOf(nest(990)), [])
  assert.deepEqual(
    diagnosticsOf(nest(20_000)).map(({ code }) => code),
    ['xml-malformed'],
  )
})

test('what is written back is canonical, with every prefix declared where it is used', () => {
  const { node } =
    decodeGood(`<definitions xmlns="${SYNAPSE}" xmlns:m="urn:m"><sequence name="s"><description>gone</description>
    <filter xpath="//m:a" ><then><send><endpoint><http method="get" uri-template="http://h/{uri.var.id}"><timeout><duration>{//m:t}</duration></timeout></http></endpoint></send></then></filter>
    <header name="m:User" value="u"/><property name="x" scope="default" value="1"/><property name="doc"><a xmlns="urn:a">t</a></property></sequence></definitions>`)
  assert.equal(
    canonicalXml(encodeArtifact(node!)),
    `<sequence xmlns="${SYNAPSE}" name="s">
  <filter xmlns:m="urn:m" xpath="//m:a">
    <then>
      <send>
        <endpoint>
          <http uri-template="http://h/{uri.var.id}" method="get">
            <timeout>
              <duration xmlns:m="urn:m">{//m:t}</duration>
            </timeout>
          </http>
        </endpoint>
      </send>
    </then>
  </filter>
  <header xmlns:m="urn:m" name="m:User" value="u"/>
  <property name="x" value="1"/>
  <property name="doc">
    <a xmlns="urn:a">t</a>
  </property>
</sequence>
`,
  )
})

test('whatever is done to an artifact, decoding ends in a value: nothing a user writes is thrown', () => {
  const random = seeded(7)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const scraps = [
    '',
    '"',
    '<',
    '>',
    '/',
    '&',
    '=',
    '{',
    '}',
    '$',
    '(',
    'expression="//"',
    'key=""',
    'xmlns=""',
    '<log/>',
    '<a:b/>',
    '\u0000',
    '-1',
  ]
  const examples = catalog.walk().flatMap(kind => kind.examples.map(({ xml }) => xml))
  let faulty = 0
  for (let round = 0; round < 4000; round++) {
    let xml = `<definitions>${pick(examples)}<sequence name="s">${pick(examples)}</sequence></definitions>`
    for (let change = 0; change <= round % 3; change++) {
      const at = Math.floor(random() * xml.length)
      xml = xml.slice(0, at) + pick(scraps) + xml.slice(at + Math.floor(random() * 12))
    }
    const { artifacts, diagnostics } = decode(xml)
    for (const { node } of artifacts) if (node) encodeArtifact(node)
    for (const { at } of [...diagnostics, ...artifacts.flatMap(artifact => artifact.diagnostics)])
      assert.ok(at.line >= 1 && at.column >= 1)
    if (diagnostics.length > 0 || artifacts.some(({ node }) => !node)) faulty++
  }
  assert.ok(faulty > 1000)
})

/** The same numbers in every run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
