import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileXmlSchema, type SchemaSource } from './xml-schema.ts'

const XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'

function source(targetNamespace: string, content: string): SchemaSource {
  const target = targetNamespace === '' ? '' : `targetNamespace="${targetNamespace}" xmlns="${targetNamespace}"`
  return {
    key: `schema of ${targetNamespace}`,
    targetNamespace,
    text: `<xs:schema ${XS} ${target} elementFormDefault="qualified">${content}</xs:schema>`,
  }
}

const ORDER = source('urn:o', '<xs:element name="order" type="xs:int"/>')
const NONE = new Map<string, string>()

test('a document is valid or not, as often as one asks', async () => {
  using schema = await compileXmlSchema([ORDER], NONE)
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(schema.problemsOf('<order xmlns="urn:o">7</order>'), [])
    const [problem] = schema.problemsOf('<order xmlns="urn:o">seven</order>')
    assert.match(problem!, /'seven' is not a valid value of the atomic type 'xs:int'/)
  }
})

test('several schemas are one, of different namespaces, the same or none', async () => {
  using schema = await compileXmlSchema(
    [
      ORDER,
      source('urn:o', '<xs:element name="line" type="xs:int"/>'),
      source('', '<xs:element name="bare" type="xs:int"/>'),
    ],
    NONE,
  )
  for (const xml of ['<order xmlns="urn:o">7</order>', '<line xmlns="urn:o">7</line>', '<bare>7</bare>'])
    assert.deepEqual(schema.problemsOf(xml), [], xml)
  assert.equal(schema.problemsOf('<bare>x</bare>').length, 1)
})

test('what a schema includes is found among the resources, and nowhere else', async () => {
  const including = source('urn:o', '<xs:include schemaLocation="types.xsd"/><xs:element name="order" type="number"/>')
  const types = source('urn:o', '<xs:simpleType name="number"><xs:restriction base="xs:int"/></xs:simpleType>')
  using schema = await compileXmlSchema([including], new Map([['types.xsd', types.text]]))
  assert.deepEqual(schema.problemsOf('<order xmlns="urn:o">7</order>'), [])
  await assert.rejects(compileXmlSchema([including], NONE), { code: 'MEDIATION_FAILED', message: /schema of urn:o/ })
})

test('a schema that is none is named', async () => {
  await assert.rejects(compileXmlSchema([{ key: 'conf:/a.xsd', targetNamespace: '', text: '<a/>' }], NONE), {
    code: 'MEDIATION_FAILED',
    message: /conf:\/a\.xsd/,
  })
})
