import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseXml } from '../xml/reader.ts'
import { printXml } from '../xml/writer.ts'
import { addAddressing, readAddressing, removeAddressing } from './addressing.ts'
import type { AddressingVersion } from './addressing.ts'
import { envelopeOf, newEnvelope } from './envelope.ts'

const ALL = {
  to: 'http://localhost/to',
  from: 'http://localhost/from',
  action: 'urn:a',
  replyTo: 'http://localhost/reply',
  faultTo: 'http://localhost/fault',
  relatesTo: 'urn:uuid:1',
  messageId: 'urn:uuid:2',
}

test('what is added is read again, in both versions', () => {
  for (const version of ['final', 'submission'] satisfies AddressingVersion[]) {
    const envelope = newEnvelope('soap12')
    addAddressing(envelope, ALL, version)
    const again = envelopeOf(parseXml(printXml(envelope.root)).root)
    assert.deepEqual(readAddressing(again), { version, addressing: ALL })
  }
})

test('adding replaces what was there, of either version, and other headers stay', () => {
  const envelope = newEnvelope('soap11')
  envelope.ensureHeader().append(parseXml('<x><y/></x>').root.firstElement!)
  addAddressing(envelope, { to: 'urn:old', action: 'urn:old' }, 'submission')
  addAddressing(envelope, { to: 'urn:new' }, 'final')
  assert.deepEqual(readAddressing(envelope), { version: 'final', addressing: { to: 'urn:new' } })
  assert.equal(removeAddressing(envelope), true)
  assert.equal(removeAddressing(envelope), false)
  assert.deepEqual(
    envelope.header!.childElements.map(block => block.local),
    ['y'],
  )
  assert.equal(readAddressing(envelope), undefined)
})

test('white space around values does not count, and the first of several wins', () => {
  const wsa = 'http://www.w3.org/2005/08/addressing'
  const xml = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:w="${wsa}"><s:Header><w:To> urn:a\n</w:To><w:To>urn:b</w:To><w:ReplyTo><w:Address> ${wsa}/anonymous </w:Address></w:ReplyTo></s:Header><s:Body/></s:Envelope>`
  const { addressing } = readAddressing(envelopeOf(parseXml(xml).root))!
  assert.deepEqual(addressing, { to: 'urn:a', replyTo: `${wsa}/anonymous` })
})
