import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clone } from './clone.ts'
import { parseXml } from './reader.ts'
import { detach, XmlComment, XmlElement, XmlPi, XmlText } from './tree.ts'
import type { XmlDocument, XmlNode } from './tree.ts'
import { printXml } from './writer.ts'

const root = (source: string): XmlElement => parseXml(source).root

/** What a reader must find again, whatever the prefixes. */
function names(node: XmlNode | XmlDocument): unknown {
  if (node.kind === 'document') return node.children.map(names)
  if (node.kind !== 'element') return [node.kind, node.value]
  const attributes = node.attributes.map(({ local, uri, value }) => [local, uri, value])
  return [node.local, node.uri, attributes, node.children.map(names)]
}

for (const source of [
  '<a:r xmlns:a="urn:1" xmlns="urn:d"><b z="1" a="2" a:m="3"/><a:r xmlns:a="urn:2"/></a:r>',
  '<r>one <b>two</b> three<!-- c --><![CDATA[<x>&]]><?pi some data?> end</r>',
  '<r a="&lt;&quot;&amp;&#10;x\u00e9">&lt;&gt;&amp;\'\u00a9\u{1f600}</r>',
  '<r xml:lang="en"> <a> </a><b/></r>',
  '<r a="&#13;&#9;">&#13;\n</r>',
]) {
  test(`${source} is printed as it was read`, () => {
    assert.equal(printXml(parseXml(source)), source)
  })
}

test('an encoding asks for an XML declaration', () => {
  assert.equal(printXml(parseXml('<r/>'), { encoding: 'UTF-8' }), '<?xml version="1.0" encoding="UTF-8"?><r/>')
})

test('an element made by a program declares its own namespace, once for its children', () => {
  const order = new XmlElement('order', 'urn:o', 'o').append(
    new XmlElement('id', 'urn:o', 'o').append(new XmlText('<7>')),
  )
  assert.equal(printXml(order), '<o:order xmlns:o="urn:o"><o:id>&lt;7&gt;</o:id></o:order>')
})

test('an element without namespace inside a default namespace takes it away', () => {
  const r = root('<r xmlns="urn:r"/>').append(new XmlElement('plain'))
  assert.equal(printXml(r), '<r xmlns="urn:r"><plain xmlns=""/></r>')
})

test('an attribute with a namespace gets a prefix, another if its own is taken', () => {
  const r = root('<r xmlns:a="urn:1" xmlns="urn:d"/>')
  r.setAttribute('x', '1', 'urn:2', 'a')
  r.setAttribute('y', '2', 'urn:d')
  r.setAttribute('z', '3', 'urn:1', 'zz')
  r.setAttribute('lang', 'en', 'http://www.w3.org/XML/1998/namespace')
  const again = root(printXml(r))
  assert.deepEqual(names(again), names(r))
  assert.equal(again.attributeNode('z', 'urn:1')!.prefix, 'a')
})

test('a prefix that stands for something else on the element itself is given to the name', () => {
  const r = root('<p:r xmlns:p="urn:1"/>')
  r.uri = 'urn:2'
  assert.equal(printXml(r), '<p:r xmlns:p="urn:2"/>')
})

test('a part printed alone declares what it uses, values that read like qualified names included', () => {
  const envelope = root(
    '<s:E xmlns:s="urn:s" xmlns:xsi="urn:xsi" xmlns:xs="urn:xs" xmlns:u="urn:u" xmlns:c="urn:c"><o xsi:type="xs:int"><code> c:Sender </code><t>12:30</t></o></s:E>',
  )
  const part = root(printXml(r(envelope)))
  assert.deepEqual(part.declarations.map(d => d.prefix).toSorted(), ['c', 'xs', 'xsi'])
  assert.deepEqual(names(part), names(r(envelope)))
})
const r = (element: XmlElement): XmlElement => element.firstElement!

test('a moved and a cloned element print alike and leave nothing undeclared', () => {
  const source = '<s:E xmlns:s="urn:s" xmlns:m="urn:m"><m:a><m:b m:x="1"/><m:b/></m:a></s:E>'
  const expected = '<t><m:a xmlns:m="urn:m"><m:b m:x="1"/><m:b/></m:a></t>'
  assert.equal(printXml(new XmlElement('t').append(clone(r(root(source))))), expected)
  assert.equal(printXml(new XmlElement('t').append(r(root(source)))), expected)
  assert.equal(printXml(new XmlElement('t').append(detach(r(root(source))))), expected)
})

test('CDATA, comments and instructions cannot break out', () => {
  const holder = new XmlElement('r').append(new XmlText('a]]>b', true), new XmlComment('--> -'), new XmlPi('p', 'x?>y'))
  const again = root(printXml(holder))
  assert.equal(again.text, 'a]]>b')
  assert.deepEqual(
    again.children.map(node => node.kind),
    ['text', 'text', 'comment', 'pi'],
  )
})

test('a character XML cannot carry is refused, not written', () => {
  assert.throws(() => printXml(new XmlElement('r').append(new XmlText('a\u0000'))), {
    code: 'MEDIATION_FAILED',
    message: /U\+0000/,
  })
})

test('a tree deeper than any reader takes is refused, not overflown', () => {
  const top = new XmlElement('a')
  let at = top
  for (let level = 0; level < 50_000; level++) at = at.append(new XmlElement('a')).firstElement!
  assert.throws(() => printXml(top), { code: 'MEDIATION_FAILED', message: /inside one another/ })
  assert.equal(clone(top).text, '')
})

test('a default namespace is taken away only where there is one', () => {
  const printed = (text: string): string => printXml(parseXml(text).root)
  assert.equal(printed('<a xmlns="">x</a>'), '<a>x</a>')
  assert.equal(printed('<p:a xmlns:p="urn:p"><b xmlns=""/></p:a>'), '<p:a xmlns:p="urn:p"><b/></p:a>')
  assert.equal(printed('<a xmlns="urn:a"><b xmlns=""/></a>'), '<a xmlns="urn:a"><b xmlns=""/></a>')
})
