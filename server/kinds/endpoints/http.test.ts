import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diagnosticsOf, fakeServices, mediate, type Given } from '../../testing/rig.ts'

async function sentTo(http: string, given: Given = {}) {
  const services = fakeServices()
  await mediate(`<send><endpoint>${http}</endpoint></send>`, given, services)
  return services.sent[0]!
}

const urlOf = async (template: string, properties: Record<string, unknown> = {}): Promise<string> =>
  (await sentTo(`<http uri-template="${template}"/>`, { properties })).target.url

test('variables are properties under their full names, encoded where they stand', async () => {
  const properties = { 'uri.var.id': 'a b/c', 'query.param.q': 'x&y' }
  assert.equal(await urlOf('http://h/{uri.var.id}?q={query.param.q}', properties), 'http://h/a%20b%2Fc?q=x%26y')
  assert.equal(await urlOf('http://h/{uri.var.none}/x', properties), 'http://h//x')
  assert.equal(await urlOf('http://h/plain', properties), 'http://h/plain')
})

test('a template that begins with a variable holds a whole address, which is not encoded', async () => {
  assert.equal(await urlOf('{uri.var.url}', { 'uri.var.url': 'http://h:1/a?b=c' }), 'http://h:1/a?b=c')
})

test('the old prefix for another encoder is taken off', async () => {
  assert.equal(await urlOf('legacy-encoding:http://h/{uri.var.id}', { 'uri.var.id': '7' }), 'http://h/7')
  assert.equal(await urlOf('legacy-encoding:http://h/{uri.var.id}', { 'uri.var.id': 'a%20b c' }), 'http://h/a%20b%20c')
  assert.equal(await urlOf('http://h/{uri.var.id}', { 'uri.var.id': 'a%20b c' }), 'http://h/a%2520b%20c')
})

test('the method may be written in any letter case; without one it is that of the message', async () => {
  assert.equal((await sentTo('<http method="get" uri-template="http://h/"/>')).target.method, 'GET')
  assert.equal((await sentTo('<http uri-template="http://h/"/>', { method: 'PUT' })).target.method, undefined)
})

test('what followed the service in the path is not appended, and does not travel on', async () => {
  const { target, request } = await sentTo('<http uri-template="http://h/x"/>', { axis2: { REST_URL_POSTFIX: '/y' } })
  assert.deepEqual([target.url, request.flag('REST_URL_POSTFIX')], ['http://h/x', undefined])
})

test('a template that cannot be read, or is missing, is an error at its place', () => {
  const places = (http: string): string[] =>
    diagnosticsOf(`<endpoint name="e">\n${http}</endpoint>`).map(({ at, code }) => `${at.line}:${at.column} ${code}`)
  assert.deepEqual(places('<http uri-template="http://h/{uri.var.id"/>'), ['2:21 invalid-value'])
  assert.deepEqual(places('<http method="GET"/>'), ['2:1 missing'])
  assert.deepEqual(places('<http uri-template="http://h" method="G E T"/>'), ['2:39 invalid-value'])
})

test('an address of a queue is looked at when it is deployed, unless each message has another', () => {
  const told = (template: string): string[] =>
    diagnosticsOf(`<endpoint name="E"><http uri-template="${template.replaceAll('&', '&amp;')}"/></endpoint>`).map(
      ({ at, severity, code }) => `${at.line}:${at.column} ${severity} ${code}`,
    )
  assert.deepEqual(told('jms:/orders'), ['1:26 warning jms-address-missing'])
  assert.deepEqual(told('jms:/orders?java.naming.provider.url=smtp://h'), ['1:26 warning broker-url-scheme'])
  assert.deepEqual(told('jms:/orders?transport.jms.ConnectionFactory=shop'), [
    '1:26 warning connection-factory-unknown',
  ])
  assert.deepEqual(told('rabbitmq:/'), ['1:26 warning broker-address'])
  assert.deepEqual(told('jms:/{uri.var.queue}'), [])
  assert.deepEqual(told('jms:/orders?java.naming.provider.url=tcp://localhost:61616'), [])
})
