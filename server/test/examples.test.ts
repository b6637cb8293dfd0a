/**
 * Every mediator example of the reference pages runs: what it refers to is put beside it, a message goes through, and
 * there is no fault, or the one the example is about.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RoleName } from '../kernel/contracts.ts'
import { buildArtifact } from '../deploy/build.ts'
import { IntegrationError, type ErrorName } from '../kernel/errors.ts'
import { kinds } from '../kinds/all.ts'
import type { AnyKind } from '../schema/kinds.ts'
import { titleOf } from '../testing/comparable.ts'
import { contextOf, decodeGood, deployed, fakeServices, SYNAPSE, type Given } from '../testing/rig.ts'
import { TableSql } from '../testing/table-sql.ts'

const QUOTE =
  '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><m0:getQuote xmlns:m0="http://services.samples"><m0:request><m0:symbol>IBM</m0:symbol></m0:request></m0:getQuote></soapenv:Body></soapenv:Envelope>'
const ORDER = '<m:order xmlns:m="urn:m"><m:count>1</m:count></m:order>'
const STYLESHEET =
  '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><done><xsl:copy-of select="."/></done></xsl:template></xsl:stylesheet>'
const POLICY =
  '<wsp:Policy xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy" xmlns:t="http://www.wso2.org/products/wso2commons/throttle"><t:MediatorThrottleAssertion><t:MaximumConcurrentAccess>10</t:MaximumConcurrentAccess></t:MediatorThrottleAssertion></wsp:Policy>'
const ADDRESSED: Surroundings = { given: { to: 'http://back-end/' } }

interface Surroundings {
  readonly given?: Given
  readonly resources?: Readonly<Record<string, string>>
  readonly artifacts?: readonly string[]
}

/** What an example takes for granted, by its element and title. */
const SURROUNDINGS: Readonly<Record<string, Surroundings>> = {
  'enrich: Set a value': { given: { body: ORDER } },
  'enrich: JSON': { given: { body: { order: {} } } },
  'eventPublisher: Publish': { artifacts: [`<eventSource xmlns="${SYNAPSE}" name="Prices"/>`] },
  'fastXSLT: By a registry resource': { resources: { 'gov:/xslt/order.xslt': STYLESHEET } },
  'in: Forward requests': ADDRESSED,
  'jsontransform: Types by a schema': {
    given: { body: { order: { id: '7' } } },
    resources: { 'conf:/order.json': '{"type": "object"}' },
  },
  'script: Compute with JSON': { given: { body: { items: [{ price: 2 }, { price: 3 }] } } },
  'script: A function of a library': {
    resources: { 'conf:/orders.js': 'function price(mc) { mc.setProperty("price", 5) }' },
  },
  'send: Back to the caller': ADDRESSED,
  'sequence: Choose it for each message': {
    given: { properties: { which: 'audit' } },
    artifacts: [standIn('sequence', 'audit')],
  },
  'store: Choose the store by content': {
    given: { properties: { region: 'orders' } },
    artifacts: [standIn('message-store', 'orders')],
  },
  'switch: Route by symbol': ADDRESSED,
  'throttle: The policy by key': { resources: { 'conf:/throttle.xml': POLICY } },
  'validate: Refuse what is not valid': {
    resources: {
      'conf:/order.xsd':
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="order" type="xs:string"/></xs:schema>',
    },
  },
  'validate: A part of a JSON message': {
    given: { body: { order: {} } },
    resources: { 'conf:/order.json': '{"type": "object"}' },
  },
  'variable: From the body': { given: { body: { id: 7 } } },
  'xquery: The payload and a number': {
    given: { body: '<m:quote xmlns:m="urn:m"><m:last>7.5</m:last></m:quote>' },
    resources: {
      'conf:/quote.xq':
        'declare variable $payload external; declare variable $price as xs:double external; element price { $price }',
    },
  },
  'xquery: A part of the body': {
    given: { body: ORDER },
    resources: { orders: 'count(.)' },
  },
  'xslt: By a local entry': {
    artifacts: [`<localEntry xmlns="${SYNAPSE}" key="orders-to-invoices">${STYLESHEET}</localEntry>`],
  },
  'xslt: A part of the message, with a parameter and an included stylesheet': {
    given: { body: ORDER },
    resources: { 'conf:/xslt/order.xslt': STYLESHEET, 'conf:/xslt/common.xslt': STYLESHEET },
  },
}

/** Faults that are what the example shows, or what it ends in here. */
const FAULTS: Readonly<Record<string, ErrorName>> = {
  'throwError: Refuse': 'MEDIATION_FAILED',
  'throwError: With a value': 'MEDIATION_FAILED',
  'transaction: Let everything take effect': 'TRANSACTION_FAILED',
  // Databases: server/test/brokers has them.
  'dblookup: The price of a product': 'MEDIATION_FAILED',
  'dbreport: Note an order': 'MEDIATION_FAILED',
}

/** Endpoints that ask somebody else before they send: their own tests have him. */
const ASKS_FIRST = new Set(['http: With a token of the client', 'wsdl: The sample back end'])

/** Variables of the addresses in examples. */
const PROPERTIES = { 'uri.var.id': '7', EP_LIST: 'http://north/,http://south/' }

/** An example as it would stand in a file. */
function asFile(kind: AnyKind, xml: string): string {
  if ('classes' in kind || 'nameAttribute' in kind) return xml
  const inside = kind.role === 'endpoint-layer' ? `<address uri="http://back-end/">${xml}</address>` : xml
  return `<endpoint name="example" xmlns="${SYNAPSE}">${inside}</endpoint>`
}

const seen = new Set<string>()
for (const kind of kinds) {
  if (!('role' in kind) || kind.role !== 'mediator') continue
  for (const { title, xml } of kind.examples) {
    const name = `${titleOf(kind)}: ${title}`
    seen.add(name)
    test(`the example "${name}" runs`, async () => {
      const fault = await faultOf(xml, SURROUNDINGS[name] ?? {})
      // Without its module an example in the place of Java says what is missing: server/docs/extensions.md.
      if (fault?.code === 'EXTENSION_MISSING') return assert.match(fault.message, /put .+\.mjs/)
      assert.equal(fault?.code, FAULTS[name], fault?.message)
    })
  }
}

for (const kind of kinds) {
  if ('role' in kind && kind.role === 'mediator') continue
  for (const { title, xml } of kind.examples) {
    const name = `${titleOf(kind)}: ${title}`
    test(`the example "${name}" is made, and whatever it sends to is asked`, async () => {
      const text = asFile(kind, xml)
      const services = fakeServices({ databases: { at: () => new TableSql() } })
      const { node, role } = decodeGood(text)
      if (ASKS_FIRST.has(name)) {
        assert.ok(node)
        return
      }
      const made = buildArtifact(node!, services) as Partial<AsyncDisposable>
      if (role === 'endpoint') {
        const beside = decodeGood(text).refs.map(ref => standIn(ref.role, ref.name))
        const runtime = deployed(services, [text, ...new Set(beside)])
        const ctx = contextOf({
          body: QUOTE,
          contentType: 'text/xml',
          runtime,
          to: 'http://back-end/',
          properties: PROPERTIES,
        })
        await runtime.find('endpoint', decodeGood(text).name)!.send(ctx.message, ctx)
        assert.ok(services.sent.length > 0, 'nothing was sent')
      }
      await made[Symbol.asyncDispose]?.()
    })
  }
}

test('no surroundings are kept for an example that is gone', () => {
  const kept = [...Object.keys(SURROUNDINGS), ...Object.keys(FAULTS)]
  assert.deepEqual(
    kept.filter(name => !seen.has(name)),
    [],
  )
})

async function faultOf(
  xml: string,
  { given = {}, resources = {}, artifacts = [] }: Surroundings,
): Promise<IntegrationError | undefined> {
  const text = `<sequence xmlns="${SYNAPSE}" name="example">${xml}</sequence>`
  const services = fakeServices()
  // A registry resource is a local entry of its key to whoever asks for it.
  const entries = Object.entries(resources).map(
    ([key, content]) =>
      `<localEntry xmlns="${SYNAPSE}" key="${key}">${content.startsWith('<') ? content : `<![CDATA[${content}]]>`}</localEntry>`,
  )
  const beside = decodeGood(text).refs.map(({ role, name }) => standIn(role, name))
  const runtime = deployed(services, [text, ...new Set([...beside, ...artifacts, ...entries])])
  const body = given.body === undefined ? { body: QUOTE, contentType: 'text/xml' } : {}
  try {
    await runtime.find('sequence', 'example')!.mediate(contextOf({ ...body, ...given, runtime }))
    return undefined
  } catch (thrown) {
    if (thrown instanceof IntegrationError) return thrown
    throw thrown
  }
}

function standIn(role: RoleName, name: string): string {
  switch (role) {
    case 'sequence':
      return `<sequence xmlns="${SYNAPSE}" name="${name}"><log/></sequence>`
    case 'endpoint':
      return `<endpoint xmlns="${SYNAPSE}" name="${name}"><address uri="http://back-end/"/></endpoint>`
    case 'message-store':
      return `<messageStore xmlns="${SYNAPSE}" name="${name}" class="org.apache.synapse.message.store.impl.memory.InMemoryStore"/>`
    case 'template':
      return `<template xmlns="${SYNAPSE}" name="${name}"><parameter name="what"/><parameter name="whom"/><parameter name="by"/><sequence><log/></sequence></template>`
    default:
      throw new TypeError(`an example refers to the ${role} ${name}: say here what stands in for it`)
  }
}
