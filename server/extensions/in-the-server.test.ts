import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppRig } from '../testing/app-rig.ts'

const PROXY = `<proxy xmlns="http://ws.apache.org/ns/synapse" name="Price">
  <target><inSequence><class name="com.acme.Discount"><property name="percent" value="10"/></class><respond/></inSequence></target>
</proxy>`

const MODULE = `export function mediate(ctx, { percent }) {
  const order = ctx.json()
  order.total *= 1 - percent / 100
  ctx.setJson(order)
}
`

async function priceAt(rig: AppRig): Promise<string> {
  return (await rig.post('/services/Price', '{"total":100}', 'application/json')).text
}

test('a class without a module is a warning and a fault, and heals when the module comes; an edited one runs at once', async () => {
  await using rig = await AppRig.start({ 'price.xml': PROXY })
  const warning =
    'price.xml:2:23: <class name="com.acme.Discount">: com.acme.Discount is Java, which cannot run here, and no extension is registered under that name; put com.acme.Discount.mjs with a function mediate(ctx, properties) into HOME/extensions. A message that gets here is a fault until then.'
  assert.deepEqual(rig.diagnostics, [warning])
  assert.match(await priceAt(rig), /com\.acme\.Discount is Java/)

  await rig.write('extensions/com.acme.Discount.mjs', MODULE)
  await rig.says()
  assert.equal(await priceAt(rig), '{"total":90}')

  await rig.write('extensions/com.acme.Discount.mjs', `${MODULE.replace('100', '200')}// edited\n`)
  while ((await priceAt(rig)) !== '{"total":95}');

  await rig.write('extensions/com.acme.Discount.mjs', 'export function mediate( {')
  while (rig.diagnostics.length === 0) await new Promise(setImmediate)
  assert.match(
    rig.diagnostics[0]!,
    /^extensions\/com\.acme\.Discount\.mjs:1:1: the extension cannot be loaded: .*What it was before stays in service/,
  )
  assert.equal(await priceAt(rig), '{"total":95}')

  await rig.remove('extensions/com.acme.Discount.mjs')
  await rig.says(warning)
})

test('what a module throws is told with its file, line and column', async () => {
  await using rig = await AppRig.start({
    'price.xml': PROXY,
    'extensions/com.acme.Discount.mjs':
      'export function mediate(ctx) {\n  const order = ctx.json()\n  order.lines.push(1)\n}\n',
  })
  assert.match(
    await priceAt(rig),
    /the extension com\.acme\.Discount \(extensions\/com\.acme\.Discount\.mjs\) failed: Cannot read properties of undefined .*\(line 3, column 15\)/,
  )
})
