import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contextOf, diagnosticsOf, fakeServices, mediate, type Given } from '../../testing/rig.ts'

async function targetOf(address: string, given: Given = {}) {
  const services = fakeServices()
  await mediate(`<send><endpoint>${address}</endpoint></send>`, given, services)
  return services.sent[0]!.target
}

const urlOf = async (uri: string, given: Given = {}): Promise<string> =>
  (await targetOf(`<address uri="${uri}"/>`, given)).url

test('a property in the address is replaced for each message, and left as it is when nobody set it', async () => {
  const properties = { host: 'there', port: 8080 }
  assert.equal(await urlOf('http://${host}:${port}/x', { properties }), 'http://there:8080/x')
  assert.equal(await urlOf('http://h/${nobody}', { properties }), 'http://h/${nobody}')
  assert.equal(await urlOf('http://h/{host}', { properties }), 'http://h/{host}')
})

test('what followed the service in the path is glued to the address (trap H9)', async () => {
  const with_ = (postfix: string): Given => ({ axis2: { REST_URL_POSTFIX: postfix } })
  assert.equal(await urlOf('http://be/path', with_('/x?y=1')), 'http://be/path/x?y=1')
  assert.equal(await urlOf('http://be/path/', with_('/x')), 'http://be/path/x')
  assert.equal(await urlOf('http://be/path', with_('x')), 'http://be/path/x')
  assert.equal(await urlOf('http://be/path?a=1', with_('?b=2')), 'http://be/path?a=1&b=2')
  assert.equal(await urlOf('http://be/path', with_('')), 'http://be/path')
})

test('SOAP endpoints do not take it, others do', async () => {
  const axis2 = { REST_URL_POSTFIX: '/x' }
  for (const format of ['soap11', 'soap12']) {
    assert.equal((await targetOf(`<address uri="http://be" format="${format}"/>`, { axis2 })).url, 'http://be')
  }
  for (const format of ['pox', 'get', 'rest']) {
    assert.equal((await targetOf(`<address uri="http://be" format="${format}"/>`, { axis2 })).url, 'http://be/x')
  }
})

test('format and addressing are handed on; without them the message goes as it is', async () => {
  assert.deepEqual(await targetOf('<address uri="http://be"/>'), { url: 'http://be' })
  const told = await targetOf(
    '<address uri="http://be" format="soap12"><enableAddressing version="submission"/></address>',
  )
  assert.deepEqual(told, { url: 'http://be', format: 'soap12', addressing: 'submission' })
  assert.equal((await targetOf('<address uri="http://be"><enableAddressing/></address>')).addressing, 'final')
})

test('a body that streams in streams out', async () => {
  const ctx = contextOf({ streamed: true })
  const services = fakeServices()
  services.answer = request => {
    assert.equal(request.body.ready, false)
    return null
  }
  await mediate('<send><endpoint><address uri="http://be/${p}"/></endpoint></send>', ctx, services)
  assert.equal(services.sent.length, 1)
})

test('an address is needed, a format is one of those that exist, and old attributes are known to do nothing', () => {
  const said = (address: string): string[] =>
    diagnosticsOf(`<endpoint name="e">${address}</endpoint>`).map(({ severity, code }) => `${severity} ${code}`)
  assert.deepEqual(said('<address/>'), ['error missing'])
  assert.deepEqual(said('<address uri="http://h" format="soap"/>'), ['error invalid-value'])
  assert.deepEqual(said('<address uri="http://h" optimize="mtom" statistics="enable" trace="enable"/>'), [
    'hint no-effect',
  ])
})
