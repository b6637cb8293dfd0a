import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseXml } from '../xml/reader.ts'
import { findPort } from './wsdl-document.ts'
import { WsdlSet } from './wsdl-set.ts'

const ORDERS = `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:http="http://schemas.xmlsoap.org/wsdl/http/"
  xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <types><xs:schema><xs:include schemaLocation="types/order.xsd"/></xs:schema></types>
  <service name="Orders">
    <port name="P11"><soap:address location="http://backend:9000/orders"/></port>
    <port name="P12"><soap12:address location="https://backend:9002/orders"/></port>
    <port name="Rest"><http:address location="http://backend:9000/rest"/></port>
  </service></definitions>`
const FILES: Record<string, string> = {
  'file:wsdl/types/order.xsd':
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="../common.xsd"/></xs:schema>',
  'file:wsdl/common.xsd': '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>',
}
const OURS = ['http://here:8280/services/Orders', 'https://here:8243/services/Orders']

async function read(location: string): Promise<Uint8Array> {
  const found = FILES[location]
  if (found === undefined) throw new Error(`no ${location}`)
  return Buffer.from(found)
}

async function published(base: string, part = '', ownPorts = false, xml = ORDERS): Promise<string> {
  const set = await WsdlSet.load(parseXml(xml).root, { base, read })
  const printed = set.print(OURS, part, ownPorts)
  return printed === null ? '' : Buffer.from(printed).toString()
}

test('ports are published at our addresses, each with the scheme it had', async () => {
  const locations = [...(await published('file:wsdl/orders.wsdl')).matchAll(/ location="([^"]*)"/g)].map(([, at]) => at)
  assert.deepEqual(locations, [OURS[0], OURS[1], OURS[0]])
})

test('ports keep their addresses where the service says so', async () => {
  assert.match(await published('file:wsdl/orders.wsdl', '', true), /location="http:\/\/backend:9000\/orders"/)
})

test('documents the WSDL takes in are published by the service itself, and theirs, too', async () => {
  assert.match(
    await published('file:wsdl/orders.wsdl'),
    /schemaLocation="http:\/\/here:8280\/services\/Orders\?xsd=order\.xsd"/,
  )
  assert.match(await published('file:wsdl/orders.wsdl', 'order.xsd'), /schemaLocation="http:[^"]*\?xsd=common\.xsd"/)
  assert.match(await published('file:wsdl/orders.wsdl', 'common.xsd'), /schema/)
  assert.equal(await published('file:wsdl/orders.wsdl', 'other.xsd'), '')
})

test('a WSDL from the web refers to documents at their own addresses', async () => {
  assert.match(
    await published('http://backend/x/orders?wsdl'),
    /schemaLocation="http:\/\/backend\/x\/types\/order\.xsd"/,
  )
})

test('a reference that leads nowhere stays as it was written', async () => {
  assert.match(await published('file:elsewhere/orders.wsdl'), /schemaLocation="types\/order\.xsd"/)
})

test('a resource stands for the document the WSDL calls by another name', async () => {
  const set = await WsdlSet.load(parseXml(ORDERS).root, {
    base: '',
    resources: new Map([['types/order.xsd', 'file:wsdl/common.xsd']]),
    read,
  })
  assert.match(Buffer.from(set.print(OURS, 'order.xsd', false)!).toString(), /schema/)
})

test('what is no WSDL 1.1 is refused with the reason', async () => {
  await assert.rejects(published('', '', false, '<html/>'), /its root is <html>/)
  await assert.rejects(published('', '', false, '<description xmlns="http://www.w3.org/ns/wsdl"/>'), /WSDL 2\.0/)
})

test('a port tells its address and SOAP version; a wrong name is answered with those there are', () => {
  const { root } = parseXml(ORDERS)
  assert.deepEqual(findPort(root, 'Orders', 'P11'), { address: 'http://backend:9000/orders', format: 'soap11' })
  assert.deepEqual(findPort(root, 'Orders', 'P12'), { address: 'https://backend:9002/orders', format: 'soap12' })
  assert.deepEqual(findPort(root, 'Orders', 'Rest'), { address: 'http://backend:9000/rest' })
  assert.throws(() => findPort(root, 'Orders', 'P1'), /no port "P1".*P11, P12, Rest/)
  assert.throws(() => findPort(root, 'Order', 'P1'), /no service "Order".*Orders/)
})
