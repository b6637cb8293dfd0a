/** A back end that is not up yet when the server starts: what needs its WSDL waits, the rest runs, nobody restarts anything. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { AppRig } from '../../testing/app-rig.ts'
import { freePorts } from '../../testing/ports.ts'

const WSDL = `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/">
  <service name="S"><port name="p"><soap:address location="http://backend/s"/></port></service></definitions>`

const proxy = (name: string, more: string): string =>
  `<proxy name="${name}"><target><inSequence><respond/></inSequence></target>${more}</proxy>`

test('a proxy whose WSDL cannot be read is faulty until it can (trap H46); others are not touched', async () => {
  const [port] = await freePorts(1)
  await using rig = await AppRig.start(
    {
      'orders.xml': proxy('Orders', `<publishWSDL uri="http://127.0.0.1:${port}/s?wsdl"/>`),
      'other.xml': proxy('Other', ''),
    },
    { env: { HOLDFAST_DEPLOY_SCAN_INTERVAL: '100ms', HOLDFAST_DEPLOY_RETRY_INTERVAL: '10ms' } },
  )
  assert.equal(rig.diagnostics.length, 1)
  assert.match(rig.diagnostics[0]!, /proxy "Orders" cannot be started: the WSDL it publishes cannot be read from http:/)
  assert.equal((await rig.post('/services/Other', '<a/>')).status, 200)
  assert.equal((await rig.post('/services/Orders', '<a/>')).status, 404)

  const backEnd = createServer((_request, response) => response.end(WSDL))
  await new Promise<void>(resolve => backEnd.listen(port, '127.0.0.1', resolve))
  try {
    await rig.says()
    const wsdl = await fetch(`http://127.0.0.1:${rig.port}/services/Orders?wsdl`)
    assert.match(await wsdl.text(), new RegExp(`location="http://127.0.0.1:${rig.port}/services/Orders"`))
  } finally {
    backEnd.closeAllConnections()
    await new Promise(resolve => backEnd.close(resolve))
  }
})
