import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Proxy } from '../kernel/contracts.ts'
import { fakeRegistry } from '../testing/fake-registry.ts'
import { asksForDocument, findProxy, originForm, servicePath } from './router.ts'

const paths: readonly [url: string, expected: { name: string; rest: string } | null][] = [
  ['/services/P', { name: 'P', rest: '' }],
  ['/services/P?x=1', { name: 'P', rest: '?x=1' }],
  ['/services/P/op/2?x=/y', { name: 'P', rest: '/op/2?x=/y' }],
  ['/services/P.SOAP11Endpoint/op', { name: 'P.SOAP11Endpoint', rest: '/op' }],
  ['/services/My%20Proxy/', { name: 'My Proxy', rest: '/' }],
  ['/services/a%ZZ', { name: 'a%ZZ', rest: '' }],
  ['/services/', null],
  ['/services', null],
  ['/services//x', null],
  ['/services/?x', null],
  ['/servicesP', null],
  ['/', null],
]
for (const [url, expected] of paths) {
  test(`${url} is ${expected ? `service ${expected.name} with ${expected.rest || 'nothing'} after it` : 'no service'}`, () => {
    assert.deepEqual(servicePath(url), expected)
  })
}

test('a port name of a WSDL is its service, unless a service bears that very name', () => {
  const proxy = (name: string): Proxy => ({ name }) as Proxy
  const registry = fakeRegistry({ proxy: [proxy('Orders'), proxy('Orders.v2')] })
  assert.equal(findProxy(registry, 'Orders.OrdersHttpSoap12Endpoint')?.name, 'Orders')
  assert.equal(findProxy(registry, 'Orders.v2')?.name, 'Orders.v2')
  assert.equal(findProxy(registry, '.Orders'), undefined)
  assert.equal(findProxy(registry, 'Order'), undefined)
})

test('documents are asked for by the first word of the query alone', () => {
  for (const rest of ['?wsdl', '?WSDL', '?wsdl2', '?xsd=a.xsd', '?info', '?policy'])
    assert.ok(asksForDocument(rest), rest)
  for (const rest of ['', '?', '?wsdlish', '?x=wsdl', '/wsdl', '?wsdl2x']) assert.ok(!asksForDocument(rest), rest)
})

test('a whole URL in a request line is reduced to its path', () => {
  assert.equal(originForm('/a?b'), '/a?b')
  assert.equal(originForm('http://h:1/a?b'), '/a?b')
  assert.equal(originForm('http://h?b=/c'), '/?b=/c')
  assert.equal(originForm('http://h'), '/')
  assert.equal(originForm('*'), '*')
})
