import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseXml } from '../xml/reader.ts'
import { printXml } from '../xml/writer.ts'
import { envelopeOf } from './envelope.ts'
import type { SoapVersion } from './envelope.ts'
import { convert } from './soap-version.ts'

const ONE = 'http://schemas.xmlsoap.org/soap/envelope/'
const TWO = 'http://www.w3.org/2003/05/soap-envelope'

function converted(xml: string, to: SoapVersion): string {
  const envelope = envelopeOf(parseXml(xml).root)
  convert(envelope, to)
  const text = printXml(envelope.root)
  parseXml(text)
  return text
}

function soap(uri: string, inside: string, header = ''): string {
  return `<s:Envelope xmlns:s="${uri}">${header}<s:Body>${inside}</s:Body></s:Envelope>`
}

test('an envelope without a fault only changes its namespace', () => {
  const one = soap(ONE, '<a xmlns="urn:a">t</a>')
  const two = soap(TWO, '<a xmlns="urn:a">t</a>')
  assert.equal(converted(one, 'soap12'), two)
  assert.equal(converted(two, 'soap11'), one)
  assert.equal(converted(one, 'soap11'), one)
})

test('a default namespace is changed like any other prefix', () => {
  const text = converted(`<Envelope xmlns="${ONE}"><Body><a xmlns="">t</a></Body></Envelope>`, 'soap12')
  assert.equal(text, `<Envelope xmlns="${TWO}"><Body><a xmlns="">t</a></Body></Envelope>`)
})

test("attributes of header blocks are said in the other version's words", () => {
  const one = soap(
    ONE,
    '',
    `<s:Header><h:x xmlns:h="urn:h" s:mustUnderstand="1" s:actor="http://schemas.xmlsoap.org/soap/actor/next" own="1"/></s:Header>`,
  )
  const two = converted(one, 'soap12')
  const block = envelopeOf(parseXml(two).root).header!.firstElement!
  assert.equal(block.attribute('mustUnderstand', TWO), '1')
  assert.equal(block.attribute('role', TWO), 'http://www.w3.org/2003/05/soap-envelope/role/next')
  assert.equal(block.attribute('own'), '1')
  const back = envelopeOf(
    parseXml(converted(two.replace('mustUnderstand="1"', 'mustUnderstand="true" s:relay="true"'), 'soap11')).root,
  )
  const again = back.header!.firstElement!
  assert.deepEqual(
    [again.attribute('mustUnderstand', ONE), again.attribute('actor', ONE), again.attributes.length],
    ['1', 'http://schemas.xmlsoap.org/soap/actor/next', 3],
  )
})

test('a fault of SOAP 1.1 becomes one of SOAP 1.2', () => {
  const fault = `<s:Fault><faultcode>s:Client</faultcode><faultstring xml:lang="de">weil</faultstring><faultactor>urn:me</faultactor><detail a="1"><d:e xmlns:d="urn:d">x</d:e></detail></s:Fault>`
  assert.equal(
    converted(soap(ONE, fault), 'soap12'),
    soap(
      TWO,
      `<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text xml:lang="de">weil</s:Text></s:Reason><s:Role>urn:me</s:Role><s:Detail a="1"><d:e xmlns:d="urn:d">x</d:e></s:Detail></s:Fault>`,
    ),
  )
})

test('a fault of SOAP 1.2 becomes one of SOAP 1.1', () => {
  const fault = `<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value xmlns:m="urn:m">m:Late</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">why</s:Text></s:Reason><s:Node>urn:node</s:Node><s:Detail>text</s:Detail></s:Fault>`
  assert.equal(
    converted(soap(TWO, fault), 'soap11'),
    soap(
      ONE,
      `<s:Fault><faultcode>s:Server</faultcode><faultstring xml:lang="en">why</faultstring><faultactor>urn:node</faultactor><detail>text</detail></s:Fault>`,
    ),
  )
})

test('a code of the application becomes a subcode with its namespace', () => {
  const fault = '<s:Fault><faultcode xmlns:m="urn:m">m:Late</faultcode><faultstring>why</faultstring></s:Fault>'
  const text = converted(soap(ONE, fault), 'soap12')
  assert.match(text, /<s:Value>s:Receiver<\/s:Value><s:Subcode><s:Value xmlns:m="urn:m">m:Late<\/s:Value><\/s:Subcode>/)
})

test('codes have their counterpart in the other version', () => {
  const pairs = {
    Client: 'Sender',
    Server: 'Receiver',
    MustUnderstand: 'MustUnderstand',
    VersionMismatch: 'VersionMismatch',
    'Client.Auth': 'Sender',
  }
  for (const [one, two] of Object.entries(pairs)) {
    const text = converted(
      soap(ONE, `<s:Fault><faultcode>s:${one}</faultcode><faultstring>r</faultstring></s:Fault>`),
      'soap12',
    )
    assert.match(text, new RegExp(`<s:Value>s:${two}</s:Value>`))
  }
  const encoding = soap(
    TWO,
    '<s:Fault><s:Code><s:Value>s:DataEncodingUnknown</s:Value></s:Code><s:Reason><s:Text>r</s:Text></s:Reason></s:Fault>',
  )
  assert.match(converted(encoding, 'soap11'), /<faultcode>s:Client<\/faultcode>/)
})
