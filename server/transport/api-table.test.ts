import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Api } from '../kernel/contracts.ts'
import { fakeRegistry } from '../testing/fake-registry.ts'
import { ApiTable } from './api-table.ts'

function api(prefix: string, accepts = true): Api {
  const rest = { context: prefix, version: '', resources: [], accepts: () => accepts }
  return { ...rest, name: `api ${prefix}`, prefix, route: () => assert.fail() }
}

function found(apis: readonly Api[], url: string): string | undefined {
  const request = { method: 'GET', url, scheme: 'http', header: () => undefined } as const
  return new ApiTable(fakeRegistry({ api: apis })).find(request)?.prefix
}

test('the longest prefix wins, and a prefix ends where a segment does', () => {
  const apis = [api('/shop'), api('/shop/old'), api('/shop/old/v1')]
  assert.equal(found(apis, '/shop/old/v1/x'), '/shop/old/v1')
  assert.equal(found(apis, '/shop/old/v12'), '/shop/old')
  assert.equal(found(apis, '/shop?x=/shop/old'), '/shop')
  assert.equal(found(apis, '/shopping'), undefined)
})

test('an API that does not want the request leaves it to the next', () => {
  assert.equal(found([api('/shop/a', false), api('/shop')], '/shop/a'), '/shop')
})

test('an API at the root takes what no other does, but not the page of services', () => {
  const apis = [api(''), api('/shop')]
  assert.equal(found(apis, '/anything'), '')
  assert.equal(found(apis, '/shop/1'), '/shop')
  assert.equal(found(apis, '/services/'), undefined)
  assert.equal(found(apis, '/services/x'), '')
})
