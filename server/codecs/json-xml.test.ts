import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseXml } from '../xml/reader.ts'
import { printXml } from '../xml/writer.ts'
import { parseJson, printJson } from './json-text.ts'
import { jsonToXml, xmlToJson } from './json-xml.ts'
import type { JsonRules } from './json-xml.ts'

function toXml(json: string): string {
  return printXml(jsonToXml(parseJson(json)))
}

function toJson(xml: string, rules?: JsonRules): string {
  return printJson(xmlToJson(parseXml(xml).root, rules))
}

/** Synapse-language E.8, first table. */
const JSON_TO_XML: readonly (readonly [json: string, xml: string])[] = [
  ['{"a":1,"b":"x"}', '<jsonObject><a>1</a><b>x</b></jsonObject>'],
  ['[1,{"k":2}]', '<jsonArray><jsonElement>1</jsonElement><jsonElement><k>2</k></jsonElement></jsonArray>'],
  ['{"l":[1,2]}', '<jsonObject><l>1</l><l>2</l></jsonObject>'],
  ['{"l":[7]}', '<jsonObject><l>7</l></jsonObject>'],
  ['{"l":[]}', '<jsonObject/>'],
  [
    '{"l":[[1],[2]]}',
    '<jsonObject><l><jsonArray><jsonElement>1</jsonElement></jsonArray></l><l><jsonArray><jsonElement>2</jsonElement></jsonArray></l></jsonObject>',
  ],
  ['5', '<jsonValue>5</jsonValue>'],
  ['"t"', '<jsonValue>t</jsonValue>'],
  ['null', '<jsonValue/>'],
  ['{"n":null}', '<jsonObject><n/></jsonObject>'],
  ['{}', '<jsonObject/>'],
  ['[]', '<jsonArray/>'],
  ['{"o":{}}', '<jsonObject><o/></jsonObject>'],
  ['{"1a":1}', '<jsonObject><_JsonReader_PD_1a>1</_JsonReader_PD_1a></jsonObject>'],
  ['{"$key":1}', '<jsonObject><_JsonReader_PS_key>1</_JsonReader_PS_key></jsonObject>'],
  ['{"a b":1}', '<jsonObject><a_JsonReader_20_b>1</a_JsonReader_20_b></jsonObject>'],
  [
    '{"@type":"string","content":"data","@source":"user"}',
    '<jsonObject type="string" source="user"><content>data</content></jsonObject>',
  ],
  ['{"e":{"@x":"v","$":"t"}}', '<jsonObject><e x="v">t</e></jsonObject>'],
  [
    '{"price":500.0,"big":12345678901234567890}',
    '<jsonObject><price>500.0</price><big>12345678901234567890</big></jsonObject>',
  ],
  ['{"t":"<&>"}', '<jsonObject><t>&lt;&amp;&gt;</t></jsonObject>'],
  ['{"r":"\\u0011\u0012x\\uD83D\\uDE00\\uD83D"}', '<jsonObject><r>\\u0011\\u0012x😀\\ud83d</r></jsonObject>'],
  [
    '{"value":12.4,"12X12":"http://localhost/i.png","0":{"date":"19/12/12"},"1":[1,2,{"newArray":["one-Element"]}]}',
    '<jsonObject><value>12.4</value><_JsonReader_PD_12X12>http://localhost/i.png</_JsonReader_PD_12X12>' +
      '<_JsonReader_PD_0><date>19/12/12</date></_JsonReader_PD_0><_JsonReader_PD_1>1</_JsonReader_PD_1>' +
      '<_JsonReader_PD_1>2</_JsonReader_PD_1><_JsonReader_PD_1><newArray>one-Element</newArray></_JsonReader_PD_1></jsonObject>',
  ],
]

for (const [json, xml] of JSON_TO_XML) {
  test(`the JSON ${json} is seen as ${xml}`, () => assert.equal(toXml(json), xml))
}

/** Synapse-language E.8, second table. */
const XML_TO_JSON: readonly (readonly [xml: string, json: string])[] = [
  ['<jsonObject><a>1</a><b>x</b></jsonObject>', '{"a":1,"b":"x"}'],
  ['<jsonArray><jsonElement>1</jsonElement><jsonElement><k>2</k></jsonElement></jsonArray>', '[1,{"k":2}]'],
  ['<jsonArray><jsonElement>1</jsonElement></jsonArray>', '[1]'],
  ['<jsonArray/>', '[]'],
  ['<jsonObject/>', '{}'],
  ['<jsonValue>5</jsonValue>', '5'],
  ['<jsonValue>500.0</jsonValue>', '500.0'],
  ['<o><a>1</a></o>', '{"o":{"a":1}}'],
  ['<o>x</o>', '{"o":"x"}'],
  ['<o/>', '{"o":null}'],
  ['<o><jsonArray><jsonElement>1</jsonElement></jsonArray></o>', '{"o":[1]}'],
  ['<o><jsonObject><a>1</a></jsonObject></o>', '{"o":{"a":1}}'],
  ['<o><l><jsonArray><jsonElement>1</jsonElement></jsonArray></l><l><jsonArray/></l></o>', '{"o":{"l":[[1],[]]}}'],
  ['<p:o xmlns:p="urn:p" xmlns="urn:d"><a p:x="1">t</a></p:o>', '{"o":{"a":{"@x":"1","$":"t"}}}'],
  ['<o><l>1</l><l>2</l><m>3</m></o>', '{"o":{"l":[1,2],"m":3}}'],
  ['<o><l>1.0</l><m/><l>2.50</l></o>', '{"o":{"l":[1.0,2.50],"m":null}}'],
  ['<o><?xml-multiple l?><l>1</l><?xml-multiple m?></o>', '{"o":{"l":[1],"m":[]}}'],
  ['<o><a>true</a><b>false</b><c>null</c><d>TRUE</d></o>', '{"o":{"a":true,"b":false,"c":null,"d":"TRUE"}}'],
  [
    '<o><a>500.0</a><b>-1e5</b><c>007</c><d>+1</d><e>1.</e><f> 1</f></o>',
    '{"o":{"a":500.0,"b":-1e5,"c":"007","d":"+1","e":"1.","f":" 1"}}',
  ],
  ['<o><id>12345678901234567890</id></o>', '{"o":{"id":12345678901234567890}}'],
  ['<o><e/></o>', '{"o":{"e":null}}'],
  ['<o x="1"/>', '{"o":{"@x":"1"}}'],
  ['<o>\n  <a>1</a>\n</o>', '{"o":{"a":1}}'],
  ['<o>mixed<a>1</a></o>', '{"o":{"a":1,"$":"mixed"}}'],
  ['<o><a><![CDATA[<x>]]></a><!-- no --></o>', '{"o":{"a":"<x>"}}'],
  [
    '<jsonObject><_JsonReader_PD_1a>1</_JsonReader_PD_1a><_JsonReader_PS_k>2</_JsonReader_PS_k><a_JsonReader_20_b>3</a_JsonReader_20_b></jsonObject>',
    '{"1a":1,"$k":2,"a b":3}',
  ],
]

for (const [xml, json] of XML_TO_JSON) {
  test(`the XML ${JSON.stringify(xml)} is sent as ${json}`, () => assert.equal(toJson(xml), json))
}

test('every key survives the way through XML, whatever it is made of', () => {
  const keys = [
    '1',
    '-x',
    '.a',
    '$',
    '$$',
    'a:b',
    'ä',
    '名',
    '😀',
    'a b',
    '',
    'a.b-c_d',
    '__proto__',
    '@',
    '@xmlns',
    'a$b',
    '_JsonReader',
    '%',
  ]
  for (const key of keys) {
    const json = JSON.stringify({ z: { [key]: { k: 'v' }, other: 'o' } })
    const text = key === '__proto__' ? '{"z":{"__proto__":{"k":"v"},"other":"o"}}' : json
    const through = toJson(toXml(text))
    assert.deepEqual(JSON.parse(through), JSON.parse(text), key)
  }
})

test('quotes can be kept for all values, or for those a pattern matches', () => {
  assert.equal(toJson('<o><a>1</a><b>true</b></o>', { autoPrimitive: false }), '{"o":{"a":"1","b":"true"}}')
  assert.equal(toJson('<o><a>1</a><b>true</b></o>', { keepQuotes: /^-?\d+$/ }), '{"o":{"a":"1","b":true}}')
})

test('an element without content can be an empty string instead of null', () => {
  assert.equal(toJson('<o><e/></o>', { emptyAsText: true }), '{"o":{"e":""}}')
})

test('the deepest JSON that is read goes to XML and back', () => {
  const arrays = '['.repeat(1000) + ']'.repeat(1000)
  assert.equal(printJson(xmlToJson(jsonToXml(parseJson(arrays)))), arrays)
  const objects = '{"a":'.repeat(1000) + '1' + '}'.repeat(1000)
  assert.equal(printJson(xmlToJson(jsonToXml(parseJson(objects)))), objects)
})

test('several JSON objects in one element, as an aggregate makes them, are an array', () => {
  const { root } = parseXml(
    '<all xmlns="urn:x"><jsonObject xmlns=""><a>1</a></jsonObject> <jsonObject xmlns=""><a>2</a></jsonObject></all>',
  )
  assert.deepEqual(xmlToJson(root).value, { all: [{ a: 1 }, { a: 2 }] })
})
