import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageViews } from '../../codecs/views.ts'
import { ManualClock } from '../../kernel/clock.ts'
import type { Expression } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { contextOf, type Given, type TestContext } from '../../testing/rig.ts'
import { parseXml } from '../../xml/reader.ts'
import { expressionCompiler } from '../expression.ts'

const AT = { file: 'a.xml', line: 1, column: 1 }
const clock = new ManualClock()
const compile = expressionCompiler({
  views: messageViews,
  clock,
  resourceProperty: (_key, name) => (name === 'base' ? 'USD' : undefined),
  resource: key => (key === 'gov:/rates.json' ? '{"eur": 1.5}' : undefined),
  config: name => (name === 'region' ? 'eu' : undefined),
})

const ORDER = {
  customer: { name: 'Ann', 'first name': 'Ann-Marie' },
  items: [
    { sku: 'a', price: 5, tags: ['x'] },
    { sku: 'b', price: 12.5, tags: [] },
    { sku: 'c', price: 30, tags: ['x', 'y'] },
  ],
  total: 500,
  paid: true,
  note: null,
}

function expression(source: string): Expression {
  return compile(source, prefix => (prefix === 'm' ? 'urn:m' : undefined), AT)
}

function order(given: Given = {}): TestContext {
  const ctx = contextOf({
    body: ORDER,
    headers: { 'X-Count': '7', 'X-Name': 'Bob', 'X-Flag': 'true', 'X-Code': '007', 'X-Rate': '1.50' },
    properties: { limit: '10', 'query.param.q': 'find', 'uri.var.id': '42' },
    axis2: { HTTP_METHOD: 'POST' },
    ...given,
  })
  ctx.variables.set('max', 13)
  ctx.variables.set('i', 1)
  ctx.variables.set('sku', 'c')
  ctx.variables.set('json', { a: { b: [1, 2] } })
  ctx.variables.set('text', '{"k": "v"}')
  ctx.variables.set('xml', parseXml('<m:r xmlns:m="urn:m"><m:c>9</m:c></m:r>').root)
  ctx.variables.set('map', new Map([['payload', { a: 1 }]]))
  return ctx
}

const TEXTS: readonly (readonly [source: string, expected: string])[] = [
  // roots
  ['${payload.customer.name}', 'Ann'],
  ['${$.customer.name}', 'Ann'],
  ['${payload.customer["first name"]}', 'Ann-Marie'],
  ['${payload.customer}', '{"name":"Ann","first name":"Ann-Marie"}'],
  ['${vars.max}', '13'],
  ['${var.max}', '13'],
  ['${vars["max"]}', '13'],
  ['${vars.json.a.b[1]}', '2'],
  ['${vars.text.k}', 'v'],
  ['${vars.map.payload.a}', '1'],
  ['${headers["X-Name"]}', 'Bob'],
  ['${headers["X-Code"]}', '007'],
  ['${props.synapse.limit}', '10'],
  ['${properties.axis2.HTTP_METHOD}', 'POST'],
  ['${params.queryParams.q}', 'find'],
  ['${params.pathParams.id + 1}', '43'],
  ['${configs.region}', 'eu'],
  ['${registry("gov:/rates.json").eur}', '1.5'],
  ['${registry("gov:/rates.json").property("base")}', 'USD'],
  // steps
  ['${payload.items[0].sku}', 'a'],
  ['${payload.items[-1].sku}', 'c'],
  ['${payload.items[vars.i].sku}', 'b'],
  ['${payload.items[vars.i + 1].sku}', 'c'],
  ['${payload.items[0,2].sku}', '["a","c"]'],
  ['${payload.items[1:3].sku}', '["b","c"]'],
  ['${payload.items[*].sku}', '["a","b","c"]'],
  ['${payload..sku}', '["a","b","c"]'],
  ['${payload.items[?(@.price < vars.max)].sku}', '["a","b"]'],
  ['${payload.items[?(@.sku == vars.sku)].price}', '[30]'],
  ['${payload.items[?(@.sku == toLower("B"))].price}', '[12.5]'],
  ['${payload.items.length()}', '3'],
  ['${payload.items[*].price.sum()}', '47.5'],
  ['${payload.items[*].price.max()}', '30.0'],
  // literals and operators
  ['${1 + 2 * 3}', '7'],
  ['${(1 + 2) * 3}', '9'],
  ['${7 / 2}', '3.5'],
  ['${6 / 2}', '3'],
  ['${7 % 4}', '3'],
  ['${-3 + 5}', '2'],
  ['${5 -1}', '4'],
  ['${0.1 + 0.2}', '0.3'],
  ['${1.5 + 1.5}', '3.0'],
  ['${\'a\' + "b"}', 'ab'],
  ["${'it\\'s'}", "it's"],
  ["${'a}b'}", 'a}b'],
  ['${[1, "x", true]}', '[1,"x",true]'],
  ['${payload.total + 1}', '501'],
  ['${headers["X-Count"] * 2}', '14'],
  ['${headers["X-Rate"] * 2}', '3.0'],
  ['${headers["X-Flag"] and payload.paid}', 'true'],
  ['${payload.paid ? "yes" : "no"}', 'yes'],
  ['${payload.total > 100 ? payload.total > 400 ? "big" : "middle" : "small"}', 'big'],
  ['${payload.note == null}', 'true'],
  ['${payload.total == "500"}', 'true'],
  ['${"abc" != "abd"}', 'true'],
  ['${false or true and false}', 'false'],
  ['${(payload.total > 1) and (vars.max > 2)}', 'true'],
  // functions
  ['${length("abc")}', '3'],
  ['${length(payload.items)}', '3'],
  ['${toUpper(payload.customer.name)}', 'ANN'],
  ['${subString("abcdef", 2)}', 'cdef'],
  ['${subString("abcdef", 1, 3)}', 'bc'],
  ['${startsWith("abc", "ab")}', 'true'],
  ['${replace("a.b.c", ".", "-")}', 'a-b-c'],
  ['${replace("a", "a", "$&")}', '$&'],
  ['${split("a, b,,", ",\\\\s*")}', '["a","b"]'],
  ['${indexOf("abcabc", "c", 3)}', '5'],
  ['${charAt("abc", 1)}', 'b'],
  ['${trim("  a ")}', 'a'],
  ['${abs(-2.5)}', '2.5'],
  ['${ceil(1.2)}', '2'],
  ['${floor(-1.2)}', '-2'],
  ['${round(2.5)}', '3'],
  ['${round(1.005, 2)}', '1.01'],
  ['${sqrt(16)}', '4.0'],
  ['${pow(2, 3)}', '8.0'],
  ['${log(1)}', '0.0'],
  ['${base64encode("häh")}', 'aMOkaA=='],
  ['${base64decode("aMOkaA==")}', 'häh'],
  ['${urlEncode("a b*")}', 'a%20b%2A'],
  ['${urlDecode("a+b%2A")}', 'a b*'],
  ['${isNumber(5)}', 'true'],
  ['${isString("5")}', 'true'],
  ['${isArray("[1]")}', 'true'],
  ['${isObject(payload.customer)}', 'true'],
  ['${integer("12") + 1}', '13'],
  ['${float("2")}', '2.0'],
  ['${boolean("TRUE")}', 'true'],
  ['${string(5) + "x"}', '5x'],
  ['${not(payload.paid)}', 'false'],
  ['${object("{\\"a\\": 1}").a}', '1'],
  ['${array("[1, 2]")[1]}', '2'],
  ['${exists(payload.customer.name)}', 'true'],
  ['${exists(payload.customer.age)}', 'false'],
  ['${exists(vars.nothing)}', 'false'],
  ['${exists(payload.note)}', 'false'],
  ['${formatDateTime("2024-05-06", "yyyy-MM-dd", "dd/MM/uuuu")}', '06/05/2024'],
  ['${formatDateTime("6 May 24 3:07 PM", "d MMM yy h:mm a", "yyyy-MM-dd\'T\'HH:mm")}', '2024-05-06T15:07'],
  ["${xpath('//m:c', 'xml')}", '9'],
]

for (const [source, expected] of TEXTS) {
  test(`${source} gives "${expected}"`, () => {
    assert.equal(expression(source).string(order()), expected)
  })
}

test('and binds tighter than a comparison, as in Synapse (trap H43)', () => {
  const ctx = order()
  assert.equal(expression('${payload.total > 1 and vars.max > 2}').string(ctx), '')
  assert.match(ctx.log.texts('warn').join(), /true or false/)
})

const FAILURES = [
  '${payload.nothing}',
  '${vars.nothing}',
  '${headers.Nothing}',
  '${1 + "a"}',
  '${"a" < "b"}',
  '${1 / 0}',
  '${not(1)}',
  '${toUpper(payload.note)}',
  '${subString("abc", 2, 9)}',
  '${vars.xml.a}',
  '${registry("gov:/nothing")}',
  '${1 ? 2 : 3}',
]

for (const source of FAILURES) {
  test(`${source} is a warning and an empty text (trap H43)`, () => {
    const ctx = order()
    const failing = expression(source)
    assert.equal(failing.string(ctx), '')
    assert.equal(failing.value(ctx), undefined)
    assert.equal(failing.boolean(ctx), false)
    const warnings = ctx.log.texts('warn')
    assert.equal(warnings.length, 1)
    assert.ok(warnings[0]!.startsWith(`Error evaluating expression: ${source}`))
  })
}

test('numbers of the payload keep the text they were written with', () => {
  const ctx = order({ body: '{"a": 500.0, "b": 12345678901234567890}', contentType: 'application/json' })
  assert.equal(expression('${payload.a}').string(ctx), '500.0')
  assert.equal(expression('${payload.b}').string(ctx), '12345678901234567890')
})

test('a value keeps its type; what JSON calls null is null', () => {
  const ctx = order()
  assert.equal(expression('${payload.total}').value(ctx), 500)
  assert.equal(expression('${1.5 + 1.5}').value(ctx), 3)
  assert.equal(expression('${payload.paid}').value(ctx), true)
  assert.equal(expression('${payload.note}').value(ctx), null)
  assert.deepEqual(expression('${payload.items[1].tags}').value(ctx), [])
  assert.equal(expression('${payload.total}').number(ctx), 500)
})

test('XML is read by xpath() with the prefixes of the artifact; $.… sees it as JSON', () => {
  const ctx = order({ body: '<m:o xmlns:m="urn:m"><m:id>7</m:id></m:o>' })
  assert.equal(expression("${xpath('//m:id')}").string(ctx), '7')
  assert.equal(expression("${integer(xpath('//m:id')) + 1}").string(ctx), '8')
  assert.equal(expression('${xpath(vars.path)}').string(ctx), '')
  assert.equal(expression('${payload.o.id}').string(ctx), '7')
  assert.equal(expression('${payload}').string(ctx), '<m:o xmlns:m="urn:m"><m:id>7</m:id></m:o>')
})

test('a plain text payload is a text', () => {
  const ctx = order({ body: 'hello', contentType: 'text/plain' })
  assert.equal(expression('${toUpper(payload)}').string(ctx), 'HELLO')
})

test('only what looks into the body needs it', () => {
  for (const source of ['${vars.a.b}', '${headers.A}', "${xpath('$trp:A')}", "${xpath('//a', 'xml')}", '${now()}'])
    assert.equal(expression(source).needsBody, false, source)
  for (const source of ['${payload}', '${vars.a[payload.i]}', "${xpath('//a')}", '${exists($.a)}'])
    assert.equal(expression(source).needsBody, true, source)
})

test('now() is the time of the clock', () => {
  assert.equal(expression('${now()}').string(order()), String(clock.now()))
})

const MISTAKES: readonly (readonly [source: string, at: number])[] = [
  ['${}', 0],
  ['${payload.}', 8],
  ['${1 +}', 3],
  ['${nothing}', 0],
  ['${nothing(1)}', 0],
  ['${length()}', 0],
  ['${props.other.a}', 5],
  ['${"a}', 3],
  ['${headers.X-Name}', 10],
  ['${payload.items[0}', 15],
  ['${payload.items[?(@.a == 1)}', 13],
  ['${(1}', 2],
  ['${1 2}', 2],
  ['${1 # 2}', 2],
  [`\${${'('.repeat(200)}1${')'.repeat(200)}}`, 100],
]

for (const [source, at] of MISTAKES) {
  test(`${source.slice(0, 40)} is refused at its place`, () => {
    assert.throws(
      () => expression(source),
      thrown =>
        thrown instanceof IntegrationError &&
        thrown.code === 'EXPRESSION_SYNTAX' &&
        (thrown.cause as { offset: number }).offset === at,
    )
  })
}

test('vaults are refused as not supported, with what to do instead', () => {
  assert.throws(() => expression("${wso2-vault('alias')}"), { code: 'NOT_SUPPORTED', message: /configs\.NAME/ })
})

const LONG = 'a'.repeat(100_000)
const LIMITS: readonly (readonly [source: string, text: string, other: string])[] = [
  ['${replace(vars.text, "a", vars.other)}', LONG, LONG],
  ['${replace(vars.text, "", vars.other)}', LONG, LONG],
  [
    '${replace(replace(replace(vars.text, "a", vars.other), "a", vars.other), "a", vars.other)}',
    LONG.slice(0, 400),
    LONG.slice(0, 400),
  ],
  ['${split(vars.text, "")}', LONG.repeat(30), ''],
  ['${split(vars.text, vars.other)}', LONG.slice(0, 40), '(a+)+b'],
  ['${formatDateTime(vars.text, vars.other, "yyyy")}', `${'1'.repeat(45)}x`, 'Md'.repeat(15)],
  [`\${${'urlEncode('.repeat(16)}vars.text${')'.repeat(16)}}`, '%'.repeat(4_000_000), ''],
  ['${exists(payload..[?($..[?($..b)])])}', '', ''],
  ["${xpath('//*[//*[//*]]')}", '', ''],
]
for (const [source, text, other] of LIMITS) {
  test(`${source.slice(0, 60)} is given up at its limit, and the message faults`, () => {
    const ctx = contextOf({ body: Array.from({ length: 6_000 }, (_, a) => ({ a })) as never })
    ctx.variables.set('text', text)
    ctx.variables.set('other', other)
    assert.throws(() => expression(source).string(ctx), { code: 'EXPRESSION_FAILED', message: /was given up after/ })
    assert.deepEqual(ctx.log.texts('warn'), [])
  })
}

test('long texts are searched in one pass, and give what short ones give', () => {
  const ctx = contextOf({})
  const part = `${'a'.repeat(40)}b${'a'.repeat(40)}`
  ctx.variables.set('text', `${'a'.repeat(50)}b${'a'.repeat(60)}b${'a'.repeat(60)}b${'a'.repeat(45)}`)
  ctx.variables.set('part', part)
  const text = ctx.variables.get('text') as string
  assert.equal(expression('${indexOf(vars.text, vars.part)}').string(ctx), String(text.indexOf(part)))
  assert.equal(expression('${indexOf(vars.text, vars.part, 30)}').string(ctx), String(text.indexOf(part, 30)))
  assert.equal(expression('${indexOf(vars.text, vars.part, 200)}').string(ctx), '-1')
  assert.equal(expression('${indexOf(vars.text, "b", -5)}').string(ctx), '50')
  assert.equal(expression('${contains(vars.text, vars.part)}').string(ctx), 'true')
  assert.equal(expression('${replace(vars.text, vars.part, "-")}').string(ctx), text.replaceAll(part, '-'))
  assert.equal(expression('${replace("abc", "", "-")}').string(ctx), '-a-b-c-')
})

test('a name that came with the message does not fill the log, nor the paths that are kept', () => {
  const ctx = order()
  ctx.variables.set('sku', 'x'.repeat(20_000))
  assert.equal(expression('${payload.items[?(@.sku == vars.sku)].price}').string(ctx), '')
  assert.equal(expression('${integer(vars.sku)}').string(ctx), '')
  const [path, integer] = ctx.log.texts('warn') as [string, string]
  assert.match(path, /the computed path has 200\d\d characters, and 10000 are the most/)
  assert.ok(path.length < 400 && integer.length < 400)
})
