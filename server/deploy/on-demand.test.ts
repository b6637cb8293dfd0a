import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LocalEntry, MessageStore, Registry } from '../kernel/contracts.ts'
import { contextOf, fakeServices, mark, marks, memoryRegistry, testDecodeEnv } from '../testing/rig.ts'
import { memoryLog } from '../testing/memory-log.ts'
import { stored } from '../testing/store-rig.ts'
import { onDemand } from './on-demand.ts'

function rig(files: Record<string, string>) {
  const services = fakeServices({
    resources: {
      read: key =>
        files[key] === undefined ? undefined : { contentType: 'application/xml', bytes: Buffer.from(files[key]) },
    },
  })
  const log = memoryLog()
  return { find: onDemand(testDecodeEnv(), services, log), log }
}

const entry = (key: string, text: string): LocalEntry => ({ key, contentType: 'application/xml', text: () => text })
const EMPTY: Registry = memoryRegistry({})

test('a sequence kept in the registry is made when first used, and again when its text changes', async () => {
  const files: Record<string, string> = { 'conf:/s.xml': `<sequence>${mark('one')}</sequence>` }
  const { find } = rig(files)
  const first = find('sequence', 'conf:/s.xml', EMPTY)
  assert.equal(find('sequence', 'conf:/s.xml', EMPTY), first)
  files['conf:/s.xml'] = `<sequence>${mark('two')}</sequence>`
  const second = find('sequence', 'conf:/s.xml', EMPTY)
  const ctx = contextOf()
  await (second as { mediate(ctx: unknown): unknown }).mediate(ctx)
  assert.deepEqual(marks(ctx), ['mark = two'])
})

test('a local entry of that name is used before the registry', () => {
  const registry = memoryRegistry({
    'local-entry': { e: entry('e', '<endpoint><address uri="http://h/"/></endpoint>') },
  })
  const { find } = rig({})
  assert.equal((find('endpoint', 'e', registry) as { name: string }).name, 'e')
})

test('a resource is a local entry of its key; a plain name is not looked for outside', () => {
  const { find } = rig({ 'gov:/t.txt': 'text', 'a/t.txt': 'path', plain: 'text' })
  assert.equal((find('local-entry', 'gov:/t.txt', EMPTY) as LocalEntry).text(), 'text')
  assert.equal((find('local-entry', 'a/t.txt', EMPTY) as LocalEntry).text(), 'path')
  assert.equal(find('local-entry', 'plain', EMPTY), undefined)
})

test('what is there and cannot be used is told once with its place, what is not there is just missing', () => {
  const { find, log } = rig({
    'conf:/bad.xml': '<sequence><nope/></sequence>',
    'conf:/no.xml': 'not xml',
    'conf:/e.xml': '<endpoint><address uri="http://h/"/></endpoint>',
  })
  assert.equal(find('sequence', 'conf:/bad.xml', EMPTY), undefined)
  assert.equal(find('sequence', 'conf:/bad.xml', EMPTY), undefined)
  assert.equal(find('sequence', 'conf:/no.xml', EMPTY), undefined)
  assert.equal(find('sequence', 'conf:/e.xml', EMPTY), undefined)
  assert.equal(find('sequence', 'conf:/gone.xml', EMPTY), undefined)
  assert.equal(log.texts('error').length, 3)
  assert.match(
    log.texts('error')[0]!,
    /the sequence kept under the key conf:\/bad\.xml cannot be used: 1:\d+: Unknown mediator/,
  )
  assert.match(log.texts('error')[2]!, /its root is not a sequence/)
})

test('other roles are never made from text', () => {
  const { find } = rig({ 'conf:/p.xml': '<proxy name="p"><target><inSequence/></target></proxy>' })
  assert.equal(find('proxy', 'conf:/p.xml', EMPTY), undefined)
})

test('what was set aside in the journal is a store of its name, the same one each time; any other name is not', async () => {
  const services = fakeServices()
  await services.journal.queue('orders.quarantine').put('a', [...services.encode(stored('<a/>', {}, 'a'))])
  await services.journal.queue('orders').put('b', [...services.encode(stored('<b/>', {}, 'b'))])
  const find = onDemand(testDecodeEnv(), services, memoryLog())
  const store = find('message-store', 'orders.quarantine', EMPTY) as MessageStore
  assert.equal(await store.depth(), 1)
  assert.equal(find('message-store', 'orders.quarantine', EMPTY), store)
  assert.equal(find('message-store', 'orders', EMPTY), undefined)
  assert.equal(find('message-store', 'other.quarantine', EMPTY), undefined)
})
