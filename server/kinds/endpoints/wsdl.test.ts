import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildArtifact } from '../../deploy/build.ts'
import type { Endpoint } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { contextOf, decodeGood, fakeServices, faultOf, placesOf, type FakeServices } from '../../testing/rig.ts'

const WSDL = `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:h="http://schemas.xmlsoap.org/wsdl/http/">
  <service name="S"><port name="soap"><s:address location="http://backend/soap"/></port><port name="http"><h:address location="http://backend/http"/></port></service></definitions>`

function reading(documents: Readonly<Record<string, string>>): FakeServices {
  return fakeServices({
    documents: {
      read: async uri => {
        if (documents[uri] === undefined) throw new Error(`nothing at ${uri}`)
        return Buffer.from(documents[uri])
      },
    },
  })
}

async function prepared(attributes: string, services: FakeServices, inside = ''): Promise<Endpoint> {
  const work: (() => Promise<void>)[] = []
  const xml = `<endpoint name="e"><wsdl ${attributes}>${inside}</wsdl></endpoint>`
  const endpoint = buildArtifact(decodeGood(xml).node!, services, one => work.push(one)) as Endpoint
  for (const one of work) await one()
  return endpoint
}

test('the port says where to send and in which SOAP version, unless format says otherwise', async () => {
  const services = reading({ 'file:s.wsdl': WSDL })
  for (const [attributes, url, format] of [
    ['port="soap"', 'http://backend/soap', 'soap12'],
    ['port="soap" format="pox"', 'http://backend/soap/7', 'pox'],
    ['port="http"', 'http://backend/http/7', undefined],
  ] as const) {
    const endpoint = await prepared(`uri="file:s.wsdl" service="S" ${attributes}`, services)
    const ctx = contextOf({ axis2: { REST_URL_POSTFIX: '/7' } })
    await endpoint.send(ctx.message, ctx)
    const { target } = services.sent.at(-1)!
    assert.deepEqual([target.url, target.format], [url, format])
  }
})

test('a WSDL written in place needs no reading', async () => {
  const services = fakeServices()
  const endpoint = await prepared('service="S" port="soap"', services, WSDL)
  const ctx = contextOf()
  await endpoint.send(ctx.message, ctx)
  assert.equal(services.sent[0]!.target.url, 'http://backend/soap')
})

test('a WSDL that cannot be read, or has no such port, keeps the artifact out', async () => {
  await assert.rejects(
    prepared('uri="http://gone/" service="S" port="soap"', fakeServices()),
    /there is no http:\/\/gone\//,
  )
  const services = reading({ 'file:s.wsdl': WSDL })
  await assert.rejects(prepared('uri="file:s.wsdl" service="S" port="p"', services), /no port "p"/)
})

test('while it rests the fault is 303002', async () => {
  const services = reading({ 'file:s.wsdl': WSDL })
  const endpoint = await prepared('uri="file:s.wsdl" service="S" port="soap"', services)
  services.answer = () => {
    throw new IntegrationError('CONNECT_FAILED', 'down')
  }
  const ask = (): Promise<unknown> => {
    const ctx = contextOf()
    return endpoint.send(ctx.message, ctx)
  }
  assert.equal((await faultOf(ask())).errorCode, 101_503)
  assert.equal((await faultOf(ask())).errorCode, 303_002)
})

test('an endpoint made while messages flow reads its WSDL when it is first needed', async () => {
  const documents: Record<string, string> = {}
  const services = reading(documents)
  const xml = '<endpoint name="e"><wsdl uri="file:s.wsdl" service="S" port="soap"/></endpoint>'
  const endpoint = buildArtifact(decodeGood(xml).node!, services) as Endpoint
  const ctx = contextOf()
  await assert.rejects(endpoint.send(ctx.message, ctx), /nothing at file:s\.wsdl/)
  documents['file:s.wsdl'] = WSDL
  await endpoint.send(ctx.message, ctx)
  assert.equal(services.sent.length, 1)
})

test('an endpoint that names no WSDL is refused', () => {
  assert.deepEqual(placesOf('<endpoint name="e"><wsdl service="S" port="p"/></endpoint>'), ['1:20 missing'])
})
