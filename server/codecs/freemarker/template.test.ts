import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseXml } from '../../xml/reader.ts'
import { parseFreemarker } from './template.ts'
import { XmlDocumentNodes } from './values.ts'

const JSON_MODEL: Readonly<Record<string, unknown>> = {
  args: { arg1: 'IBM' },
  trp: { 'Content-Type': 'text/xml' },
  ctx: {},
  payload: {
    order: {
      id: 7,
      name: 'Ann "the" <one>',
      items: [
        { id: 1, price: 2.5 },
        { id: 2, price: 10 },
      ],
      none: [],
      ok: true,
    },
    big: 1234567.891,
  },
}
const fill = (text: string, model = JSON_MODEL): string => parseFreemarker(text)(name => model[name])

/** Each template with what it gives. */
function gives(rows: readonly (readonly [template: string, text: string])[], model = JSON_MODEL): void {
  for (const [template, text] of rows) assert.equal(fill(template, model), text, template)
}

test('values stand where they are asked for, text stays as written', () => {
  gives([
    ['<m>${args.arg1}</m> $1 {x}', '<m>IBM</m> $1 {x}'],
    ['${payload.order.items[0].id} ${payload["order"]["items"][1].id}', '1 2'],
    ['${trp["Content-Type"]}', 'text/xml'],
    ['${payload.order.items}', '[{"id":1,"price":2.5},{"id":2,"price":10}]'],
    ['a<#-- ${nothing} -->b<#noparse>${x}<#if></#noparse>c', 'ab${x}<#if>c'],
  ])
})

test('a value that is not there is a fault that names it, unless the template has a default', () => {
  assert.throws(() => fill('${ctx.none}'), /^TypeError: \$\{ctx\.none\} has no value and no !default/)
  assert.throws(() => fill('${ctx.none.deeper!"x"}'), /has no value/)
  gives([
    ['[${ctx.none!"x"}][${ctx.none!\'y\'}][${ctx.none!}]', '[x][y][]'],
    ['${(ctx.none.deeper.still)!"x"}', 'x'],
    ['${ctx.none!args.arg1}', 'IBM'],
    ['<#if ctx.none??>a<#else>b</#if><#if (ctx.a.b)??>a<#else>b</#if>', 'bb'],
    ['<#if payload.order.none?has_content>a<#else>b</#if>', 'b'],
    ['${ctx.none?default("d")}', 'd'],
  ])
})

test('conditions choose, in words or in signs', () => {
  gives([
    ['<#if payload.order.id gt 5>big<#elseif payload.order.id == 5>five<#else>small</#if>', 'big'],
    ['<#if (payload.order.id > 5) && payload.order.ok>yes</#if>', 'yes'],
    ['<#if !payload.order.ok || payload.order.id lte 6>yes<#else>no</#if>', 'no'],
    ['<#if args.arg1 = "IBM" && args.arg1 != "SUN">yes</#if>', 'yes'],
    ['${payload.order.ok?then("y", "n")} ${payload.order.ok?string("yes", "no")} ${payload.order.ok?c}', 'y yes true'],
    ['<#switch args.arg1><#case "SUN">s<#break><#case "IBM">i<#case "X">x<#break><#default>d</#switch>', 'ix'],
    ['<#switch args.arg1><#case "SUN">s<#break><#default>d</#switch>', 'd'],
  ])
  assert.throws(() => fill('<#if args.arg1>x</#if>'), /<#if args\.arg1>: true or false is expected/)
  assert.throws(() => fill('<#if args.arg1 == 5>x</#if>'), /a string and a number cannot be compared/)
})

test('lists are walked, with what a loop knows of itself', () => {
  gives([
    ['<#list payload.order.items as i>${i.id}=${i.price}<#sep>, </#list>', '1=2.5, 2=10'],
    [
      '<#list payload.order.items as i>${i?index}${i?counter}${i?is_first?c}<#if i?has_next>,</#if></#list>',
      '01true,12false',
    ],
    ['<#list payload.order.items as i>${i_index}<#if i_has_next>,</#if></#list>', '0,1'],
    ['<#list payload.order.none as i>x<#else>none</#list>', 'none'],
    ['<#list 1..3 as n>${n}</#list>|<#list 3..1 as n>${n}</#list>|<#list 0..<2 as n>${n}</#list>', '123|321|01'],
    ['<#list payload.order.items>[<#items as i>${i.id}<#sep>,</#sep></#items>]</#list>', '[1,2]'],
    ['<#list 1..5 as n><#if n == 2><#continue></#if><#if n == 4><#break></#if>${n}</#list>', '13'],
    ['<#list {"a": 1, "b": 2} as k, v>${k}${v};</#list>', 'a1;b2;'],
    ['<#list payload?keys as k>${k} </#list>', 'order big '],
    ['<#list 1..2 as a><#list 1..2 as b>${a}${b} </#list></#list>', '11 12 21 22 '],
  ])
  assert.throws(() => fill('<#list payload.order.id as i>x</#list>'), /<#list payload\.order\.id as i> needs a list/)
})

test('variables are set and texts caught', () => {
  gives([
    ['<#assign a = 1 b = a + 1 c = "x">${a}${b}${c}', '12x'],
    ['<#assign sum = 0><#list payload.order.items as i><#assign sum = sum + i.price></#list>${sum}', '12.5'],
    ['<#assign t>a${args.arg1}</#assign>[${t}]', '[aIBM]'],
    ['<#assign l = [3, 1, 2]>${l?sort?join(",")} ${l[1..2]?join("-")} ${l?reverse?first}', '1,2,3 1-2 2'],
  ])
})

test('arithmetic, texts and numbers', () => {
  gives([
    ['${1 + 2 * 3} ${(1 + 2) * 3} ${7 / 2} ${-7 % 4} ${"a" + 1}', '7 9 3.5 -3 a1'],
    [
      '${payload.big} ${payload.big?string("0.00")} ${payload.big?string("#,##0.##")} ${7?string("000")}',
      '1234567.891 1234567.89 1,234,567.89 007',
    ],
    ['${"12"?number + 1} ${2.5?round} ${2.1?ceiling} ${-2.9?int} ${3?abs}', '13 3 3 -2 3'],
    ['${args.arg1?lower_case?cap_first} ${" a "?trim}${"abc"?length} ${"a,b"?split(",")[1]}', 'Ibm a3 b'],
    ['${"aXbX"?replace("X", "-")} ${"abc"?contains("b")?c} ${"abc"[1..]} ${"x"?left_pad(3, "0")}', 'a-b- true bc 00x'],
    ['${payload.order.name?json_string}', 'Ann \\"the\\" <one>'],
    ['${payload.order.name?xml}', 'Ann &quot;the&quot; &lt;one&gt;'],
  ])
})

test('lines with nothing but directives leave no line behind', () => {
  const template =
    '{\n  <#if payload.order.ok>\n  "id": ${payload.order.id},\n  </#if>\n  <#list 1..2 as n>\n  "n${n}": 1<#sep>,</#sep>\n  </#list>\n}'
  assert.equal(fill(template), '{\n  "id": 7,\n  "n1": 1,\n  "n2": 1\n}')
})

test('XML is walked by its names: children as lists, attributes, text', () => {
  const { root } = parseXml(
    '<o:order xmlns:o="urn:o" id="7"><o:item n="1">a</o:item><o:item n="2">b</o:item><price>2.5</price></o:order>',
  )
  const model = { payload: new XmlDocumentNodes([root]) }
  gives(
    [
      ['${payload.order.@id} ${payload.order.item[1]} ${payload.order.item?size}', '7 b 2'],
      ['<#list payload.order.item as i>${i.@n}${i}<#sep>,</#list>', '1a,2b'],
      ['<#list payload.order.none as i>x</#list>[${payload.order.none!"no"}]', '[no]'],
      ['<#if payload.order.price gt 2>dear</#if><#if payload.order.@id == "7">seven</#if>', 'dearseven'],
      ['<#list payload.order.* as c>${c?node_name} </#list>', 'item item price '],
      ['<#list payload.order.price as p>${p}</#list>', '2.5'],
    ],
    model,
  )
})

test('what is beyond the subset is named when the template is read', () => {
  for (const [template, said] of [
    ['<#macro m>x</#macro>', /the FreeMarker directive <#macro…> is not supported/],
    ['<@m/>', /<@m…> is not supported/],
    ['<#include "x">', /<#include…> is not supported/],
    ['${args.arg1?matches("a+")}', /\$\{args\.arg1\?matches\("a\+"\)\}: \?matches is not supported/],
    ['<#if x>', /<#if> has no end/],
    ['</#if>', /<\/#if> has no beginning/],
    ['<#if x><#list y as z></#if></#list>', /<\/#if> stands where <\/#list> is expected/],
    ['${1 +}', /\$\{1 \+\}: a value is expected/],
    ['${', /does not end with \}/],
    ['${a b}', /"b" is too much/],
  ] as const) {
    assert.throws(() => parseFreemarker(template), said, template)
  }
})

test('a template that would take for ever, or fill the memory, is given up', () => {
  const doubled = '<#assign s = "aaaaaaaaaa"><#list 1..60 as i><#assign s = s + s></#list>${s}'
  const nested = `${'<#list 1..1000 as a>'.repeat(4)}x${'</#list>'.repeat(4)}`
  for (const [template, said] of [
    ['<#list 1..1000000000 as i>${i}</#list>', /more than 2000000 steps/],
    [nested, /more than 2000000 steps/],
    [doubled, /more than 67108864 characters/],
    ['<#assign s = "a"><#list 1..40 as i><#assign s = s?replace("a", "aa")></#list>', /more than/],
    ['<#assign l = [1]><#list 1..60 as i><#assign l = l + l></#list>', /more than 2000000 steps/],
    ['${"a"?left_pad(100000000)}', /more than/],
  ] as const) {
    assert.throws(() => fill(template), said, template)
  }
  assert.throws(() => parseFreemarker(`\${${'('.repeat(5000)}1${')'.repeat(5000)}}`), /nested more than 100 levels/)
  assert.throws(() => parseFreemarker('<#if true>'.repeat(5000)), /nested more than 100 levels/)
})
