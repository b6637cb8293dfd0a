import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Format } from '../kernel/message.ts'
import { requestFormat } from './client-format.ts'

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
