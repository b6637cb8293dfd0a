import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '../../kernel/message.ts'
import {
  contextOf,
  fakeServices,
  faultOf,
  mark,
  marks,
  mediate,
  replyOf,
  textOfBody,
  type FakeServices,
  type Given,
} from '../../testing/rig.ts'

const COLLECT = '<cache collector="true"/>'

function withHeaders(reply: Message, headers: Readonly<Record<string, string>>): Message {
  for (const [name, value] of Object.entries(headers)) reply.headers.set(name, value)
  return reply
}

interface Asked {
  readonly answer: Message | undefined
  readonly marks: readonly string[]
}

/** One mediator for all requests, as a deployed flow is. */
function cached(inside = '', attributes = '', collect = COLLECT) {
  const services: FakeServices = fakeServices()
  const xml = `<cache collector="false" id="c" ${attributes}>${inside}</cache><call><endpoint><address uri="http://back/x"/></endpoint></call>${collect}${mark('end')}<respond/>`
  services.answer = () => replyOf(200, `<n>${services.sent.length}</n>`)
  const ask = async (given: Given = {}): Promise<Asked> => {
    const { ctx } = await mediate(xml, { to: '/services/X', ...given }, services)
    return { answer: ctx.answers[0], marks: marks(ctx) }
  }
  return { services, ask }
}

const said = ({ answer }: Asked): string => textOfBody(answer!)

test('the second request for the same gets the reply of the first, and its flow ends there', async () => {
  const { services, ask } = cached()
  const first = await ask()
  const second = await ask()
  assert.deepEqual([said(first), said(second)], ['<n>1</n>', '<n>1</n>'])
  assert.deepEqual([first.marks, second.marks], [['mark = end'], []])
  assert.equal(services.sent.length, 1)
  assert.equal(second.answer!.flag('HTTP_SC'), 200)
  assert.equal(second.answer!.isResponse, true)
  assert.equal(said(await ask({ body: '<other/>' })), '<n>2</n>')
})

test('headers, status and content type of the reply come back; those of its connection and cookies do not', async () => {
  const { services, ask } = cached()
  services.answer = () =>
    withHeaders(replyOf(201, '{"a":1}', 'application/json'), { 'X-A': 'b', 'Set-Cookie': 'id=1', Connection: 'close' })
  await ask()
  const { answer } = await ask()
  assert.deepEqual([...answer!.headers].sort(), [
    ['Content-Type', 'application/json'],
    ['X-A', 'b'],
  ])
  assert.equal(answer!.flag('HTTP_SC'), 201)
})

test('a reply is kept for its time only', async () => {
  const { services, ask } = cached('', 'timeout="20"')
  await ask()
  await services.clock.advance(19_999)
  assert.equal(said(await ask()), '<n>1</n>')
  await services.clock.advance(1)
  assert.equal(said(await ask()), '<n>2</n>')
})

test('onCacheHit runs with the reply in place of sending it, and the flow ends all the same', async () => {
  const { ask } = cached(
    `<onCacheHit>${mark('hit')}<property name="X-Cache" value="hit" scope="transport"/><respond/></onCacheHit>`,
  )
  await ask()
  const { answer, marks } = await ask()
  assert.deepEqual(marks, ['mark = hit'])
  assert.equal(answer!.headers.get('x-cache'), 'hit')
})

test('only replies with the status asked for are kept, and none that is too large', async () => {
  const { services, ask } = cached(
    '<protocol type="HTTP"><responseCodes>2[0-9][0-9]</responseCodes></protocol>',
    'maxMessageSize="20"',
  )
  services.answer = () => replyOf(404, '<gone/>')
  await ask()
  services.answer = () => replyOf(200, `<long>${'x'.repeat(30)}</long>`)
  await ask()
  services.answer = () => replyOf(200, '<ok/>')
  assert.equal(said(await ask()), '<ok/>')
  await ask()
  assert.equal(services.sent.length, 3)
})

test('requests of other methods pass, and their replies are not kept', async () => {
  const { services, ask } = cached('<protocol type="HTTP"><methods>GET, HEAD</methods></protocol>')
  await ask()
  await ask()
  assert.equal(services.sent.length, 2)
  await ask({ method: 'GET' })
  await ask({ method: 'GET' })
  assert.equal(services.sent.length, 3)
})

test('headers count as they are named: included, or all but the excluded, or none', async () => {
  const differ = async (
    inside: string,
    one: Record<string, string>,
    other: Record<string, string>,
  ): Promise<boolean> => {
    const { services, ask } = cached(`<protocol>${inside}</protocol>`)
    await ask({ headers: one })
    await ask({ headers: other })
    return services.sent.length === 2
  }
  assert.equal(await differ('', { Accept: 'a' }, { Accept: 'b' }), false)
  assert.equal(
    await differ('<headersToIncludeInHash>Accept, X-B</headersToIncludeInHash>', { Accept: 'a' }, { Accept: 'b' }),
    true,
  )
  assert.equal(await differ('<headersToIncludeInHash>Accept</headersToIncludeInHash>', { X: 'a' }, { X: 'b' }), false)
  assert.equal(
    await differ('<headersToExcludeInHash>Accept</headersToExcludeInHash>', { Accept: 'a' }, { Accept: 'b' }),
    false,
  )
  assert.equal(await differ('<headersToExcludeInHash>Accept</headersToExcludeInHash>', { X: 'a' }, { X: 'b' }), true)
  assert.equal(await differ('<headersToExcludeInHash>*</headersToExcludeInHash>', { X: 'a' }, { X: 'b' }), false)
})

test('the generator of old configurations counts the body only', async () => {
  const { services, ask } = cached(
    '',
    'hashGenerator="org.wso2.carbon.mediator.cache.digest.DOMHASHGenerator" scope="per-host"',
  )
  await ask({ to: '/services/A' })
  await ask({ to: '/services/B' })
  assert.equal(services.sent.length, 1)
})

test('Cache-Control is heeded if it is to be, and a reply says its age', async () => {
  const { services, ask } = cached(
    '<protocol><enableCacheControl>true</enableCacheControl><includeAgeHeader>true</includeAgeHeader></protocol>',
  )
  services.answer = () => withHeaders(replyOf(200, '<a/>'), { 'Cache-Control': 'no-store' })
  await ask()
  services.answer = () => withHeaders(replyOf(200, '<b/>'), { 'Cache-Control': 'max-age=5' })
  await ask()
  await services.clock.advance(3000)
  const kept = await ask()
  assert.deepEqual([said(kept), kept.answer!.headers.get('age')], ['<b/>', '3'])
  assert.equal(services.sent.length, 2)
  await ask({ headers: { 'Cache-Control': 'no-cache' } })
  assert.equal(services.sent.length, 3)
  await services.clock.advance(5000)
  await ask()
  assert.equal(services.sent.length, 4)
})

test('the number of replies is limited', async () => {
  const { services, ask } = cached('<implementation type="memory" maxSize="1"/>')
  await ask({ body: '<a/>' })
  await ask({ body: '<b/>' })
  await ask({ body: '<a/>' })
  assert.equal(services.sent.length, 3)
})

test('a collector without a request that was looked up passes, and looking up a reply is a fault', async () => {
  assert.deepEqual(marks((await mediate(`${COLLECT}${mark('after')}`)).ctx), ['mark = after'])
  const back = contextOf({ isResponse: true })
  assert.match(
    (await faultOf(mediate('<cache collector="false"/>', back))).message,
    /cannot be handled in a non collector cache/,
  )
})
