import { createHash } from 'node:crypto'
import { envelopeView } from '../../codecs/envelope.ts'
import { jsonView } from '../../codecs/json.ts'
import { parseJson } from '../../codecs/json-text.ts'
import { plainJson } from '../../codecs/plain-json.ts'
import { compileJsonSchema, type JsonSchema } from '../../drivers/json-schema/json-schema.ts'
import { compileXmlSchema, type XmlSchema } from '../../drivers/xml-schema/xml-schema.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Expression, Outcome } from '../../kernel/contracts.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import {
  attr,
  child,
  children,
  defineMediator,
  dynamicNeedsBody,
  dynamicString,
  dynamicText,
  expression,
  flag,
  steps,
  text,
} from '../../schema/index.ts'
import { XmlElement } from '../../xml/tree.ts'
import { parseXml } from '../../xml/reader.ts'
import { printXml } from '../../xml/writer.ts'

const featureFields = {
  name: attr(text(), { required: true, doc: 'Name of the switch.' }),
  value: attr(text(), { required: true, doc: 'Its value.' }),
}

export default defineMediator({
  tag: 'validate',
  summary: 'Checks the message against an XML schema or a JSON schema.',
  details: `
    Without \`source\` the first element of the body is checked, or the JSON payload if the schema is JSON. A message that
    is not valid gets \`ERROR_MESSAGE\`, \`ERROR_DETAIL\` and \`ERROR_EXCEPTION\` (and no \`ERROR_CODE\`), runs \`<on-fail>\`,
    and **goes on after \`</validate>\`** unless \`<on-fail>\` ended it with \`respond\`, \`send\` or \`drop\`. A schema that is
    missing or broken is a fault. XML schemas need the package \`libxml2-wasm\`; what they include or import has to be
    named as \`<resource>\`. JSON schemas are of the draft they name in \`$schema\`, draft 04 without.`,
  fields: {
    source: attr(expression(), { doc: 'What to check.' }),
    cacheSchema: attr(flag(), {
      name: 'cache-schema',
      fallback: true,
      doc: 'Keeps compiled schemas; they are compiled again when their text has changed.',
    }),
    schemas: children(
      'schema',
      { key: attr(dynamicText(), { required: true, doc: 'Local entry or registry resource with the schema.' }) },
      { min: 1, doc: 'The schema; several are taken together.' },
    ),
    resources: children(
      'resource',
      {
        location: attr(text(), { required: true, doc: 'As the schema writes it in `schemaLocation`.' }),
        key: attr(text(), { required: true, doc: 'Local entry or registry resource with the document.' }),
      },
      { doc: 'What the schemas include or import.' },
    ),
    properties: children('property', featureFields, { doc: 'Switches of the Java validator; without effect.' }),
    features: children('feature', featureFields, { doc: 'Switches of the Java validator; without effect.' }),
    onFail: child(
      'on-fail',
      { steps: steps({ doc: 'What to do with a message that is not valid.' }) },
      { required: true, doc: 'Runs if the message is not valid.' },
    ),
  },
  examples: [
    {
      title: 'Refuse what is not valid',
      xml: `<validate><schema key="conf:/order.xsd"/><on-fail><makefault response="true"><code xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" value="s:Client"/><reason expression="get-property('ERROR_MESSAGE')"/></makefault><respond/></on-fail></validate>`,
    },
    {
      title: 'A part of a JSON message',
      xml: `<validate source="json-eval($.order)"><schema key="conf:/order.json"/><on-fail><drop/></on-fail></validate>`,
    },
  ],
  check({ onFail, properties, features }, site) {
    const { offset } = site.element
    if (onFail !== undefined && onFail.steps.length === 0)
      site.error('missing', '<on-fail> is empty', offset, 'Say what to do with a message that is not valid.')
    if (properties.length + features.length > 0)
      site.hint('no-effect', '<property> and <feature> of <validate> have no effect', offset, 'They are for Java.')
  },
  create({ source, cacheSchema, schemas, resources, onFail }, env) {
    const whenInvalid = env.flow(onFail!.steps)
    const known = new KnownSchemas(cacheSchema ? MOST_KNOWN : 0)
    const judge = (schema: Schema, ctx: MessageContext): Outcome | Promise<Outcome> => {
      const problems = schema.kind === 'json' ? jsonProblems(schema, source, ctx) : xmlProblems(schema, source, ctx)
      if (problems.length === 0) return 'next'
      noteProblems(problems, ctx)
      return whenInvalid.mediate(ctx)
    }
    const check = (schema: Schema, ctx: MessageContext): Outcome | Promise<Outcome> => {
      if (cacheSchema) return judge(schema, ctx)
      try {
        return judge(schema, ctx)
      } finally {
        schema[Symbol.dispose]()
      }
    }
    return {
      // The body is always looked into, unless it is something else that is checked.
      needsBody: source === undefined || source.needsBody || schemas.some(({ key }) => dynamicNeedsBody(key)),
      mediate(ctx) {
        const sources = schemas.map(({ key }) => {
          const name = dynamicString(key, ctx)
          return { key: name, text: ctx.runtime.get({ role: 'local-entry', name, at: env.at }).text() }
        })
        // One that is not there is missed only by a schema that includes it.
        const included = resources.flatMap(({ location, key }) => {
          const entry = ctx.runtime.find('local-entry', key)
          return entry ? [[location, entry.text()] as const] : []
        })
        const schema = known.get(sources, included)
        return schema instanceof Promise ? schema.then(made => check(made, ctx)) : check(schema, ctx)
      },
    }
  },
})

interface Entry {
  readonly key: string
  readonly text: string
}

type Schema = ({ readonly kind: 'json' } & JsonSchema & Disposable) | ({ readonly kind: 'xml' } & XmlSchema)

/** Compiled schemas a mediator keeps: more than one only where the key is computed. */
const MOST_KNOWN = 16

/** Compiled schemas by the digest of their texts; the one not used for longest goes first. */
class KnownSchemas {
  readonly #limit: number
  readonly #byDigest = new Map<string, Schema | Promise<Schema>>()
  /** The texts met last, so that the same ones need no digest. */
  #last: { readonly texts: readonly string[]; readonly digest: string } | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  get(
    sources: readonly Entry[],
    included: readonly (readonly [location: string, text: string])[],
  ): Schema | Promise<Schema> {
    if (this.#limit === 0) return compileSchema(sources, included)
    const digest = this.#digestOf([...sources.map(({ text }) => text), ...included.flat()])
    const found = this.#byDigest.get(digest)
    if (found) {
      if (this.#byDigest.size > 1) this.#put(digest, found)
      return found
    }
    const compiling = compileSchema(sources, included).then(
      schema => {
        this.#put(digest, schema)
        return schema
      },
      (thrown: unknown) => {
        this.#byDigest.delete(digest)
        throw thrown
      },
    )
    this.#byDigest.set(digest, compiling)
    return compiling
  }

  #put(digest: string, schema: Schema | Promise<Schema>): void {
    this.#byDigest.delete(digest)
    this.#byDigest.set(digest, schema)
    if (this.#byDigest.size <= this.#limit) return
    const [oldest, first] = this.#byDigest.entries().next().value!
    if (first instanceof Promise) return
    this.#byDigest.delete(oldest)
    first[Symbol.dispose]()
  }

  #digestOf(texts: readonly string[]): string {
    const last = this.#last
    if (last && last.texts.length === texts.length && last.texts.every((text, index) => text === texts[index]))
      return last.digest
    const hash = createHash('sha256')
    for (const text of texts) hash.update(`${text.length}:${text}`)
    const digest = hash.digest('base64')
    this.#last = { texts, digest }
    return digest
  }
}

async function compileSchema(
  sources: readonly Entry[],
  included: readonly (readonly [location: string, text: string])[],
): Promise<Schema> {
  const [first] = sources
  if (/^\s*\{/.test(first!.text)) {
    if (sources.length > 1) {
      throw new IntegrationError(
        'MEDIATION_FAILED',
        'a message is checked against one JSON schema; use one <validate> for each',
      )
    }
    return { kind: 'json', ...(await compileJsonSchema(first!.text, first!.key)), [Symbol.dispose]: () => undefined }
  }
  const schemas = sources.map(({ key, text: given }) => ({ key, text: given, targetNamespace: targetOf(given, key) }))
  return { kind: 'xml', ...(await compileXmlSchema(schemas, new Map(included))) }
}

function targetOf(schema: string, key: string): string {
  try {
    return parseXml(schema).root.attribute('targetNamespace') ?? ''
  } catch (cause) {
    throw new IntegrationError('MEDIATION_FAILED', `the schema ${key} is neither XML nor JSON: ${textOf(cause)}`, {
      cause,
    })
  }
}

function xmlProblems(schema: XmlSchema, source: Expression | undefined, ctx: MessageContext): readonly string[] {
  const element = source ? elementOf(source.value(ctx)) : ctx.message.body.view(envelopeView).firstChild
  if (!element) {
    const what = source ? `the expression ${source.source} selects` : 'the body has'
    throw new IntegrationError('MEDIATION_FAILED', `there is nothing to validate: ${what} no element`)
  }
  return schema.problemsOf(printXml(element))
}

function elementOf(value: unknown): XmlElement | undefined {
  const nodes = Array.isArray(value) ? (value as unknown[]) : [value]
  return nodes.find(node => node instanceof XmlElement)
}

function jsonProblems(schema: JsonSchema, source: Expression | undefined, ctx: MessageContext): readonly string[] {
  const value = source ? source.value(ctx) : ctx.message.body.view(jsonView).value
  if (value === undefined)
    return [source ? `the expression ${source.source} selects nothing` : 'the message has no payload']
  return schema.problemsOf(plainJson(jsonOf(value)))
}

/** JSON kept as a text in a property counts as what it says. */
function jsonOf(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value
  try {
    return parseJson(value).value
  } catch {
    return value
  }
}

/** The properties of a fault, without the code (trap H26). */
function noteProblems(problems: readonly string[], { properties }: MessageContext): void {
  const detail = problems.join('\n')
  properties.set('ERROR_MESSAGE', problems[0])
  properties.set('ERROR_DETAIL', detail)
  properties.set('ERROR_EXCEPTION', `the message is not valid: ${detail}`)
}
