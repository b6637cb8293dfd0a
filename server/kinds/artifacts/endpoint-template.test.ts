import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IntegrationError } from '../../kernel/errors.ts'
import { contextOf, deployed, fakeServices, faultOf, mediate, placesOf, replyOf } from '../../testing/rig.ts'

const TEMPLATE = `<template name="patient"><parameter name="wait" defaultValue="700"/><parameter name="host"/>
  <endpoint name="$name"><address uri="$uri"><timeout><duration> $wait </duration><responseAction>fault</responseAction></timeout></address>
  <property name="to" value="$host"/><property name="text" value="a $host"/></endpoint></template>`

const use = (name: string, parameters: string): string =>
  `<endpoint name="${name}" template="patient" uri="http://${name}/">${parameters}</endpoint>`

test('values take the place of attributes and texts that are exactly $name', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [
    TEMPLATE,
    use('a', '<parameter name="wait" value="50"/><parameter name="host" value="h"/>'),
    use('b', ''),
  ])
  const ctx = contextOf({ runtime })
  for (const name of ['a', 'b']) await runtime.find('endpoint', name)!.send(ctx.message, ctx)
  assert.deepEqual(
    services.sent.map(({ target, timeoutMs }) => [target.url, timeoutMs]),
    [
      ['http://a/', 50],
      ['http://b/', 700],
    ],
  )
})

test('properties are those of the template, parts of a text are left alone', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [TEMPLATE])
  const { ctx } = await mediate(`<send>${use('a', '<parameter name="host" value="h"/>')}</send>`, { runtime }, services)
  assert.deepEqual([ctx.properties.get('to'), ctx.properties.get('text')], ['h', 'a $host'])
})

test('each endpoint has a state of its own and keeps it from message to message', async () => {
  const services = fakeServices()
  services.answer = (_request, { url }) => {
    if (url === 'http://a/') throw new IntegrationError('CONNECT_FAILED', 'down')
    return replyOf(200)
  }
  const runtime = deployed(services, [TEMPLATE, use('a', ''), use('b', '')])
  const ask = (name: string): Promise<unknown> =>
    mediate(`<call><endpoint key="${name}"/></call>`, { runtime }, services)
  assert.equal((await faultOf(ask('a'))).errorCode, 101_503)
  assert.equal((await faultOf(ask('a'))).errorCode, 303_001)
  assert.equal(runtime.find('endpoint', 'a')!.status!.state, 'suspended')
  await ask('b')
})

test('a template that is not there, is for sequences, or cannot be filled in, is a fault of the message that needs it', async () => {
  const services = fakeServices()
  const ask = (...templates: string[]): Promise<IntegrationError> =>
    faultOf(
      mediate(
        `<send>${use('a', '<parameter name="wait" value="soon"/>')}</send>`,
        { runtime: deployed(services, templates) },
        services,
      ),
    )
  assert.match((await ask()).message, /patient/)
  assert.match(
    (await ask('<template name="patient"><sequence><drop/></sequence></template>')).message,
    /is for sequences/,
  )
  assert.match((await ask(TEMPLATE)).message, /endpoint a cannot be made from its template: .*soon/)
})

test('a template for endpoints cannot be called', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [TEMPLATE])
  assert.match(
    (await faultOf(mediate('<call-template target="patient"/>', { runtime }, services))).message,
    /is for endpoints/,
  )
})

test('a template is one sequence or one endpoint', () => {
  const places = (inside: string): string[] =>
    placesOf(`<template name="t">${inside}</template>`).map(place => place.split(' ')[1]!)
  assert.deepEqual(places(''), ['missing'])
  assert.deepEqual(places('<proxy name="p"/>'), ['unknown-element'])
  assert.deepEqual(places('<sequence><drop/></sequence><endpoint name="$name"/>'), ['one-too-many'])
})
