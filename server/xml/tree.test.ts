import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clone } from './clone.ts'
import { parseXml } from './reader.ts'
import { detach, indexOf, remove, replace, XmlElement, XmlText } from './tree.ts'
import { whereIs } from './where-is.ts'
import { printXml } from './writer.ts'

const root = (source: string): XmlElement => parseXml(source).root

test('children are inserted, moved, replaced and removed in place', () => {
  const r = root('<r><a/><b/><c/></r>')
  const [a, b, c] = r.childElements as [XmlElement, XmlElement, XmlElement]
  r.insert(0, c)
  assert.equal(printXml(r), '<r><c/><a/><b/></r>')
  r.insert(3, c)
  assert.equal(printXml(r), '<r><a/><b/><c/></r>')
  replace(b, new XmlElement('x'), new XmlElement('y'))
  assert.equal(printXml(r), '<r><a/><x/><y/><c/></r>')
  assert.equal(b.parent, null)
  replace(a, new XmlText('t'), a, new XmlText('u'))
  assert.equal(printXml(r), '<r>t<a/>u<x/><y/><c/></r>')
  remove(a)
  assert.equal(indexOf(c), 4)
  assert.equal(printXml(r), '<r>tu<x/><y/><c/></r>')
})

test('the place among many siblings is found again after changes, without walking each time', () => {
  const r = new XmlElement('r')
  for (let index = 0; index < 50_000; index++) r.append(new XmlElement('i'))
  remove(r.children[0]!)
  r.children.forEach((child, index) => assert.equal(indexOf(child), index))
})

test('an emptied element shares nothing with others', () => {
  const first = new XmlElement('first')
  const second = new XmlElement('second')
  first.append(new XmlText('x'))
  first.setAttribute('a', '1')
  first.declare('p', 'urn:p')
  assert.equal(second.children.length + second.attributes.length + second.declarations.length, 0)
})

test('attributes are set, changed and removed by local name and namespace', () => {
  const r = root('<r xmlns:p="urn:p" a="1" p:a="2"/>')
  r.setAttribute('a', '3')
  r.setAttribute('b', '4')
  assert.equal(r.removeAttribute('a', 'urn:p'), true)
  assert.equal(r.removeAttribute('a', 'urn:p'), false)
  assert.equal(printXml(r), '<r xmlns:p="urn:p" a="3" b="4"/>')
})

test('prefixes and namespaces are looked up from the inside out', () => {
  const inner = root('<r xmlns="urn:d" xmlns:p="urn:1"><s xmlns:p="urn:2" xmlns:q="urn:1"/></r>').firstElement!
  assert.equal(inner.lookupNamespace('p'), 'urn:2')
  assert.equal(inner.lookupNamespace(''), 'urn:d')
  assert.equal(inner.lookupNamespace('zz'), undefined)
  assert.equal(inner.lookupPrefix('urn:1'), 'q')
  assert.equal(inner.lookupPrefix('urn:d'), '')
  assert.equal(inner.lookupPrefix('urn:zz'), undefined)
  assert.equal(inner.lookupPrefix('http://www.w3.org/XML/1998/namespace'), 'xml')
})

test('a clone is independent of what it was made from', () => {
  const r = root('<r a="1"><b>text</b><!--c--><?p d?></r>')
  const copy = clone(r)
  copy.setAttribute('a', '2')
  copy.firstElement!.setText('other')
  copy.firstElement!.declare('x', 'urn:x')
  assert.equal(printXml(r), '<r a="1"><b>text</b><!--c--><?p d?></r>')
  assert.equal(printXml(copy), '<r a="2"><b xmlns:x="urn:x">other</b><!--c--><?p d?></r>')
})

test('what is made by a program is where the nearest written element is', () => {
  const document = parseXml('<r>\n <a/></r>', { file: 'x.xml' })
  const made = new XmlElement('made')
  document.root.firstElement!.append(made)
  assert.deepEqual(whereIs(made), { file: 'x.xml', line: 2, column: 2 })
})

test('the root element stays in its document', () => {
  assert.throws(() => detach(root('<r/>')), /clone it/)
})
