import type { AnySchema, Options, ValidateFunction } from 'ajv'
import { IntegrationError, textOf } from '../../kernel/errors.ts'

export interface JsonSchema {
  /** What is wrong with a value, in the order found; empty for a valid one. */
  problemsOf(value: unknown): readonly string[]
}

interface Engine {
  compile(schema: AnySchema): ValidateFunction
}

/** Without `allErrors`: a hostile document could make the list, and the time for it, as long as it likes. */
const OPTIONS: Options = { strict: false, validateFormats: false, allErrors: false, logger: false }

/**
 * Compiles a schema of the draft that its `$schema` names; Synapse takes one that names none for draft 04. Schemas come
 * from artifacts, never from messages: the package makes code of them.
 */
export async function compileJsonSchema(text: string, key: string): Promise<JsonSchema> {
  try {
    const schema = JSON.parse(text) as AnySchema
    // Made anew for each schema: identifiers of different schemas may be the same.
    const validate = (await engineFor(schema)).compile(schema)
    return { problemsOf: value => (validate(value) ? [] : (validate.errors ?? []).map(problemOf)) }
  } catch (cause) {
    throw new IntegrationError('MEDIATION_FAILED', `the JSON schema ${key} cannot be used: ${textOf(cause)}`, { cause })
  }
}

async function engineFor(schema: AnySchema): Promise<Engine> {
  const named = typeof schema === 'object' && '$schema' in schema ? String(schema['$schema']) : ''
  if (named.includes('2020-12')) return new (await import('ajv/dist/2020.js')).Ajv2020(OPTIONS)
  if (named.includes('2019-09')) return new (await import('ajv/dist/2019.js')).Ajv2019(OPTIONS)
  if (named.includes('draft-07') || named.includes('draft-06')) {
    const { Ajv } = await import('ajv')
    const engine = new Ajv(OPTIONS)
    if (named.includes('draft-06')) engine.addMetaSchema(draft06)
    return engine
  }
  const { default: draft04 } = await import('ajv-draft-04')
  return new draft04.default(OPTIONS)
}

/** Draft 07 only adds to draft 06, so that its rules serve for both. */
const draft06 = { $id: 'http://json-schema.org/draft-06/schema#', type: ['object', 'boolean'] }

function problemOf({ instancePath, message, params }: NonNullable<ValidateFunction['errors']>[number]): string {
  const where = instancePath === '' ? '' : `${instancePath} `
  const { allowedValues, additionalProperty } = params as { allowedValues?: unknown; additionalProperty?: unknown }
  const detail = allowedValues ?? additionalProperty
  return `${where}${message ?? 'is not valid'}${detail === undefined ? '' : `: ${JSON.stringify(detail)}`}`
}
