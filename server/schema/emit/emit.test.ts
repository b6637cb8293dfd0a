import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emitDeploymentToml } from '../../settings/emit.ts'
import { catalogue } from '../../kernel/errors.ts'
import { catalog } from '../../testing/rig.ts'
import { parseXml } from '../../xml/reader.ts'
import { descendants, type XmlElement } from '../../xml/tree.ts'
import type { ClassRole } from '../shape.ts'
import { formOf, formsOf, type Input } from './forms.ts'
import { emitJsonSchema } from './json-schema.ts'
import { emitKindsList, isKindFile } from './kinds-list.ts'
import { emitPages } from './pages.ts'
import { emitXsd } from './xsd.ts'

const XS = 'http://www.w3.org/2001/XMLSchema'
const schema = parseXml(emitXsd(catalog)).root
const elements = [...descendants(schema)].filter((node): node is XmlElement => node.kind === 'element')
const named = (local: string, name: string): XmlElement | undefined =>
  schema.childElements.find(element => element.is(local, XS) && element.attribute('name') === name)

test('everything the XML schema refers to is defined in it', () => {
  for (const element of elements) {
    const type = element.attribute('type')
    if (type !== undefined && !type.startsWith('xs:')) {
      assert.ok(named('complexType', type) ?? named('simpleType', type), `type ${type}`)
    }
    const ref = element.attribute('ref')
    if (ref !== undefined) assert.ok(named(element.local, ref), `${element.local} ${ref}`)
  }
})

test('no name is defined twice, and no element can mean two things in one place', () => {
  const top = schema.childElements.map(element => `${element.local} ${element.attribute('name')}`)
  assert.equal(new Set(top).size, top.length)
  const groups = new Map(
    schema.childElements
      .filter(({ local }) => local === 'group')
      .map(group => [group.attribute('name')!, group.firstElement!.childElements.map(one => one.attribute('name')!)]),
  )
  for (const element of elements.filter(({ local }) => local === 'choice')) {
    const names = element.childElements.flatMap(child =>
      child.local === 'group'
        ? groups.get(child.attribute('ref')!)!
        : [child.attribute('name') ?? child.attribute('ref') ?? `any ${child.attribute('namespace')}`],
    )
    assert.equal(new Set(names).size, names.length, names.join(', '))
  }
  for (const element of elements) {
    const attributes = element.childElements
      .filter(({ local }) => local === 'attribute')
      .map(child => child.attribute('name'))
    assert.equal(new Set(attributes).size, attributes.length)
  }
})

test('defaults in the XML schema are among the values listed beside them', () => {
  for (const attribute of elements.filter(({ local }) => local === 'attribute')) {
    const fallback = attribute.attribute('default')
    const listed = [...descendants(attribute)].filter(
      (node): node is XmlElement => node.kind === 'element' && node.local === 'enumeration',
    )
    if (fallback === undefined || listed.length === 0) continue
    assert.ok(
      listed.some(value => value.attribute('value') === fallback),
      `${attribute.attribute('name')}: ${fallback}`,
    )
  }
})

const ARTIFACT_OF: Readonly<Record<ClassRole, string>> = {
  'message-store': 'artifact-messageStore',
  'message-processor': 'artifact-messageProcessor',
  'inbound-endpoint': 'artifact-inboundEndpoint',
}

test('every kind is in the XML schema under its element, classes are listed where they can be written', () => {
  for (const kind of catalog.walk()) {
    if ('classes' in kind) {
      const text = [...descendants(named('complexType', ARTIFACT_OF[kind.role])!)].flatMap(node =>
        node.kind === 'element' ? [node.attribute('value') ?? ''] : [],
      )
      for (const name of kind.classes) if (name !== '') assert.ok(text.includes(name), name)
    } else assert.ok(named('complexType', `${'nameAttribute' in kind ? 'artifact' : kind.role}-${kind.tag}`), kind.tag)
  }
})

test('everything the JSON schema refers to is defined in it, and every kind is there', () => {
  const json = emitJsonSchema(catalog)
  const { $defs } = JSON.parse(json) as { $defs: Record<string, unknown> }
  for (const [, name] of json.matchAll(/"\$ref": "#\/\$defs\/([^"]+)"/g)) assert.ok($defs[name!], name)
  assert.ok($defs['mediator.log'])
  assert.ok($defs['message-store.memory'])
  assert.equal(Object.keys($defs).length, catalog.walk().length + 2)
})

test('every kind has a page, every page is linked, and every link leads somewhere', () => {
  const pages = emitPages(catalog)
  const index = pages.get('index.md')!
  const linked = [...index.matchAll(/\]\(([^)]+)\)/g)].map(([, path]) => path!)
  assert.deepEqual([...pages.keys()].filter(path => path !== 'index.md').sort(), [...new Set(linked)].sort())
  assert.match(pages.get('mediators/property.md')!, /\| `scope` \| one of default, axis2, .* \| `default` \|/)
  assert.match(pages.get('stores/memory.md')!, /\| no \| yes \| yes \| no \|/)
})

test('the page of error codes has each code with its number', () => {
  const page = emitPages(catalog).get('errors.md')!
  for (const [code, { errorCode }] of Object.entries(catalogue))
    assert.ok(page.includes(`| \`${code}\` | ${errorCode} |`), code)
})

test('every table of a page has as many cells in each row', () => {
  for (const [path, text] of emitPages(catalog)) {
    let width = 0
    for (const line of text.split('\n')) {
      const cells = line.startsWith('|') ? line.replaceAll('\\|', '').split('|').length : 0
      if (width > 0 && cells > 0) assert.equal(cells, width, `${path}: ${line}`)
      width = cells
    }
  }
})

test('a form shows each field by what it holds', () => {
  const input = (tag: string, name: string): Input | undefined =>
    formOf(catalog.mediator(tag)!).inputs.find(one => one.name === name)
  assert.deepEqual(input('log', 'logMessageID'), {
    input: 'value',
    name: 'logMessageID',
    place: 'attribute',
    widget: 'switch',
    doc: 'Puts the message id in front of a custom line.',
    required: false,
    folded: false,
    placeholder: 'false',
    options: ['true', 'false'],
  })
  const widget = (tag: string, name: string): string | undefined => {
    const found = input(tag, name)
    return found?.input === 'value' ? found.widget : found?.input
  }
  assert.deepEqual(
    [
      widget('log', 'level'),
      widget('store', 'messageStore'),
      widget('property', 'group'),
      widget('filter', 'xpath'),
      widget('filter', 'steps'),
      widget('filter', 'then'),
      widget('property', 'source'),
      widget('send', 'endpoint'),
    ],
    ['options', 'picker', 'number', 'expression', 'steps', 'group', 'choice', 'endpoint'],
  )
  const store = input('store', 'messageStore')
  assert.equal(store?.input === 'value' && store.role, 'message-store')
})

test('there is a form for every kind; what has no effect is folded away with the reason', () => {
  const forms = formsOf(catalog)
  assert.equal(new Set(forms.map(({ id }) => id)).size, catalog.walk().length)
  const call = forms.find(({ id }) => id === 'mediator/call')!
  const old = call.inputs.find(({ name }) => name === 'initAxis2ClientOptions')
  assert.ok(old?.input === 'value' && old.folded && old.warning === 'There is no Axis2 client here.')
})

test('the list of kinds is made from file names alone, sorted, tests left out', () => {
  assert.deepEqual(['mediators/log.ts', 'mediators/log.test.ts', 'all.ts', 'stores/x/y.ts'].filter(isKindFile), [
    'mediators/log.ts',
  ])
  const lines = emitKindsList(['stores/memory.ts', 'endpoint-layers/retry-config.ts']).split('\n')
  assert.deepEqual(lines.slice(1, 3), [
    "import endpointLayersRetryConfig from './endpoint-layers/retry-config.ts'",
    "import storesMemory from './stores/memory.ts'",
  ])
})

test('generated files say in their first line how they are made', () => {
  for (const text of [emitKindsList([]), emitDeploymentToml(), ...emitPages(catalog).values()])
    assert.match(text.split('\n')[0]!, /npm run generate/)
  assert.match(emitXsd(catalog).split('\n')[1]!, /npm run generate/)
  assert.match(emitJsonSchema(catalog).split('\n')[2]!, /npm run generate/)
})
