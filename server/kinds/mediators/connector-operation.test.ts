import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExtensionContext, ExtensionProperties } from '../../extensions/api.ts'
import { extensionsOf } from '../../testing/extension-rig.ts'
import { decode, diagnosticsOf, fakeServices, faultOf, mediate, SYNAPSE } from '../../testing/rig.ts'

const QUERY = `<salesforce.query configKey="sf"><batchSize>200</batchSize><queryString>{get-property('q')}</queryString><payload>{"a": 1}</payload><fields><f xmlns="">Id</f></fields></salesforce.query>`

test('an operation nobody stands for is deployed with a warning that names connector, operation and file', () => {
  const xml = `<sequence name="s" xmlns="${SYNAPSE}"><salesforce.init><u>x</u></salesforce.init>\n${QUERY}</sequence>`
  const said = diagnosticsOf(xml, { hasExtension: name => name === 'salesforce.init' })
  assert.deepEqual(
    said.map(({ severity, code, at }) => [severity, code, at.line]),
    [['warning', 'extension-missing', 2]],
  )
  assert.match(
    said[0]!.message,
    /^<salesforce\.query> needs the connector "salesforce": .* put salesforce\.query\.mjs with/,
  )
})

test('a message that gets there is a fault that says the same', async () => {
  const fault = await faultOf(mediate(QUERY))
  assert.equal(fault.code, 'EXTENSION_MISSING')
  assert.match(fault.message, /^<salesforce\.query> needs the connector "salesforce"/)
})

test('an extension under the name of the operation gets its parameters, expressions evaluated, JSON and XML as they are', async () => {
  const seen: ExtensionProperties[] = []
  const services = fakeServices({
    extensions: extensionsOf({
      'salesforce.query': {
        mediate(ctx: ExtensionContext, properties: ExtensionProperties) {
          seen.push(properties)
          ctx.setJson([{ Id: 1 }])
        },
      },
    }),
  })
  await mediate(QUERY, { properties: { q: 'select Id' } }, services)
  assert.deepEqual(seen, [
    {
      configKey: 'sf',
      batchSize: '200',
      queryString: 'select Id',
      payload: '{"a": 1}',
      fields: `<fields xmlns="${SYNAPSE}"><f xmlns="">Id</f></fields>`,
    },
  ])
})

test('the import of a library is no artifact: a hint says where what is missing is told', () => {
  const { artifacts, diagnostics } = decode(
    `<import xmlns="${SYNAPSE}" name="salesforce" package="org.wso2.carbon.connector" status="enabled"/>`,
  )
  assert.equal(artifacts.length, 0)
  assert.deepEqual(
    diagnostics.map(({ severity, code }) => [severity, code]),
    [['hint', 'no-effect']],
  )
})
