import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Body, HeaderMap, Message } from '../kernel/message.ts'
import type { Format } from '../kernel/message.ts'
import { expectedReplyFormat, requestFormat } from './client-format.ts'
import type { ReplyFormat } from './client-format.ts'

test('the way a client speaks follows from method and content type', () => {
  const cases: [method: string, type: string | undefined, format: Format][] = [
    ['POST', 'text/xml; charset=UTF-8', 'soap11'],
    ['POST', 'application/soap+xml; action="urn:a"', 'soap12'],
    ['POST', 'application/xml', 'pox'],
    ['PUT', 'application/json', 'json'],
    ['POST', 'application/x-www-form-urlencoded', 'form'],
    ['POST', 'multipart/form-data; boundary=x', 'form'],
    ['POST', 'multipart/related; boundary=x; type="text/xml"', 'soap11'],
    ['POST', 'multipart/related; boundary=x; type="application/xop+xml"; start-info="application/soap+xml"', 'soap12'],
    ['POST', 'text/plain', 'text'],
    ['POST', undefined, 'binary'],
    ['POST', 'image/png', 'binary'],
    ['GET', undefined, 'none'],
    ['DELETE', '', 'none'],
    ['GET', 'text/xml', 'pox'],
    ['GET', 'application/json', 'json'],
  ]
  for (const [method, type, format] of cases) assert.equal(requestFormat(method, type), format, `${method} ${type}`)
})

test('a fault is told in the language spoken, or else in the first one accepted', () => {
  const cases: [format: Format, accept: string | undefined, reply: ReplyFormat][] = [
    ['soap12', 'application/json', 'soap12'],
    ['json', undefined, 'json'],
    ['none', undefined, 'pox'],
    ['none', '*/*', 'pox'],
    ['none', 'text/html, application/json;q=0.9', 'json'],
    ['form', 'text/xml', 'pox'],
    ['text', undefined, 'text'],
    ['binary', 'application/soap+xml', 'soap12'],
  ]
  for (const [format, accept, reply] of cases) {
    const message = new Message({
      body: Body.empty(),
      format,
      headers: HeaderMap.of(accept === undefined ? {} : { Accept: accept }),
    })
    assert.equal(expectedReplyFormat(message), reply, `${format} ${accept}`)
  }
})
