import assert from 'node:assert/strict'
import { test } from 'node:test'
import { build, fakeServices, mediate, memoryRegistry, placesOf } from '../../testing/rig.ts'

test('text is kept without the white space around it, XML as it is', () => {
  const text = build('local-entry', '<localEntry key="k">\n  hello there \n</localEntry>')
  assert.deepEqual([text.text(), text.contentType, text.key], ['hello there', 'text/plain', 'k'])
  const xml = build(
    'local-entry',
    '<localEntry key="k" xmlns="http://ws.apache.org/ns/synapse">\n <a xmlns=""><b>1</b></a></localEntry>',
  )
  assert.deepEqual([xml.text(), xml.contentType], ['<a><b>1</b></a>', 'application/xml'])
})

test('XML keeps the prefixes it needs from outside', () => {
  const entry = build('local-entry', '<localEntry key="k" xmlns:m="urn:m"><m:a m:b="1"/></localEntry>')
  assert.match(entry.text(), /^<m:a xmlns:m="urn:m" m:b="1"\/>$/)
})

test('a source outside is read when it is first asked for, and once', () => {
  const asked: string[] = []
  const read = (key: string) => (asked.push(key), { contentType: 'application/json', bytes: Buffer.from('{"a":1}') })
  const entry = build(
    'local-entry',
    '<localEntry key="k" src="file:conf/a.json"/>',
    fakeServices({ resources: { read } }),
  )
  assert.deepEqual(asked, [])
  assert.deepEqual([entry.text(), entry.contentType, entry.text()], ['{"a":1}', 'application/json', '{"a":1}'])
  assert.deepEqual(asked, ['file:conf/a.json'])
})

test('a source that is not there is a fault when it is needed, and heals', () => {
  let there = false
  const read = () => (there ? { contentType: 'text/plain', bytes: Buffer.from('now') } : undefined)
  const entry = build('local-entry', '<localEntry key="k" src="gov:/x.txt"/>', fakeServices({ resources: { read } }))
  assert.throws(() => entry.text(), { code: 'ENTRY_UNKNOWN', message: /k refers to "gov:\/x\.txt"/ })
  there = true
  assert.equal(entry.text(), 'now')
})

test('a property that nobody set is looked for among the entries (trap H14)', async () => {
  const entry = build('local-entry', '<localEntry key="greet">hello</localEntry>')
  const runtime = memoryRegistry({ 'local-entry': { greet: entry } })
  const { ctx } = await mediate(`<property name="p" expression="get-property('greet')"/>`, { runtime })
  assert.equal(ctx.properties.get('p'), 'hello')
})

test('a key is needed, and only one kind of content', () => {
  assert.ok(placesOf('<localEntry>x</localEntry>').includes('1:1 missing'))
  assert.deepEqual(placesOf('<localEntry key="k" src="file:a"><a xmlns=""/></localEntry>'), ['1:1 one-too-many'])
})
