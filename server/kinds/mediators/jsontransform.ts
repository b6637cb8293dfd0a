import { jsonView } from '../../codecs/json.ts'
import { jsonToXml, xmlToJson, type JsonRules } from '../../codecs/json-xml.ts'
import { correctTypes } from '../../codecs/json-types.ts'
import { setMessageType } from '../../codecs/payloads.ts'
import { plainJson } from '../../codecs/plain-json.ts'
import { compileJsonSchema, type JsonSchema } from '../../drivers/json-schema/json-schema.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Outcome } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { guardedRegExp } from '../../kernel/guarded-regex.ts'
import { attr, children, defineMediator, dynamicString, dynamicText, text } from '../../schema/index.ts'

const PREFIX = 'synapse.commons.'
const PRIMITIVES = `${PREFIX}json.output.autoPrimitive`
const KEEP_QUOTES = `${PREFIX}json.output.disableAutoPrimitive.regex`
const EMPTY_TEXT = `${PREFIX}json.output.emptyXmlElemToEmptyStr`
const EMPTY_NULL = `${PREFIX}enableXmlNullForEmptyElement`
const KNOWN = [PRIMITIVES, KEEP_QUOTES, EMPTY_TEXT, EMPTY_NULL]

export default defineMediator({
  tag: 'jsontransform',
  summary: 'Makes JSON of the body by other rules than usual, or with the types a schema asks for.',
  details: `
    Properties are the switches of JSON made from XML: \`${PRIMITIVES}\`, \`${KEEP_QUOTES}\`, \`${EMPTY_TEXT}\`,
    \`${EMPTY_NULL}\`. With any of them the body goes through its XML form. With a schema, texts become numbers, booleans
    and null where it asks for them, numbers become texts, and a single value becomes an array; what is not valid after
    that is a fault. Afterwards the message is JSON.`,
  fields: {
    schema: attr(dynamicText(), { doc: 'Local entry or registry resource with a JSON schema.' }),
    properties: children(
      'property',
      {
        name: attr(text(), { required: true, doc: 'Name of the switch.' }),
        value: attr(text(), { required: true, doc: 'Its value.' }),
      },
      { doc: 'Switches for this message.' },
    ),
  },
  examples: [
    {
      title: 'Digits stay texts',
      xml: `<jsontransform><property name="${PRIMITIVES}" value="false"/></jsontransform>`,
    },
    { title: 'Types by a schema', xml: '<jsontransform schema="conf:/order.json"/>' },
  ],
  check({ properties }, site) {
    const elements = site.element.childElements
    properties.forEach(({ name, value }, index) => {
      const offset = elements[index]?.offset ?? site.element.offset
      if (name !== undefined && !KNOWN.includes(name)) {
        const hint = `These have one: ${KNOWN.join(', ')}.`
        site.warn('no-effect', `the property "${name}" has no effect here`, offset, hint)
      }
      if (name !== KEEP_QUOTES || value === undefined) return
      try {
        guardedRegExp(`^(?:${value})$`)
      } catch {
        site.error('invalid-value', `"${value}" is not a regular expression`, offset, 'Correct the value.')
      }
    })
  },
  create({ schema, properties }, env) {
    const switches = new Map(properties.map(({ name, value }) => [name, value]))
    const rules = properties.length > 0 ? rulesOf(switches) : undefined
    let known: { readonly text: string; readonly schema: unknown; readonly compiled: JsonSchema } | undefined
    const typed = (ctx: MessageContext, key: string): void => {
      const { body } = ctx.message
      const { value } = body.view(jsonView)
      if (value === undefined) return
      const made = correctTypes({ value }, known!.schema)
      const [problem] = known!.compiled.problemsOf(plainJson(made.value))
      if (problem !== undefined)
        throw new IntegrationError('MEDIATION_FAILED', `the message is not what the schema ${key} asks for: ${problem}`)
      body.replace(jsonView, made)
    }
    const bySchema = (ctx: MessageContext): Outcome | Promise<Outcome> => {
      const key = dynamicString(schema!, ctx)
      const text = ctx.runtime.get({ role: 'local-entry', name: key, at: env.at }).text()
      const finish = (): Outcome => {
        typed(ctx, key)
        return done(ctx)
      }
      if (known?.text === text) return finish()
      return compileJsonSchema(text, key).then(compiled => {
        known = { text, schema: JSON.parse(text) as unknown, compiled }
        return finish()
      })
    }
    return {
      needsBody: true,
      mediate(ctx) {
        const { body } = ctx.message
        if (body.isEmpty) return 'next'
        if (rules) {
          const { value } = body.view(jsonView)
          if (value !== undefined) body.replace(jsonView, xmlToJson(jsonToXml({ value }), rules))
        } else body.edit(jsonView)
        return schema ? bySchema(ctx) : done(ctx)
      },
    }
  },
})

function done({ message }: MessageContext): Outcome {
  setMessageType(message, 'application/json')
  return 'next'
}

function rulesOf(switches: ReadonlyMap<string, string>): JsonRules {
  const isOn = (name: string): boolean => switches.get(name)?.trim().toLowerCase() === 'true'
  const isOff = (name: string): boolean => switches.get(name)?.trim().toLowerCase() === 'false'
  const pattern = switches.get(KEEP_QUOTES)
  return {
    autoPrimitive: !isOff(PRIMITIVES),
    emptyAsText: isOn(EMPTY_TEXT) || isOff(EMPTY_NULL),
    ...(pattern !== undefined && { keepQuotes: guardedRegExp(`^(?:${pattern})$`) }),
  }
}
