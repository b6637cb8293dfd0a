import type { AnySchema, Options, ValidateFunction } from 'ajv'
import { Overrun, within } from '../../kernel/deadline.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import { guardedRegExp } from '../../kernel/guarded-regex.ts'

export interface JsonSchema {
  /** What is wrong with a value, in the order found; empty for a valid one. */
  problemsOf(value: unknown): readonly string[]
}

interface Engine {
  compile(schema: AnySchema): ValidateFunction
}

/** Patterns with a deadline each. The package asks for source code only where it writes files. */
const regExp = Object.assign((pattern: string, flags: string) => guardedRegExp(pattern, flags), { code: 'RegExp' })

/** Without `allErrors`: a hostile document could make the list, and the time for it, as long as it likes. */
const OPTIONS: Options = {
  strict: false,
  validateFormats: false,
  allErrors: false,
  logger: false,
  code: { regExp },
}

/** Milliseconds one document may take. Nothing else of the server runs during them. */
const LONGEST = 2000

/** What may take more than the size of the document: every item beside every other, the same part again and again. */
const WATCHED = /"(?:uniqueItems|pattern|patternProperties|contains|\$ref|\$dynamicRef|\$recursiveRef)"/

/**
 * Compiles a schema of the draft that its `$schema` names; Synapse takes one that names none for draft 04. Schemas come
 * from artifacts, never from messages: the package makes code of them.
 */
export async function compileJsonSchema(text: string, key: string): Promise<JsonSchema> {
  try {
    const schema = JSON.parse(text) as AnySchema
    // Made anew for each schema: identifiers of different schemas may be the same.
    const validate = (await engineFor(schema)).compile(schema)
    const problemsOf = (value: unknown): string[] => (validate(value) ? [] : (validate.errors ?? []).map(problemOf))
    if (!WATCHED.test(text)) return { problemsOf }
    return { problemsOf: value => inTime(key, () => problemsOf(value)) }
  } catch (cause) {
    throw new IntegrationError('MEDIATION_FAILED', `the JSON schema ${key} cannot be used: ${textOf(cause)}`, { cause })
  }
}

function inTime<T>(key: string, work: () => T): T {
  try {
    return within(LONGEST, work)
  } catch (thrown) {
    if (!(thrown instanceof Overrun)) throw thrown
    const text = `checking the message by the JSON schema ${key} was given up after ${LONGEST} ms`
    throw new IntegrationError('MEDIATION_FAILED', text, { cause: thrown })
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
