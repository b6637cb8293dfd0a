import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maskText, maskValue, maskXml, namesSecret } from './secrets.ts'

test('names of secrets are recognised however they are spelt', () => {
  const secret = [
    'password',
    'store.jms.password',
    'keyPassword',
    'client_secret',
    'AccessToken',
    'api-key',
    'Authorization',
  ]
  for (const name of secret) assert.equal(namesSecret(name), true, name)
  for (const name of ['token_expiry', 'password_file', 'user', 'keyboard', 'store'])
    assert.equal(namesSecret(name), false, name)
})

test('a password inside a URL or a query is masked and the rest stays readable', () => {
  assert.equal(maskText('amqp://ship:hunter2@broker:5672/x'), 'amqp://ship:*****@broker:5672/x')
  assert.equal(maskText('GET /a?x=1&access_token=abc&y=2'), 'GET /a?x=1&access_token=*****&y=2')
  assert.equal(maskText('http://host:9000/services'), 'http://host:9000/services')
  assert.equal(maskValue('store.jms.password', 'hunter2'), '*****')
  assert.equal(maskValue('store.jms.username', 'ship'), 'ship')
})

test('secrets in an artifact are masked as text, as attribute and as a name with a value', () => {
  const masked = maskXml(
    '<a password="one"><parameter name="store.jms.password">two</parameter><property name="token" value="three"/><property value=\'four\' name="token"/>' +
      '<parameter name="store.jms.username">ship</parameter></a>',
  )
  for (const secret of ['one', 'two', 'three', 'four']) assert.ok(!masked.includes(secret), masked)
  assert.ok(masked.includes('<parameter name="store.jms.username">ship</parameter>'))
})

test('masking a large text takes no more than linear time', () => {
  const nasty = `${'a.'.repeat(500_000)}@://${'?token'.repeat(100_000)}`
  const started = performance.now()
  maskText(nasty)
  assert.ok(performance.now() - started < 5000)
})
