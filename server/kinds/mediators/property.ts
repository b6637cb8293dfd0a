import { typedValue, VALUE_TYPES } from '../../expr/typed-value.ts'
import type { MessageContext } from '../../kernel/context.ts'
import { removeProperty, setProperty } from '../../runtime/property-scopes.ts'
import {
  attr,
  choice,
  defineMediator,
  dynamicNeedsBody,
  dynamicString,
  dynamicText,
  expression,
  inlineXml,
  int,
  oneOf,
  text,
  wholeRegex,
} from '../../schema/index.ts'
import { clone } from '../../xml/clone.ts'
import { XmlElement } from '../../xml/tree.ts'
import { printXml } from '../../xml/writer.ts'

const SCOPES = [
  'default',
  'axis2',
  'axis2-client',
  'transport',
  'operation',
  'registry',
  'system',
  'trace',
  'analytics',
] as const

export default defineMediator({
  tag: 'property',
  summary: 'Sets or removes a property of the message.',
  details: `
    Scope \`default\` lives as long as the exchange: request, reply, branches. \`axis2\` holds control flags of this message
    only, \`transport\` its headers, \`operation\` what request and reply share. A value beats inline XML, that beats an
    expression; an expression that finds nothing gives an empty text. Without a type the value is text; INTEGER, LONG and
    SHORT cut fractions off. In scope \`registry\` the name is a key such as \`gov:/orders/last\`, or \`gov:/orders/last@who\` for a
    property of a resource, and what is set stays in HOME/registry until it is removed. \`pattern\` must match the whole text; the group is stored, or nothing if it does not match.`,
  fields: {
    name: attr(dynamicText(), { required: true, doc: 'Name of the property.' }),
    action: attr(oneOf('set', 'remove'), { fallback: 'set', doc: 'Remove takes the property away.' }),
    scope: attr(oneOf(...SCOPES), { fallback: 'default', doc: 'Where it lives.' }),
    type: attr(oneOf(...VALUE_TYPES), { doc: 'What the value is turned into; absent: text.' }),
    pattern: attr(wholeRegex(), { doc: 'Takes a part of the text.' }),
    group: attr(int({ min: 0 }), { fallback: 0, doc: 'Which group of the pattern is stored.' }),
    source: choice(
      {
        value: attr(text(), { doc: 'The value.' }),
        xml: inlineXml({ doc: 'The value as XML.' }),
        expression: attr(expression(), { doc: 'Gives the value for each message.' }),
      },
      { doc: 'What to set.' },
    ),
  },
  examples: [
    { title: 'Answer 202', xml: '<property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/>' },
    {
      title: 'From the body',
      xml: '<property name="symbol" expression="//m:symbol" xmlns:m="http://services.samples"/>',
    },
    {
      title: 'A part of a text',
      xml: '<property name="year" value="2024-05-06" pattern="(\\d+)-(\\d+)-(\\d+)" group="1"/>',
    },
    { title: 'Take a header away', xml: '<property name="Accept" scope="transport" action="remove"/>' },
  ],
  check({ action, source, scope }, site) {
    if (action === 'set' && source === undefined) site.missing('attribute "value" or "expression", or inline XML')
    if (scope === 'system') {
      site.error(
        'not-supported',
        `properties of scope "${scope}" cannot be set`,
        site.element.offset,
        'Keep the value in a local entry or in the environment.',
      )
    }
  },
  create({ name, action, scope, type, pattern, group, source }, { services }) {
    const valueOf = (ctx: MessageContext): unknown => {
      if (source?.kind === 'xml') return type === undefined || type === 'OM' ? clone(source.value) : source.value.text
      if (source?.kind === 'expression' && (type === 'OM' || type === 'JSON')) {
        const value = source.value.value(ctx)
        return typeof value === 'string' ? typedValue(type, value) : value
      }
      let value: string = source?.kind === 'expression' ? source.value.string(ctx) : (source?.value ?? '')
      if (value === '' && source?.kind === 'expression' && source.value.value(ctx) === null) return null
      if (pattern) value = pattern.exec(value)?.[group] ?? ''
      return type === undefined ? value : typedValue(type, value)
    }
    const change = (key: string, ctx: MessageContext): void => {
      if (scope === 'registry') writeTo(key, action === 'remove' ? null : (valueOf(ctx) ?? undefined))
      else if (action === 'remove') removeProperty(scope, key, ctx)
      else setProperty(scope, key, valueOf(ctx), ctx)
    }
    const writeTo = (key: string, value: unknown): void => {
      if (value === undefined) return
      const at = key.lastIndexOf('@')
      const text = value === null ? null : value instanceof XmlElement ? printXml(value) : String(value)
      if (at < 0) services.writeResource(key, undefined, text)
      else services.writeResource(key.slice(0, at), key.slice(at + 1), text)
    }
    return {
      needsBody: dynamicNeedsBody(name) || (source?.kind === 'expression' && source.value.needsBody),
      mediate(ctx) {
        change(dynamicString(name, ctx), ctx)
        return 'next'
      },
    }
  },
})
