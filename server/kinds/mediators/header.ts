import { envelopeView } from '../../codecs/envelope.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Addressing } from '../../kernel/message.ts'
import { attr, choice, defineMediator, expression, inlineXml, oneOf, qname, text } from '../../schema/index.ts'
import { clone } from '../../xml/clone.ts'
import { remove, XmlElement } from '../../xml/tree.ts'

/** Names without a prefix that mean the addressing of the message, not an XML header. */
const ADDRESSING: Readonly<Record<string, keyof Addressing>> = {
  To: 'to',
  From: 'from',
  Action: 'action',
  FaultTo: 'faultTo',
  ReplyTo: 'replyTo',
  RelatesTo: 'relatesTo',
}

export default defineMediator({
  tag: 'header',
  summary: 'Sets or removes a SOAP header, an addressing property or a transport header.',
  details: `
    In the default scope \`To\`, \`From\`, \`Action\`, \`FaultTo\`, \`ReplyTo\` and \`RelatesTo\` are the addressing of the
    message; any other name needs a prefix and is a SOAP header block. Scope \`transport\` is an HTTP header.`,
  fields: {
    name: attr(qname(), { doc: 'Which header.' }),
    action: attr(oneOf('set', 'remove'), { fallback: 'set', doc: 'Remove takes it away.' }),
    scope: attr(oneOf('default', 'transport'), { fallback: 'default', doc: 'SOAP and addressing, or HTTP.' }),
    source: choice(
      {
        value: attr(text(), { doc: 'The value.' }),
        expression: attr(expression(), { doc: 'Gives the value for each message.' }),
        xml: inlineXml({ doc: 'The whole header block.' }),
      },
      { doc: 'What to set.' },
    ),
  },
  examples: [
    { title: 'Which operation', xml: '<header name="Action" value="urn:getQuote"/>' },
    { title: 'Reply to the caller', xml: '<header name="To" action="remove"/>' },
    { title: 'A SOAP header', xml: '<header xmlns:m="urn:m" name="m:User" value="u"/>' },
    { title: 'An HTTP header', xml: '<header name="Accept" scope="transport" action="remove"/>' },
  ],
  check({ name, action, scope, source }, site) {
    if (name === undefined && source?.kind !== 'xml') site.missing('attribute "name", or a header block')
    if (action === 'set' && source === undefined) site.missing('attribute "value" or "expression", or a header block')
    if (name !== undefined && scope === 'default' && name.prefix === '' && !(name.local in ADDRESSING)) {
      site.error(
        'invalid-value',
        `Invalid SOAP header: ${name.local} specified at the header mediator. All SOAP headers must be namespace qualified.`,
        site.element.offset,
        `Write a prefix, or one of ${Object.keys(ADDRESSING).join(', ')}, or scope="transport".`,
      )
    }
  },
  create({ name, action, scope, source }) {
    const removes = action === 'remove'
    const text = (ctx: MessageContext): string =>
      source?.kind === 'expression' ? source.value.string(ctx) : source?.kind === 'value' ? source.value : ''
    const expressionNeedsBody = source?.kind === 'expression' && source.value.needsBody
    if (source?.kind === 'xml') {
      const block = source.value
      return {
        needsBody: true,
        mediate(ctx) {
          setBlock(ctx, removes ? undefined : clone(block), block.local, block.uri)
          return 'next'
        },
      }
    }
    const { local, prefix, uri } = name!
    if (scope === 'transport') {
      return {
        needsBody: expressionNeedsBody,
        mediate(ctx) {
          const header = prefix === '' ? local : `${prefix}:${local}`
          if (removes) ctx.message.headers.delete(header)
          else ctx.message.headers.set(header, text(ctx))
          return 'next'
        },
      }
    }
    const field = prefix === '' ? ADDRESSING[local] : undefined
    if (field) {
      return {
        needsBody: expressionNeedsBody,
        mediate(ctx) {
          if (removes) delete ctx.message.addressing[field]
          else ctx.message.addressing[field] = text(ctx)
          return 'next'
        },
      }
    }
    return {
      needsBody: true,
      mediate(ctx) {
        if (removes) setBlock(ctx, undefined, local, uri)
        else {
          const block = new XmlElement(local, uri, prefix)
          block.declare(prefix, uri)
          block.setText(text(ctx))
          setBlock(ctx, block, local, uri)
        }
        return 'next'
      },
    }
  },
})

/** Takes every block of that name out, and puts the new one in. */
function setBlock(ctx: MessageContext, block: XmlElement | undefined, local: string, uri: string): void {
  const envelope = ctx.message.body.edit(envelopeView)
  for (const old of envelope.header?.childElements ?? []) if (old.is(local, uri)) remove(old)
  if (block) envelope.ensureHeader().append(block)
}
