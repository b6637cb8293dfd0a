import assert from 'node:assert/strict'
import { test } from 'node:test'
import { payloads } from '../../codecs/payloads.ts'
import { deployed, fakeServices, faultOf, mediate, SYNAPSE, type Given } from '../../testing/rig.ts'

const services = fakeServices()

async function queried(
  query: string,
  given: Given = {},
  inside = '',
  attributes = '',
  entries: readonly string[] = [],
): Promise<string> {
  const own = `<localEntry xmlns="${SYNAPSE}" key="q">${query}</localEntry>`
  const runtime = deployed(services, [own, ...entries])
  const { ctx } = await mediate(`<xquery key="q" ${attributes}>${inside}</xquery>`, { ...given, runtime }, services)
  return Buffer.from(payloads.serialise(ctx.message).bytes)
    .toString()
    .replace(/^<\?xml[^>]*>\s*/, '')
}

const ORDER: Given = { body: '<m:order xmlns:m="urn:m"><m:id>7</m:id><m:id>8</m:id></m:order>' }

test('the result takes the place of the payload, however the query is wrapped', async () => {
  const query =
    'declare namespace m = "urn:m"; <ids n="{count(//m:id)}">{ for $i in //m:id return <id>{string($i)}</id> }</ids>'
  const made = '<ids n="2"><id>7</id><id>8</id></ids>'
  assert.equal(await queried(`<x xmlns=""><![CDATA[${query}]]></x>`, ORDER), made)
  assert.equal(await queried(`<![CDATA[${query}]]>`, ORDER), made)
})

test('variables are values, expressions, entries or the payload', async () => {
  const query = `<x><![CDATA[declare namespace m = "urn:m";
    declare variable $payload as document-node() external; declare variable $n as xs:integer external;
    declare variable $price as xs:double external; declare variable $word as xs:string external; declare variable $list external;
    <r>{$payload//m:id[1]/text()}|{$n + 1}|{$price * 2}|{$word}|{count($list//i)}</r>]]></x>`
  const variables = [
    '<variable name="payload" type="ELEMENT"/>',
    '<variable name="n" type="INTEGER" value="4"/>',
    `<variable name="price" type="DOUBLE" expression="number(//m:id) div 2" xmlns:m="urn:m"/>`,
    '<variable name="word" type="STRING" key="word"/>',
    '<variable name="list" type="DOCUMENT" key="list"/>',
  ].join('')
  const entries = [
    `<localEntry xmlns="${SYNAPSE}" key="word">hey</localEntry>`,
    `<localEntry xmlns="${SYNAPSE}" key="list"><l xmlns=""><i/><i/></l></localEntry>`,
  ]
  assert.equal(await queried(query, ORDER, variables, '', entries), '<r>7|5|7|hey|2</r>')
})

test('a target is transformed in its place; what is no element becomes its text; nothing changes nothing', async () => {
  const target = 'target="//m:id" xmlns:m="urn:m"'
  const around = (inside: string): string => `<m:order xmlns:m="urn:m">${inside}<m:id>8</m:id></m:order>`
  assert.equal(await queried('<x>&lt;n&gt;{ string(.) }&lt;/n&gt;</x>', ORDER, '', target), around('<n>7</n>'))
  assert.equal(await queried('<x>number(.) + 1</x>', ORDER, '', target), around('<m:id>8</m:id>'))
  assert.equal(await queried('<x>()</x>', ORDER, '', target), around('<m:id>7</m:id>'))
})

test('a query that is wrong, a variable that is none of its type, and a target that is not there are faults', async () => {
  assert.match((await faultOf(queried('<x>1 +</x>', ORDER))).message, /^the query "q" failed: /)
  const number = '<variable name="n" type="INT" value="many"/>'
  assert.match(
    (await faultOf(queried('<x>1</x>', ORDER, number))).message,
    /the variable n of the query is to be a number/,
  )
  const document = '<variable name="n" type="DOCUMENT" value="many"/>'
  assert.match(
    (await faultOf(queried('<x>1</x>', ORDER, document))).message,
    /the variable n of the query is to be XML/,
  )
  assert.match((await faultOf(queried('<x>1</x>', ORDER, '', 'target="//none"'))).message, /selects no element/)
  assert.equal((await faultOf(mediate('<xquery key="none"/>', ORDER, services))).code, 'ENTRY_UNKNOWN')
})
