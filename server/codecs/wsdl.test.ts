import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseXml } from '../xml/reader.ts'
import { descendants } from '../xml/tree.ts'
import { genericWsdl } from './wsdl.ts'

test('the generic WSDL offers mediate at every address, three ways', () => {
  const { root } = parseXml(
    genericWsdl('Orders', ['http://localhost:8280/services/Orders', 'https://localhost:8243/services/Orders']),
  )
  const elements = [...descendants(root)].filter(node => node.kind === 'element')
  assert.equal(root.local, 'definitions')
  assert.deepEqual(
    elements.filter(element => element.local === 'address').map(element => element.attribute('location')),
    ['Http', 'Https'].flatMap(scheme =>
      ['Soap11', 'Soap12', ''].map(
        version =>
          `${scheme === 'Http' ? 'http://localhost:8280' : 'https://localhost:8243'}/services/Orders.Orders${scheme}${version}Endpoint`,
      ),
    ),
  )
  const bindings = new Set(
    elements
      .filter(element => element.local === 'binding' && element.attribute('name'))
      .map(element => `ns:${element.attribute('name')}`),
  )
  for (const port of elements.filter(element => element.local === 'port'))
    assert.ok(bindings.has(port.attribute('binding')!))
})

test('a name that needs escaping does not break the document', () => {
  parseXml(genericWsdl('a<b>&"c"', ['http://localhost/a?x=1&y="2"']))
})
