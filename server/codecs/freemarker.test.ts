import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFreemarker } from './freemarker.ts'

const values: Readonly<Record<string, string>> = {
  'args.arg1': 'IBM',
  'payload.order.items.0.id': '7',
  'trp.Content-Type': 'text/xml',
}
const fill = (text: string): string => parseFreemarker(text)((root, path) => values[[root, ...path].join('.')])

test('values stand where they are asked for, text stays as written', () => {
  assert.equal(fill('<m>${args.arg1}</m> $1 {x}'), '<m>IBM</m> $1 {x}')
  assert.equal(fill('${payload.order.items[0].id} ${payload["order"]["items"][0].id}'), '7 7')
  assert.equal(fill('${trp["Content-Type"]}'), 'text/xml')
})

test('a value that is not there is a fault, unless the template names a default', () => {
  assert.throws(() => fill('${ctx.none}'), /\$\{ctx\.none\} has no value/)
  assert.equal(fill('[${ctx.none!"x"}][${ctx.none!\'y\'}][${ctx.none!}]'), '[x][y][]')
})

test('directives and expressions beyond the subset are named when the template is read', () => {
  assert.throws(() => parseFreemarker('<#list payload.items as i>${i}</#list>'), /<#list/)
  assert.throws(() => parseFreemarker('${args.arg1?upper_case}'), /args\.arg1\?upper_case/)
  assert.throws(() => parseFreemarker('${1 + 2}'), /not supported/)
})
