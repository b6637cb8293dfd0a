import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUriTemplate } from './uri-template.ts'

const VALUES: Readonly<Record<string, string>> = {
  var: 'value',
  hello: 'Hello World!',
  path: '/foo/bar',
  empty: '',
  x: '1024',
  y: '768',
  'uri.var.id': 'a b',
  half: '50%',
  who: 'fred',
}
const expand = (template: string): string => parseUriTemplate(template).expand(name => VALUES[name])

test('the single-text examples of RFC 6570 expand as printed there', () => {
  const examples: [template: string, expected: string][] = [
    ['{var}', 'value'],
    ['{hello}', 'Hello%20World%21'],
    ['{half}', '50%25'],
    ['O{empty}X', 'OX'],
    ['O{undef}X', 'OX'],
    ['{x,y}', '1024,768'],
    ['{x,hello,y}', '1024,Hello%20World%21,768'],
    ['{var:3}', 'val'],
    ['{var:30}', 'value'],
    ['{+var}', 'value'],
    ['{+hello}', 'Hello%20World!'],
    ['{+half}', '50%25'],
    ['{+path}/here', '/foo/bar/here'],
    ['here?ref={+path}', 'here?ref=/foo/bar'],
    ['{+path:6}/here', '/foo/b/here'],
    ['{#path,x}/here', '#/foo/bar,1024/here'],
    ['X{.var}', 'X.value'],
    ['{.who,who}', '.fred.fred'],
    ['{/var,x}/here', '/value/1024/here'],
    ['{;x,y,empty}', ';x=1024;y=768;empty'],
    ['{?x,y}', '?x=1024&y=768'],
    ['{?x,y,empty}', '?x=1024&y=768&empty='],
    ['{?x,y,undef}', '?x=1024&y=768'],
    ['?fixed=yes{&x}', '?fixed=yes&x=1024'],
    ['{&x,y,empty}', '&x=1024&y=768&empty='],
  ]
  for (const [template, expected] of examples) assert.equal(expand(template), expected, template)
})

test('names may contain dots, as Synapse writes uri.var.x', () => {
  assert.equal(expand('http://h/{uri.var.id}'), 'http://h/a%20b')
})

test('a template without variables is taken as it is', () => {
  assert.equal(expand('http://h/a b?c=%20'), 'http://h/a b?c=%20')
})

test('what is percent-encoded already stays so under reserved expansion', () => {
  assert.equal(
    parseUriTemplate('{+u}').expand(() => 'http://h/%20?a=b'),
    'http://h/%20?a=b',
  )
})

test('an unclosed brace and a malformed expression are named', () => {
  assert.throws(() => parseUriTemplate('http://h/{x'), /not closed/)
  assert.throws(() => parseUriTemplate('http://h/{a b}'), /\{a b\}/)
})
