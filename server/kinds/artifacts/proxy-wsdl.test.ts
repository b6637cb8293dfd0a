import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildArtifact } from '../../deploy/build.ts'
import type { Proxy } from '../../kernel/contracts.ts'
import { decodeGood, deployed, fakeServices, type FakeServices } from '../../testing/rig.ts'

const HERE = ['http://here:8280/services/P']
const WSDL = `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/">
  <service name="S"><port name="p"><soap:address location="http://backend/s"/></port></service></definitions>`

function proxyWith(publishing: string): string {
  return `<proxy name="P"><target><inSequence><drop/></inSequence></target>${publishing}</proxy>`
}

/** The proxy as deployed, all it has to prepare done. */
async function prepared(xml: string, services: FakeServices): Promise<Proxy> {
  const work: (() => Promise<void>)[] = []
  const proxy = buildArtifact(decodeGood(xml).node!, services, one => work.push(one)) as Proxy
  for (const one of work) await one()
  return proxy
}

async function wsdlOf(publishing: string, services = fakeServices()): Promise<string> {
  const proxy = await prepared(proxyWith(publishing), services)
  return Buffer.from((await proxy.wsdl(HERE))!).toString()
}

function reading(found: Readonly<Record<string, string>>): FakeServices {
  return fakeServices({
    documents: {
      read: uri => (uri in found ? Promise.resolve(Buffer.from(found[uri]!)) : Promise.reject(new Error(`no ${uri}`))),
    },
  })
}

test('a proxy that publishes no WSDL serves a generic one', async () => {
  assert.match(await wsdlOf(''), /<wsdl:operation name="mediate">/)
})

test('the WSDL of a URI is read at deploy and published with our address', async () => {
  const wsdl = await wsdlOf('<publishWSDL uri="file:s.wsdl"/>', reading({ 'file:s.wsdl': WSDL }))
  assert.match(wsdl, /location="http:\/\/here:8280\/services\/P"/)
})

test('a WSDL written in place is published', async () => {
  assert.match(await wsdlOf(`<publishWSDL>${WSDL}</publishWSDL>`), /service name="S"/)
})

test('a WSDL in a local entry, or of an endpoint, is looked up when it is asked for', async () => {
  const services = reading({ 'http://backend/s?wsdl': WSDL })
  const runtime = deployed(services, [
    `<localEntry key="w">${WSDL}</localEntry>`,
    '<endpoint name="e"><address uri="http://backend/s"/></endpoint>',
  ])
  for (const source of ['key="w"', 'endpoint="e"']) {
    const withRegistry = { ...services, registry: () => runtime } as FakeServices
    assert.match(await wsdlOf(`<publishWSDL ${source}/>`, withRegistry), /service name="S"/)
  }
})

test('a WSDL that cannot be read keeps the proxy out (trap H46)', async () => {
  const preparing = prepared(proxyWith('<publishWSDL uri="http://gone/s?wsdl"/>'), reading({}))
  await assert.rejects(preparing, /cannot be read from http:\/\/gone\/s\?wsdl: no http/)
})

test('in safe mode the proxy runs without it, and serves it as soon as it can be read', async () => {
  const found: Record<string, string> = {}
  const services = reading(found)
  const proxy = await prepared(
    proxyWith('<publishWSDL uri="file:s.wsdl"/><parameter name="enablePublishWSDLSafeMode">true</parameter>'),
    services,
  )
  assert.match(Buffer.from((await proxy.wsdl(HERE))!).toString(), /mediate/)
  found['file:s.wsdl'] = WSDL
  assert.match(Buffer.from((await proxy.wsdl(HERE))!).toString(), /service name="S"/)
})
