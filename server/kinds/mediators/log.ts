import { envelopeView, type Envelope } from '../../codecs/envelope.ts'
import { jsonView } from '../../codecs/json.ts'
import { printJson } from '../../codecs/json-text.ts'
import { parseContentType } from '../../codecs/content-type.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Expression } from '../../kernel/contracts.ts'
import {
  attr,
  child,
  children,
  choice,
  content,
  defineMediator,
  expression,
  flag,
  oneOf,
  templateNeedsBody,
  templateString,
  templateText,
  text,
} from '../../schema/index.ts'
import { printXml } from '../../xml/writer.ts'

const CATEGORIES = ['INFO', 'TRACE', 'DEBUG', 'WARN', 'ERROR', 'FATAL'] as const

/** Constant fields of each category: made once, not per line. */
const FIELDS = {
  TRACE: { category: 'LogMediator', severity: 'trace' },
  FATAL: { category: 'LogMediator', severity: 'fatal' },
  plain: { category: 'LogMediator' },
} as const

export default defineMediator({
  tag: 'log',
  summary: 'Writes a line about the message to the log.',
  details: `
    \`simple\` shows addresses and identifiers, \`headers\` the SOAP headers, \`full\` the simple line and the payload,
    \`custom\` only the properties named here. Properties are written \`name = value\`. All levels but custom read the
    body. A line whose category is switched off computes nothing.`,
  fields: {
    level: attr(oneOf('simple', 'headers', 'full', 'custom'), {
      doc: 'How much; absent: simple, or custom with a message.',
    }),
    category: attr(oneOf(...CATEGORIES), { fallback: 'INFO', doc: 'How serious.' }),
    separator: attr(text(), { fallback: ', ', doc: 'Between the parts; `\\n` and `\\t` are understood.' }),
    logMessageID: attr(flag(), { fallback: false, doc: 'Puts the message id in front of a custom line.' }),
    logFullPayload: attr(flag(), { fallback: false, doc: 'The same as level full.' }),
    message: child(
      'message',
      { text: content(templateText(), { doc: 'The text.' }) },
      { doc: 'A text in front of the properties; expressions `${…}` may stand in it.' },
    ),
    properties: children(
      'property',
      {
        name: attr(text(), { required: true, doc: 'What to call it.' }),
        source: choice(
          {
            value: attr(text(), { doc: 'A fixed text.' }),
            expression: attr(expression(), { doc: 'Taken from the message.' }),
          },
          { required: true, doc: 'What to show.' },
        ),
      },
      { doc: 'Shown as `name = value`.' },
    ),
  },
  examples: [
    { title: 'Everything', xml: '<log level="full"/>' },
    {
      title: 'A step and a value',
      xml: `<log level="custom" category="WARN" separator=" | "><property name="STEP" value="in"/><property name="id" expression="get-property('id')"/></log>`,
    },
    { title: 'A text with values', xml: '<log><message>order ${payload.id} of ${headers.Host}</message></log>' },
  ],
  create({ level, category, separator, logMessageID, logFullPayload, message, properties }) {
    const chosen = logFullPayload ? 'full' : (level ?? (message ? 'custom' : 'simple'))
    const between = separator.replaceAll('\\n', '\n').replaceAll('\\t', '\t')
    const fields = category === 'TRACE' || category === 'FATAL' ? FIELDS[category] : FIELDS.plain
    const isDebug = category === 'DEBUG' || category === 'TRACE'

    const line = (ctx: MessageContext): string => {
      const parts: string[] = []
      if (chosen === 'custom') {
        if (logMessageID) parts.push(`MessageID: ${ctx.messageId}`, `correlation_id: ${correlationId(ctx)}`)
        if (message?.text) parts.push(templateString(message.text, ctx))
      } else if (chosen === 'headers') {
        parts.push(` correlation_id : ${correlationId(ctx)}`, ...headerParts(ctx.message.body.view(envelopeView)))
      } else simpleParts(ctx, parts)
      for (const { name, source } of properties) {
        parts.push(`${name} = ${source!.kind === 'value' ? source!.value : shown(source!.value as Expression, ctx)}`)
      }
      if (chosen === 'full') parts.push(payloadPart(ctx))
      return parts.join(between)
    }

    return {
      needsBody:
        chosen !== 'custom' ||
        templateNeedsBody(message?.text) ||
        properties.some(({ source }) => source?.kind === 'expression' && source.value.needsBody),
      mediate(ctx) {
        const { log } = ctx
        if (isDebug && !log.debugOn) return 'next'
        const said = `{${ctx.origin.label}} ${line(ctx)}`
        if (isDebug) log.debug(said, fields)
        else if (category === 'WARN') log.warn(said, fields)
        else if (category === 'INFO') log.info(said, fields)
        else log.error(said, fields)
        return 'next'
      },
    }
  },
})

/** A property that is not there prints as Java prints nothing. */
function shown(expression: Expression, ctx: MessageContext): string {
  return expression.string(ctx) || (expression.value(ctx) === null ? 'null' : '')
}

/** The layout of Synapse's simple line (synapse-language C.2). */
function simpleParts(ctx: MessageContext, parts: string[]): void {
  const { message } = ctx
  const { to, from, action, replyTo } = message.addressing
  parts.push(`To: ${to ?? ''}`)
  if (from !== undefined) parts.push(`From: ${from}`)
  if (action !== undefined) parts.push(`WSAction: ${action}`, `SOAPAction: ${action}`)
  if (replyTo !== undefined) parts.push(`ReplyTo: ${replyTo}`)
  parts.push(`MessageID: ${ctx.messageId}`, `correlation_id: ${correlationId(ctx)}`)
  parts.push(`Direction: ${message.isResponse ? 'response' : 'request'}`)
}

function correlationId(ctx: MessageContext): string {
  const given = ctx.message.flag('correlation_id')
  return typeof given === 'string' ? given : ctx.messageId
}

function headerParts(envelope: Envelope): string[] {
  return (envelope.header?.childElements ?? []).map(block => `${block.local} : ${block.text}`)
}

function payloadPart({ message }: MessageContext): string {
  const { body } = message
  const isJson =
    body.changed === jsonView || (body.changed === null && parseContentType(body.contentType).kind === 'json')
  if (isJson) {
    const json = body.view(jsonView)
    return `Payload: ${json.value === undefined ? '' : printJson({ value: json.value })}`
  }
  return `Envelope: <?xml version='1.0' encoding='utf-8'?>${printXml(body.view(envelopeView).root)}`
}
