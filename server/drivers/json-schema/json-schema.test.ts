import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileJsonSchema } from './json-schema.ts'

async function problems(schema: object, value: unknown): Promise<readonly string[]> {
  return (await compileJsonSchema(JSON.stringify(schema), 'k')).problemsOf(value)
}

test('a schema that names no draft is of draft 04, where exclusiveMinimum is a flag', async () => {
  const schema = { type: 'object', required: ['n'], properties: { n: { minimum: 1, exclusiveMinimum: true } } }
  assert.deepEqual(await problems(schema, { n: 2 }), [])
  assert.deepEqual(await problems(schema, { n: 1 }), ['/n must be > 1'])
  assert.deepEqual(await problems(schema, {}), ["must have required property 'n'"])
})

for (const draft of [
  'http://json-schema.org/draft-04/schema#',
  'http://json-schema.org/draft-06/schema#',
  'http://json-schema.org/draft-07/schema#',
  'https://json-schema.org/draft/2019-09/schema',
  'https://json-schema.org/draft/2020-12/schema',
]) {
  test(`${draft} is understood`, async () => {
    const schema = { $schema: draft, type: 'object', properties: { a: { enum: ['x'] } }, additionalProperties: false }
    assert.deepEqual(await problems(schema, { a: 'x' }), [])
    assert.deepEqual(await problems(schema, { a: 'y' }), ['/a must be equal to one of the allowed values: ["x"]'])
    assert.deepEqual(await problems(schema, { b: 1 }), ['must NOT have additional properties: "b"'])
  })
}

test('a schema that is no JSON, no schema, or refers to another document is named', async () => {
  for (const text of ['{', '{"type": "nonsense"}', '{"$ref": "other.json"}'])
    await assert.rejects(compileJsonSchema(text, 'conf:/s.json'), {
      code: 'MEDIATION_FAILED',
      message: /conf:\/s\.json/,
    })
})

test('schemas with the same identifier do not meet', async () => {
  const schema = { id: 'http://a/b', type: 'object' }
  await problems(schema, {})
  assert.equal((await problems({ ...schema, type: 'array' }, {})).length, 1)
})

test('patterns and comparisons that would stall the server are given up', async () => {
  const pattern = await compileJsonSchema('{"properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}}', 'k')
  assert.deepEqual(pattern.problemsOf({ x: 'aaa' }), [])
  assert.throws(() => pattern.problemsOf({ x: `${'a'.repeat(40)}!` }), { code: 'EXPRESSION_FAILED' })
  const names = await compileJsonSchema('{"patternProperties": {"^(a+)+$": {"type": "string"}}}', 'k')
  assert.throws(() => names.problemsOf({ [`${'a'.repeat(40)}!`]: 1 }), { code: 'EXPRESSION_FAILED' })
  const unique = await compileJsonSchema('{"uniqueItems": true}', 'k')
  assert.deepEqual(unique.problemsOf([{ a: 1 }, { a: 2 }]), [])
  const many = Array.from({ length: 300_000 }, (_, index) => ({ index }))
  assert.throws(() => unique.problemsOf(many), { message: /the JSON schema k was given up after 2000 ms/ })
})
