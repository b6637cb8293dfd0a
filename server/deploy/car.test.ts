import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { testDecodeEnv } from '../testing/rig.ts'
import { tempFolder } from '../testing/temp-folder.ts'
import { zip } from '../testing/zip.ts'
import { readCar } from './car.ts'
import { Loader } from './loader.ts'

const NS = 'xmlns="http://ws.apache.org/ns/synapse"'
const application = (...dependencies: string[]): string =>
  `<artifacts><artifact name="app" version="1.0.0" type="carbon/application">${dependencies
    .map(name => `<dependency artifact="${name}" version="1.0.0" include="true" serverRole="EnterpriseServiceBus"/>`)
    .join('')}</artifact></artifacts>`
const member = (name: string, type: string, file: string): string =>
  `<artifact name="${name}" version="1.0.0" type="${type}" serverRole="EnterpriseServiceBus"><file>${file}</file></artifact>`

const GOOD = {
  'artifacts.xml': application('Orders', 'Xslt', 'Lib'),
  'Orders_1.0.0/artifact.xml': member('Orders', 'synapse/sequence', 'Orders-1.0.0.xml'),
  'Orders_1.0.0/Orders-1.0.0.xml': `<sequence ${NS} name="Orders"><drop/></sequence>`,
  'Xslt_1.0.0/artifact.xml': member('Xslt', 'registry/resource', 'registry-info.xml'),
  'Xslt_1.0.0/registry-info.xml':
    '<resources><item><file>t.xslt</file><path>/_system/governance/xslt</path><mediaType>application/xslt+xml</mediaType><properties><property key="owner" value="joe"/></properties></item></resources>',
  'Xslt_1.0.0/resources/t.xslt': '<x/>',
  'Lib_1.0.0/artifact.xml': member('Lib', 'lib/synapse/mediator', 'lib.jar'),
}

test('an application brings artifacts and registry resources; what is for Java is said to be skipped', async () => {
  const { artifacts, resources, diagnostics } = await readCar(zip(GOOD), 'app.car')
  assert.deepEqual(
    artifacts.map(({ path }) => path),
    ['Orders_1.0.0/Orders-1.0.0.xml'],
  )
  assert.deepEqual([...resources.keys()], ['/_system/governance/xslt/t.xslt'])
  const sheet = resources.get('/_system/governance/xslt/t.xslt')!
  assert.deepEqual([sheet.contentType, ...sheet.properties!], ['application/xslt+xml', ['owner', 'joe']])
  assert.deepEqual(
    diagnostics.map(({ severity, message, at }) => [severity, message, at.file]),
    [['hint', 'Lib of type lib/synapse/mediator is skipped', 'app.car/Lib_1.0.0/artifact.xml']],
  )
})

test('an application with a part missing, and what is no archive, are refused by name', async () => {
  const { 'Orders_1.0.0/artifact.xml': _gone, ...incomplete } = GOOD
  const [missing] = (await readCar(zip(incomplete), 'app.car')).diagnostics
  assert.match(missing!.message, /Some dependencies were not satisfied in cApp: Orders 1\.0\.0/)
  const [broken] = (await readCar(Buffer.from('not a zip'), 'app.car')).diagnostics
  assert.match(broken!.message, /the archive cannot be used/)
  assert.equal(broken!.severity, 'error')
  const [empty] = (await readCar(zip({}), 'app.car')).diagnostics
  assert.match(empty!.message, /artifacts\.xml is missing/)
})

test('a dropped archive is deployed whole or not at all', async t => {
  const folder = await tempFolder('car-')
  t.after(() => folder[Symbol.asyncDispose]())
  const file = join(folder.path, 'app.car')
  const loader = new Loader([folder.path], testDecodeEnv())
  const look = async (files: Record<string, string>): Promise<ReturnType<Loader['load']>> => {
    await writeFile(file, zip(files))
    await loader.prepare()
    return loader.load()
  }
  const good = await look(GOOD)
  assert.deepEqual(
    good.files.flatMap(({ artifacts }) => artifacts.map(({ name, at }) => [name, at.file])),
    [['Orders', join('app.car', 'Orders_1.0.0', 'Orders-1.0.0.xml')]],
  )
  assert.equal(loader.resources.size, 1)

  const bad = await look({
    ...GOOD,
    'Orders_1.0.0/Orders-1.0.0.xml': `<sequence ${NS} name="Orders"><nonsense/></sequence>`,
  })
  assert.notEqual(bad.digest, good.digest)
  const [faulty] = bad.files
  assert.deepEqual([faulty!.file, faulty!.isFolder, faulty!.artifacts.length], ['app.car', true, 0])
  assert.ok(faulty!.diagnostics.some(({ message }) => message.includes('nonsense')))
})
