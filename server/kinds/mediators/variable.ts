import { copies, isTreeNode } from '../../codecs/xml-parts.ts'
import { parseJson } from '../../codecs/json-text.ts'
import type { MessageContext } from '../../kernel/context.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import {
  attr,
  choice,
  defineMediator,
  dynamicNeedsBody,
  dynamicString,
  dynamicText,
  expression,
  oneOf,
  text,
} from '../../schema/index.ts'
import { parseXml } from '../../xml/reader.ts'

const TYPES = ['STRING', 'BOOLEAN', 'INTEGER', 'LONG', 'DOUBLE', 'XML', 'OM', 'JSON'] as const
type TypeName = (typeof TYPES)[number]

export default defineMediator({
  tag: 'variable',
  summary: 'Sets or removes a variable of the flow.',
  details: `
    Variables live as long as the exchange, request and reply, and are copied into branches. They have no scopes and
    are read as \`$var:name\`. Without a type the value stays what it is; a value that is not of the type is a fault.`,
  fields: {
    name: attr(dynamicText(), { required: true, doc: 'Name of the variable.' }),
    action: attr(oneOf('set', 'remove'), { fallback: 'set', doc: 'Remove takes the variable away.' }),
    type: attr(oneOf(...TYPES), { doc: 'What the value has to be.' }),
    source: choice(
      {
        value: attr(text(), { doc: 'The value.' }),
        expression: attr(expression(), { doc: 'Gives the value for each message.' }),
      },
      { doc: 'What to set.' },
    ),
  },
  examples: [
    { title: 'A JSON value', xml: `<variable name="limits" type="JSON" value='{"max": 5}'/>` },
    { title: 'From the body', xml: '<variable name="id" type="INTEGER" expression="json-eval($.id)"/>' },
  ],
  check({ action, source }, site) {
    if (action === 'set' && source === undefined) site.missing('attribute "value" or "expression"')
  },
  create({ name, action, type, source }) {
    const valueOf = (ctx: MessageContext): unknown => {
      if (source?.kind !== 'expression') return typed(type, source?.value ?? '')
      const value = source.value.value(ctx)
      if (type === undefined) return own(value)
      return type === 'XML' || type === 'OM' || type === 'JSON'
        ? structured(type, value)
        : typed(type, source.value.string(ctx))
    }
    return {
      needsBody: dynamicNeedsBody(name) || (source?.kind === 'expression' && source.value.needsBody),
      mediate(ctx) {
        const key = dynamicString(name, ctx)
        if (action === 'remove') ctx.variables.delete(key)
        else ctx.variables.set(key, valueOf(ctx))
        return 'next'
      },
    }
  },
})

function typed(type: TypeName | undefined, text: string): unknown {
  const trimmed = text.trim()
  switch (type) {
    case undefined:
    case 'STRING':
      return text
    case 'BOOLEAN':
      if (/^(?:true|false)$/i.test(trimmed)) return trimmed.toLowerCase() === 'true'
      break
    case 'INTEGER':
    case 'LONG':
      if (/^[+-]?\d+(?:\.0+)?$/.test(trimmed)) return Number(trimmed)
      break
    case 'DOUBLE':
      if (trimmed !== '' && Number.isFinite(Number(trimmed))) return Number(trimmed)
      break
    default:
      return structured(type, text)
  }
  throw mismatch(type, text)
}

/** `OM` is the older word for XML. */
function structured(type: 'XML' | 'OM' | 'JSON', value: unknown): unknown {
  const wantsXml = type !== 'JSON'
  if (typeof value === 'string') {
    try {
      return wantsXml ? parseXml(value).root : parseJson(value).value
    } catch (thrown) {
      throw mismatch(type, value, textOf(thrown))
    }
  }
  if (value === undefined || isXmlValue(value) !== wantsXml) throw mismatch(type, String(value))
  return own(value)
}

function isXmlValue(value: unknown): boolean {
  return [value].flat().some(isTreeNode)
}

/** XML that does not change with the message it was found in. */
function own(value: unknown): unknown {
  return isXmlValue(value) ? copies(value) : value
}

function mismatch(type: TypeName, text: string, why = ''): IntegrationError {
  const shown = text.length > 40 ? `${text.slice(0, 39)}…` : text
  return new IntegrationError(
    'MEDIATION_FAILED',
    `the value of the variable, "${shown}", is not of type ${type}${why === '' ? '' : `: ${why}`}`,
  )
}
