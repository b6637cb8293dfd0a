import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployed, diagnosticsOf, fakeServices, faultOf, mark, marks, mediate, replyOf } from '../../testing/rig.ts'

const say = (expression: string): string =>
  `<log level="custom"><property name="said" expression="${expression}" xmlns:t="urn:test"/></log>`
const template = (name: string, parameters: string, inside: string, attributes = ''): string =>
  `<template name="${name}" ${attributes}>${parameters}<sequence>${inside}</sequence></template>`

async function said(templates: string[], xml: string, given: object = {}): Promise<readonly string[]> {
  const runtime = deployed(fakeServices(), templates)
  return marks((await mediate(xml, { runtime, ...given })).ctx)
}

test('parameters are fixed, computed here, or computed in the template on the message of that moment (trap H44)', async () => {
  const inside =
    say('$func:a') +
    say('$func:b') +
    say('$func:c') +
    '<payloadFactory><format><order xmlns="urn:test"><id>9</id></order></format></payloadFactory>' +
    say('$func:b') +
    say("get-property('func','c')")
  assert.deepEqual(
    await said(
      [template('t', '<parameter name="a"/><parameter name="b"/><parameter name="c"/>', inside)],
      `<call-template target="t" xmlns:t="urn:test"><with-param name="a" value="x"/>
        <with-param name="b" value="{//t:id}"/><with-param name="c" value="{{//t:id}}"/></call-template>`,
    ),
    ['said = x', 'said = 7', 'said = 7', 'said = 7', 'said = 9'],
  )
})

test('an optional parameter has its default, a mandatory one that is not passed is a fault whatever its default', async () => {
  const optional = template('t', '<parameter name="p" defaultValue="d"/>', say('$func:p'))
  assert.deepEqual(await said([optional], '<call-template target="t"/>'), ['said = d'])
  const mandatory = template('t', '<parameter name="p" isMandatory="true" defaultValue="d"/>', say('$func:p'))
  const fault = await faultOf(said([mandatory], '<call-template target="t"/>'))
  assert.equal(fault.errorCode, 500101)
})

test('what is not declared is not passed', async () => {
  const plain = template('t', '', say('$func:p'))
  assert.deepEqual(await said([plain], '<call-template target="t"><with-param name="p" value="x"/></call-template>'), [
    'said = null',
  ])
})

test('parameters belong to one call: those of the caller are back afterwards, and seen by what it defers', async () => {
  const inner = template('inner', '<parameter name="p"/>', say('$func:p'))
  const outer = template(
    'outer',
    '<parameter name="p"/>',
    `<call-template target="inner"><with-param name="p" value="{{$func:p}}"/></call-template>${say('$func:p')}`,
  )
  const call = '<call-template target="outer"><with-param name="p" value="mine"/></call-template>'
  assert.deepEqual(await said([inner, outer], call + say('$func:p')), ['said = mine', 'said = mine', 'said = null'])
})

test('parameters live through a call, and a branch that goes on after the template has lost them', async () => {
  const services = fakeServices()
  services.answer = () => replyOf(200)
  const call = '<call><endpoint><address uri="http://b/"/></endpoint></call>'
  const inside = `${call}${say('$func:p')}<clone><target><sequence>${call}${say('$func:p')}</sequence></target></clone>`
  const runtime = deployed(services, [template('t', '<parameter name="p"/>', inside)])
  const { ctx } = await mediate(
    `<call-template target="t"><with-param name="p" value="x"/></call-template>${say("concat('after ', $func:p)")}`,
    { runtime },
    services,
  )
  assert.deepEqual(marks(ctx), ['said = x', 'said = x', 'said = after '])
})

test('faults run onError of the call or of the template; a missing template is a fault', async () => {
  const sorry = `<sequence name="sorry">${mark('sorry')}</sequence>`
  const failing = '<sequence key="nowhere"/>'
  assert.deepEqual(await said([template('t', '', failing, 'onError="sorry"'), sorry], '<call-template target="t"/>'), [
    'mark = sorry',
  ])
  assert.deepEqual(await said([template('t', '', failing), sorry], '<call-template target="t" onError="sorry"/>'), [
    'mark = sorry',
  ])
  const fault = await faultOf(said([], '<call-template target="t"/>'))
  assert.equal(fault.message, 'Sequence template t cannot be found')
})

test('a template that calls itself without end is stopped', async () => {
  const endless = template('t', '', '<call-template target="t"/>')
  assert.equal((await faultOf(said([endless], '<call-template target="t"/>'))).code, 'TOO_DEEP')
})

test('what drops in a template ends the flow around it', async () => {
  const dropping = template('t', '', '<drop/>')
  assert.deepEqual(await said([dropping], `<call-template target="t"/>${mark('after')}`), [])
})

test('old attributes of parameters are known and mean nothing', () => {
  const xml = template('t', '<parameter name="p" optional="true" default="x"/>', '<drop/>')
  assert.deepEqual(
    diagnosticsOf(xml).map(({ code, severity }) => [code, severity]),
    [
      ['no-effect', 'hint'],
      ['no-effect', 'hint'],
    ],
  )
})
