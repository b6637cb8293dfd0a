import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MessageContext } from '../../kernel/context.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import {
  contextOf,
  deployed,
  fakeServices,
  faultOf,
  mediate,
  placesOf,
  replyOf,
  textOfBody,
} from '../../testing/rig.ts'

const member = (name: string): string => `<endpoint><address uri="http://${name}/"/></endpoint>`
const list = (members: string): string => `<endpoint><recipientlist>${members}</recipientlist></endpoint>`

/** Answers with the name of the host; `down` cannot be reached. */
function world(down = ''): ReturnType<typeof fakeServices> {
  const services = fakeServices()
  services.answer = (_request, { url }) => {
    const { host } = new URL(url)
    if (host === down) throw new IntegrationError('CONNECT_FAILED', `${host} is down`)
    return replyOf(200, host)
  }
  return services
}

/** An out flow that notes each reply with what is known of its place among them, and a fault flow that notes each fault. */
function origin(seen: string[]): {
  onReply: { mediate(ctx: MessageContext): 'done' }
  onFault(thrown: unknown): Promise<void>
} {
  return {
    onReply: {
      mediate: ctx => (
        seen.push(`${textOfBody(ctx.message)} ${String(ctx.properties.get('messageSequence'))}`),
        'done'
      ),
    },
    onFault: async thrown => void seen.push(`fault: ${(thrown as Error).message}`),
  }
}

test('send gives every recipient a copy, and every reply runs the out flow by itself', async () => {
  const seen: string[] = []
  const services = world()
  const { ctx } = await mediate(
    `<send>${list(member('a') + member('b'))}</send>`,
    { origin: origin(seen), streamed: true },
    services,
  )
  assert.deepEqual(seen.sort(), ['a 0/2', 'b 1/2'])
  assert.deepEqual(
    services.sent.map(({ request }) => textOfBody(request)),
    Array(2).fill(textOfBody(ctx.message)),
  )
})

test('a recipient that fails is a fault of its own copy', async () => {
  const seen: string[] = []
  await mediate(`<send>${list(member('a') + member('b'))}</send>`, { origin: origin(seen) }, world('a'))
  assert.deepEqual(seen.sort(), ['b 1/2', 'fault: a is down'])
})

test('recipients computed for each message are addresses or names', async () => {
  const services = world()
  const runtime = deployed(services, ['<endpoint name="named"><address uri="http://n/"/></endpoint>'])
  const xml = `<send>${list(`<endpoints value="{get-property('to')}" max-cache="2"/>`)}</send>`
  await mediate(xml, { runtime, properties: { to: 'http://a/x, named,', OUT_ONLY: 'true' } }, services)
  assert.deepEqual(
    services.sent.map(({ target, oneWay }) => [target.url, oneWay]),
    [
      ['http://a/x', true],
      ['http://n/', true],
    ],
  )
})

test('an address keeps its state from message to message, as long as it is among the last that were used', async () => {
  const services = world('a')
  const runtime = deployed(services, [
    `<endpoint name="list"><recipientlist><endpoints value="{get-property('to')}" max-cache="1"/></recipientlist></endpoint>`,
  ])
  const ask = async (to: string): Promise<unknown> => {
    const ctx = contextOf({ runtime, properties: { to } })
    return runtime.find('endpoint', 'list')!.send(ctx.message, ctx)
  }
  assert.equal((await faultOf(ask('http://a/'))).cause instanceof IntegrationError, true)
  assert.equal((await faultOf(ask('http://a/'))).cause, undefined)
  await ask('http://b/')
  assert.equal((await faultOf(ask('http://a/'))).cause instanceof IntegrationError, true)
})

test('call waits for all and goes on with the first reply there is', async () => {
  const services = world('a')
  const { ctx } = await mediate(`<call>${list(member('a') + member('b') + member('c'))}</call>`, {}, services)
  assert.equal(textOfBody(ctx.message), 'b')
  assert.equal(services.sent.length, 3)
})

test('if nobody is ready the fault is 303000', async () => {
  const services = world()
  const xml = `<send>${list(`<endpoints value="{get-property('none')}"/>`)}</send>`
  assert.equal((await faultOf(mediate(xml, {}, services))).errorCode, 303_000)
})

test('a list without recipients is refused', () => {
  assert.deepEqual(placesOf('<endpoint name="e"><recipientlist/></endpoint>'), ['1:20 missing'])
})
