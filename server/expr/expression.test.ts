import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../kernel/clock.ts'
import { MessageContext } from '../kernel/context.ts'
import type { Expression, LocalEntry, Log, Registry } from '../kernel/contracts.ts'
import { Body, HeaderMap, Message } from '../kernel/message.ts'
import type { Format } from '../kernel/message.ts'
import { parseXml } from '../xml/reader.ts'
import { XmlElement, XmlText } from '../xml/tree.ts'
import type { ExpressionEnvironment } from './environment.ts'
import { expressionCompiler } from './expression.ts'

const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/'
const NAMESPACES: Readonly<Record<string, string>> = { s: SOAP, m: 'urn:m' }
const AT = { file: 'test.xml', line: 3, column: 7 }

const envelopes = new WeakMap<Message, XmlElement>()
function envelopeOf({ message }: MessageContext): XmlElement {
  let root = envelopes.get(message)
  if (!root) envelopes.set(message, (root = parseXml(message.body.raw!).root))
  return root
}

const environment: ExpressionEnvironment = {
  clock: new ManualClock(new Date(2025, 0, 31, 10, 5, 6, 7).getTime()),
  views: {
    envelope: envelopeOf,
    body: ctx => envelopeOf(ctx).child('Body', SOAP)!,
    header: ctx => envelopeOf(ctx).child('Header', SOAP),
    isJson: () => false,
    content: ctx => envelopeOf(ctx).child('Body', SOAP)?.firstElement,
    json: ctx => ({ value: JSON.parse(Buffer.from(ctx.message.body.raw!).toString()) as unknown }),
    parseJson: text => ({ value: JSON.parse(text) as unknown }),
    printJson: value => JSON.stringify(value),
  },
  resource: key => (key === 'gov:/a' ? 'resource text' : undefined),
  resourceProperty: (key, name) => (key === 'gov:/a' && name === 'prop' ? 'property text' : undefined),
  systemProperty: name => (name === 'os' ? 'linux' : undefined),
  environmentVariable: name => (name === 'HOME' ? '/home' : undefined),
  fileProperty: name => (name === 'host' ? 'h' : undefined),
}
const compile = expressionCompiler(environment)
const expression = (source: string): Expression => compile(source, prefix => NAMESPACES[prefix], AT)

const entries: Readonly<Record<string, Partial<LocalEntry>>> = {
  greeting: { contentType: 'text/plain', text: () => 'hello' },
  document: { contentType: 'application/xml', text: () => '<d><e>1</e></d>' },
}
const runtime = {
  find: (role: string, name: string) => (role === 'local-entry' ? entries[name] : undefined),
} as unknown as Registry

function context(body: string, format: Format = 'soap11', method = 'POST'): MessageContext {
  const message = new Message({
    body: Body.ofBytes(Buffer.from(body), 'text/xml'),
    headers: HeaderMap.of({ 'Content-Type': 'text/xml', 'X-Doc': '{"a":[1,2]}' }),
    addressing: { to: 'http://to', action: 'urn:act' },
    format,
    method,
  })
  return new MessageContext({
    message,
    runtime,
    log: {} as Log,
    origin: { label: 'proxy:P', kind: 'proxy', name: 'P' },
  })
}

const soap = (payload: string): MessageContext =>
  context(
    `<s:Envelope xmlns:s="${SOAP}" xmlns:m="urn:m"><s:Header><m:h>head</m:h></s:Header><s:Body>${payload}</s:Body></s:Envelope>`,
  )

const ORDER =
  '<m:o><m:id> 7 </m:id><m:id>8</m:id><m:item n="1"><m:price>2.50</m:price></m:item><m:mixed>own <m:b>inner</m:b></m:mixed><m:e/></m:o>'

for (const [source, expected] of [
  ['//m:zzz', ''],
  ['//m:item/@n', '1'],
  ['//m:id[2]', '8'],
  ['//m:id[1]', '7'],
  ['//m:id[1]/text()', ' 7 '],
  ['//m:mixed', 'own'],
  ['//m:item', '<m:item xmlns:m="urn:m" n="1"><m:price>2.50</m:price></m:item>'],
  ['//m:e', '<m:e xmlns:m="urn:m"/>'],
  ['//m:id/text()', ' 7 8'],
  ['//m:id', '<m:id xmlns:m="urn:m"> 7 </m:id><m:id xmlns:m="urn:m">8</m:id>'],
  ['count(//m:id)', '2.0'],
  ['sum(//m:price) * 2', '5.0'],
  ['1 div 3', '0.3333333333333333'],
  ['12345678 * 10', '1.2345678E8'],
  ['string(count(//m:id))', '2'],
  ["concat('n=', count(//m:id))", 'n=2'],
  ['//m:id = 8', 'true'],
  ['string(//m:item)', '2.50'],
  ['$body/m:o/m:id[2]', '8'],
  ['$header/m:h', 'head'],
  ['local-name($body/*)', 'o'],
  ['name($env)', 's:Envelope'],
  ['/s:Envelope/s:Body/m:o/m:id[2]', '8'],
  ['s:Body/m:o/m:id[2]', '8'],
  ["fn:concat('a', 'b')", 'ab'],
  ["syn:get-property('To')", 'http://to'],
] as const) {
  test(`${source} gives "${expected}" as text`, () => {
    assert.equal(expression(source).string(soap(ORDER)), expected)
  })
}

test('a variable reads its scope', () => {
  const ctx = soap(ORDER)
  ctx.properties.set('p', 'default')
  ctx.properties.set('count', 7)
  ctx.properties.set('flag', true)
  ctx.properties.set('map', new Map([['k', 'from map']]))
  ctx.properties.set('xml', parseXml('<x><y>1</y></x>').root)
  ctx.properties.set('list', [new XmlElement('a'), new XmlText('t')])
  ctx.properties.set('json', { a: [1] })
  ctx.operation.set('o', 'operation')
  ctx.variables.set('v', 'variable')
  ctx.functionParams = new Map([['f', 'param']])
  ctx.message.axis2.set('HTTP_SC', 202)
  ctx.message.axis2.set('TransportInURL', '/services/P?Symbol=IBM%20Co&x=1')
  for (const [source, expected] of [
    ['$ctx:p', 'default'],
    ['$ctx:count', '7'],
    ['$ctx:count + 1', '8.0'],
    ['$ctx:flag', 'true'],
    ['$map:k', 'from map'],
    ['$map:none', ''],
    ['$ctx:xml', '<x><y>1</y></x>'],
    ['$ctx:xml/y', '1'],
    ['$ctx:list', '<a/>t'],
    ['$ctx:json', '{"a":[1]}'],
    ['$operation:o', 'operation'],
    ['$var:v', 'variable'],
    ['$func:f', 'param'],
    ['$axis2:HTTP_SC', '202'],
    ['$trp:content-type', 'text/xml'],
    ['$url:symbol', 'IBM Co'],
    ['$url:none', ''],
    ['$sys:os', 'linux'],
    ['$ctx:none', ''],
  ] as const) {
    assert.equal(expression(source).string(ctx), expected, source)
  }
})

test('a property that is not set is null, nodes that are not there are undefined', () => {
  const ctx = soap(ORDER)
  assert.equal(expression('$ctx:none').value(ctx), null)
  assert.equal(expression('//m:zzz').value(ctx), undefined)
  assert.equal(expression("get-property('none')").value(ctx), '')
  assert.deepEqual(
    (expression('//m:id').value(ctx) as XmlElement[]).map(node => node.local),
    ['id', 'id'],
  )
})

test('get-property reads every scope, and local entries where no property has the name', () => {
  const ctx = soap(ORDER)
  ctx.properties.set('p', 'default')
  ctx.message.axis2.set('a', 'axis2')
  ctx.operation.set('o', 'operation')
  ctx.functionParams = new Map([['f', 'param']])
  for (const [source, expected] of [
    ["get-property('p')", 'default'],
    ["get-property('default', 'p')", 'default'],
    ["get-property('axis2', 'a')", 'axis2'],
    ["get-property('transport', 'content-type')", 'text/xml'],
    ["get-property('operation', 'o')", 'operation'],
    ["get-property('func', 'f')", 'param'],
    ["get-property('registry', 'gov:/a')", 'resource text'],
    ["get-property('registry', 'gov:/a@prop')", 'property text'],
    ["get-property('registry', 'gov:/a@other')", ''],
    ["get-property('system', 'os')", 'linux'],
    ["get-property('env', 'HOME')", '/home'],
    ["get-property('file', 'host')", 'h'],
    ["get-property('nowhere', 'x')", ''],
    ["get-property('greeting')", 'hello'],
    ["get-property('document')", '<d><e>1</e></d>'],
    ["get-property('document')/e", '1'],
    ["get-property('none')", ''],
    ["get-property(concat('p', ''))", 'default'],
    ["get-property('To')", 'http://to'],
    ["get-property('Action')", 'urn:act'],
    ["get-property('ReplyTo')", ''],
    ["get-property('MESSAGE_FORMAT')", 'soap11'],
    ["get-property('FAULT')", ''],
    ["get-property('SYSTEM_TIME')", String(environment.clock.now())],
    ["get-property('SYSTEM_DATE')", '1/31/25, 10:05 AM'],
    [`get-property('SYSTEM_DATE', "yyyy-MM-dd'T'HH:mm:ss.SSS")`, '2025-01-31T10:05:06.007'],
    [`get-property('default', 'SYSTEM_DATE', "EEE, d MMM yy D")`, 'Fri, 31 Jan 25 31'],
  ] as const) {
    assert.equal(expression(source).string(ctx), expected, source)
  }
  assert.match(expression("get-property('MessageID')").string(ctx), /^urn:uuid:/)
})

test('the message format and a fault are told from the message', () => {
  const format = expression("get-property('MESSAGE_FORMAT')")
  assert.equal(format.string(context('{}', 'json')), 'pox')
  assert.equal(format.string(context('', 'none', 'GET')), 'pox')
  assert.equal(expression("get-property('FAULT')").string(soap('<s:Fault/>')), 'TRUE')
})

test('filter conditions follow XPath: the text false is true', () => {
  const ctx = soap(ORDER)
  ctx.properties.set('flag', 'false')
  assert.equal(expression("get-property('flag')").boolean(ctx), true)
  assert.equal(expression("get-property('flag') = 'true'").boolean(ctx), false)
  assert.equal(expression('$ctx:none').boolean(ctx), false)
  assert.equal(expression('//m:id').boolean(ctx), true)
  assert.equal(expression('//m:price').number(ctx), 2.5)
})

test('functions of Synapse encode, decode and sign', () => {
  const ctx = soap(ORDER)
  for (const [source, expected] of [
    ["base64Encode('añ')", 'YcOx'],
    ["base64Encode('ñ', 'ISO-8859-1')", '8Q=='],
    ["base64Decode('YcOx')", 'añ'],
    ["url-encode('a b/ñ~*')", 'a+b%2F%C3%B1%7E*'],
    ["hmac-generate('text', 'key', 'HmacSHA256')", '6afa9046a9579cad143a384c1b564b9a250d27d6f6a63f9f20bf3a7594c9e2c6'],
  ] as const) {
    assert.equal(expression(source).string(ctx), expected, source)
  }
  assert.throws(() => expression("base64Encode('a', 'EBCDIC')").string(ctx), { code: 'EXPRESSION_FAILED' })
})

const JSON_BODY = '{"a":{"b":"x","n":null,"i":7,"list":[1,2,3],"one":[{"c":1}]},"q":{"members":["m"]},"flag":false}'

for (const [source, expected] of [
  ['json-eval($.a.b)', 'x'],
  ["json-eval('$.a.b')", 'x'],
  ['json-eval($.a.i)', '7'],
  ['json-eval($.a.n)', 'null'],
  ['json-eval($.a.list)', '[1,2,3]'],
  ['json-eval($.a.one[0])', '{"c":1}'],
  ['json-eval($.a.list[*])', '[1,2,3]'],
  ['json-eval($.a.one[*].c)', '1'],
  ['json-eval($.missing)', ''],
  ['json-eval($..missing)', ''],
  ['json-eval($.a.list.length())', '3'],
  ['json-eval($.a.list.sum())', '6.0'],
  ['json-eval($.a.keys())', '["b","n","i","list","one"]'],
  ['json-eval($.q)', '["m"]'],
  ['json-eval($ctx:doc.k[1])', '2'],
  ['json-eval($ctx:text)', 'plain'],
  ['json-eval($ctx:none.k)', ''],
  ['json-eval($ctx:text.k)', ''],
  ['json-eval($trp:X-Doc.a[0])', '1'],
  ["concat(json-eval('$.a.b'), '!')", 'x!'],
] as const) {
  test(`${source} gives "${expected}" as text`, () => {
    const ctx = context(JSON_BODY, 'json')
    ctx.properties.set('doc', { k: [1, 2] })
    ctx.properties.set('text', 'plain')
    assert.equal(expression(source).string(ctx), expected)
  })
}

test('JSON conditions and values keep their type', () => {
  const ctx = context(JSON_BODY, 'json')
  assert.equal(expression('json-eval($.flag)').boolean(ctx), false)
  assert.equal(expression('json-eval($.a)').boolean(ctx), true)
  assert.equal(expression('json-eval($.missing)').boolean(ctx), false)
  assert.equal(expression('json-eval($.a.i)').number(ctx), 7)
  assert.deepEqual(expression('json-eval($.a.list)').value(ctx), [1, 2, 3])
  assert.deepEqual(expression('json-eval($.a.one[*])').value(ctx), [{ c: 1 }])
  assert.equal(expression('json-eval($.missing)').value(ctx), undefined)
})

test('only expressions that look into the body need it', () => {
  for (const source of [
    "get-property('a/b')",
    "concat($ctx:p, '/', $trp:H)",
    "'//'",
    '$ctx:p/x',
    "get-property('axis2', 'FAULT')",
    'json-eval($ctx:p.a)',
    "json-eval('$trp:H')",
  ]) {
    assert.equal(expression(source).needsBody, false, source)
  }
  for (const source of [
    '//m:id',
    '$body',
    '$header/m:h',
    '$env',
    "get-property('FAULT')",
    'get-property($ctx:name)',
    'json-eval($.a)',
    "concat('a', json-eval('$.a'))",
  ]) {
    assert.equal(expression(source).needsBody, true, source)
  }
})

for (const [source, reason] of [
  ['//z:a', /prefix z is not declared \(at character 3 of "\/\/z:a"\)/],
  ['//m:a[', /at character 7/],
  ['$unknown', /variable \$unknown is not known.*\$ctx:/],
  ['fn:tokenize(//m:a, 1)', /fn:tokenize\(\) is not known/],
  ['json-eval($.a[)', /no \]/],
  ["concat(json-eval('$['), '')", /no \]/],
] as const) {
  test(`${source} is refused with its place`, () => {
    assert.throws(() => expression(source), { code: 'EXPRESSION_SYNTAX', at: AT, message: reason })
  })
}

test('expressions in ${…} are compiled, their mistakes refused with their place', () => {
  assert.equal(expression('${1 + 1}').string(context('<a/>')), '2')
  assert.throws(() => expression('${1 +}'), { code: 'EXPRESSION_SYNTAX', at: AT, message: /at character 4/ })
})

test('json-eval() in a predicate is asked once for all nodes, or counts with the rest where each asks for another path', () => {
  let asked = 0
  let document: { value: unknown } = { value: { a: 1 } }
  const counting = expressionCompiler({
    ...environment,
    views: { ...environment.views, json: () => (asked++, document) },
  })
  const ctx = context(`<s:Envelope xmlns:s="${SOAP}"><s:Body><m>${'<i/>'.repeat(50)}</m></s:Body></s:Envelope>`)
  const count = (predicate: string): number => counting(`count(//i[${predicate}])`, () => undefined, AT).number(ctx)
  assert.equal(count("json-eval('$.a') = '1'"), 50)
  assert.equal(asked, 1)
  const another = "json-eval(concat('$..a', local-name(self::x))) = '1'"
  assert.equal(count(another), 50)
  document = { value: Array.from({ length: 200_000 }, (_, index) => index) }
  assert.throws(() => count(another), /given up after/)
})
