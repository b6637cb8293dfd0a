import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseContentType, printContentType } from './content-type.ts'

test('a media type is read with its charset, action and other parameters', () => {
  const type = parseContentType('application/soap+xml; charset=UTF-8; action="urn:getQuote"')
  assert.equal(type.type, 'application/soap+xml')
  assert.equal(type.kind, 'soap12')
  assert.equal(type.charset, 'UTF-8')
  assert.equal(type.action, 'urn:getQuote')
})

test('sloppy writing is understood', () => {
  const cases: [text: string, type: string, charset: string | undefined][] = [
    ['TEXT/XML;CHARSET=utf-8', 'text/xml', 'utf-8'],
    ["text/xml ; charset = 'utf-8'", 'text/xml', 'utf-8'],
    ['text/xml;', 'text/xml', undefined],
    ['text/xml; charset', 'text/xml', undefined],
    ['text/xml; charset=', 'text/xml', undefined],
    ['text/xml;; ;charset="utf-8', 'text/xml', 'utf-8'],
    ['text/xml; x="a;b\\"c"; charset=iso-8859-1', 'text/xml', 'iso-8859-1'],
    ['', '', undefined],
  ]
  for (const [text, type, charset] of cases) {
    const parsed = parseContentType(text)
    assert.deepEqual([parsed.type, parsed.charset], [type, charset], text)
  }
  assert.equal(parseContentType('text/xml; x="a;b\\"c"').parameters.get('x'), 'a;b"c')
})

test('every type belongs to the builder Synapse gives it', () => {
  const kinds = {
    'text/xml': 'soap11',
    'application/soap+xml': 'soap12',
    'application/xml': 'pox',
    'application/atom+xml': 'pox',
    'application/json': 'json',
    'application/problem+json': 'json',
    'application/x-www-form-urlencoded': 'form',
    'multipart/form-data': 'form-data',
    'multipart/related': 'related',
    'text/plain': 'text',
    'application/octet-stream': 'binary',
    'image/png': 'other',
    '': 'none',
  }
  for (const [type, kind] of Object.entries(kinds)) assert.equal(parseContentType(type).kind, kind, type)
})

test('the same type is parsed once, and a flood of different ones is not kept', () => {
  const text = 'text/xml; charset=utf-8; once=1'
  assert.equal(parseContentType(text), parseContentType(text))
  for (let index = 0; index < 1000; index++) parseContentType(`text/xml; n=${index}`)
  assert.notEqual(parseContentType('multipart/related; boundary=a'), parseContentType('multipart/related; boundary=a'))
})

test('values that need quotes get them when printed, and a line break cannot start a new header', () => {
  assert.equal(
    printContentType('text/xml', { charset: 'UTF-8', action: 'urn:a b', nothing: undefined }),
    'text/xml; charset=UTF-8; action="urn:a b"',
  )
  assert.equal(printContentType('a/b', { x: 'q"\\\r\nSet-Cookie: y' }), 'a/b; x="q\\"\\\\  Set-Cookie: y"')
})
