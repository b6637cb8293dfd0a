import assert from 'node:assert/strict'
import { test } from 'node:test'
import { build, contextOf, decode, deployed, fakeServices, faultOf, mark, marks } from '../../testing/rig.ts'

test('mediators run in the order written, whatever stands between them', async () => {
  const sequence = build(
    'sequence',
    `<sequence name="s"><description>d</description>${mark('1')}<!-- c -->${mark('2')}</sequence>`,
  )
  const ctx = contextOf()
  assert.equal(await sequence.mediate(ctx), 'next')
  assert.deepEqual(marks(ctx), ['mark = 1', 'mark = 2'])
})

test('its steps tell what they are and where they stand', () => {
  const { steps } = build('sequence', '<sequence name="s">\n  <in><drop/></in>\n  <respond/>\n</sequence>')
  assert.deepEqual(
    steps.map(({ kind, at }) => `${kind} ${at.line}:${at.column}`),
    ['in 2:3', 'respond 3:3'],
  )
})

test('mediators that only look are run without waiting for anything', () => {
  const sequence = build('sequence', '<sequence name="s"><property name="a" value="b"/><respond/></sequence>')
  assert.equal(sequence.mediate(contextOf()), 'done')
})

test('a fault runs the sequence named by onError with the four error properties, and the flow ends', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [
    '<sequence name="work" onError="sorry">\n<send/></sequence>',
    `<sequence name="sorry"><log level="custom"><property name="m" expression="get-property('ERROR_MESSAGE')"/></log></sequence>`,
  ])
  const ctx = contextOf({ runtime })
  assert.equal(await runtime.find('sequence', 'work')!.mediate(ctx), 'done')
  assert.deepEqual(marks(ctx), ['m = the message has no To address and <send> names no endpoint'])
  assert.equal(ctx.properties.get('ERROR_CODE'), 101500)
  assert.match(String(ctx.properties.get('ERROR_DETAIL')), /^test\.xml:2:1: /)
  assert.match(String(ctx.properties.get('ERROR_EXCEPTION')), /NO_ADDRESS/)
})

test('an error that was handled and not removed is not written over by the next one (trap H25)', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [
    '<sequence name="work" onError="sorry"><send/></sequence>',
    '<sequence name="sorry"/>',
  ])
  const ctx = contextOf({ runtime, properties: { ERROR_CODE: 1, ERROR_MESSAGE: 'earlier' } })
  await runtime.find('sequence', 'work')!.mediate(ctx)
  assert.equal(ctx.properties.get('ERROR_MESSAGE'), 'earlier')
  assert.equal(ctx.properties.has('ERROR_DETAIL'), false)
})

test('a handler that is not deployed does not swallow the fault, and one that fails itself passes its own on', async () => {
  const services = fakeServices()
  const work = '<sequence name="work" onError="sorry"><send/></sequence>'
  const run = (xmls: string[]): Promise<unknown> => {
    const runtime = deployed(services, xmls)
    return Promise.resolve().then(() => runtime.find('sequence', 'work')!.mediate(contextOf({ runtime })))
  }
  assert.equal((await faultOf(run([work]))).code, 'NO_ADDRESS')
  assert.equal(
    (await faultOf(run([work, '<sequence name="sorry"><sequence key="nowhere"/></sequence>']))).code,
    'SEQUENCE_UNKNOWN',
  )
})

test('a sequence without a name is an error', () => {
  const { artifacts } = decode('<sequence><drop/></sequence>')
  assert.equal(artifacts[0]!.node, undefined)
})
