import { parseContentType } from '../../codecs/content-type.ts'
import { envelopeOf, envelopeView, isEnvelope } from '../../codecs/envelope.ts'
import { jsonBody } from '../../codecs/json.ts'
import { printJson, type JsonValue } from '../../codecs/json-text.ts'
import { jsonToXml, xmlToJson } from '../../codecs/json-xml.ts'
import { setMessageType } from '../../codecs/payloads.ts'
import { elementsIn, parseTemplate, textTemplate, xmlTemplate, type XmlArgument } from '../../codecs/template.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Expression } from '../../kernel/contracts.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import { Body } from '../../kernel/message.ts'
import {
  attr,
  child,
  children,
  choice,
  content,
  defineMediator,
  dynamicString,
  dynamicText,
  evaluated,
  flag,
  inlineXml,
  oneOf,
  text,
} from '../../schema/index.ts'

export default defineMediator({
  tag: 'payloadFactory',
  summary: 'Replaces the body by a template filled with values.',
  details: `
    \`$1\`, \`$2\` … in the template are replaced by the arguments in order. In XML a value that is XML is inserted as XML,
    anything else as text; \`escapeXmlChars\` makes everything text. In JSON quotes are the author's job: \`"$1"\` for texts,
    \`$1\` for objects and numbers. \`literal\` inserts verbatim. Arguments are evaluated before the old body goes.`,
  fields: {
    mediaType: attr(oneOf('xml', 'json', 'text'), {
      name: 'media-type',
      fallback: 'xml',
      doc: 'What the template makes.',
    }),
    templateType: attr(oneOf('default', 'freemarker'), {
      name: 'template-type',
      fallback: 'default',
      doc: 'How the template is written.',
    }),
    format: child(
      'format',
      {
        source: choice(
          {
            key: attr(dynamicText(), { doc: 'Local entry or registry resource with the template.' }),
            xml: inlineXml({ doc: 'The template as XML.' }),
            text: content(text(), { doc: 'The template as text.' }),
          },
          { doc: 'The template.' },
        ),
      },
      { required: true, doc: 'The template.' },
    ),
    args: child(
      'args',
      {
        list: children(
          'arg',
          {
            evaluator: attr(oneOf('xml', 'json'), { fallback: 'xml', doc: 'Language of the expression.' }),
            literal: attr(flag(), { fallback: false, doc: 'Inserts the value without converting it.' }),
            escapeXmlChars: attr(flag(), { fallback: false, doc: 'Inserts XML as text.' }),
            source: choice(
              {
                value: attr(text(), { doc: 'A fixed text.' }),
                expression: evaluated({ doc: 'Taken from the message.' }),
              },
              { required: true, doc: 'The value.' },
            ),
          },
          { doc: 'The values, in the order of their numbers.' },
        ),
      },
      { doc: 'The values.' },
    ),
  },
  examples: [
    {
      title: 'XML from a value of the body',
      xml: `<payloadFactory media-type="xml"><format><m:code xmlns:m="http://services.samples">$1</m:code></format><args><arg expression="//m:symbol" xmlns:m="http://services.samples"/></args></payloadFactory>`,
    },
    {
      title: 'JSON',
      xml: `<payloadFactory media-type="json"><format>{"id": "$1", "kind": "order"}</format><args><arg evaluator="json" expression="$.order.id"/></args></payloadFactory>`,
    },
  ],
  check({ templateType, format, mediaType }, site) {
    const { offset } = site.element
    if (templateType === 'freemarker')
      site.error('not-supported', 'FreeMarker templates are not supported', offset, 'Use $1 and <args>.')
    const source = format?.source
    if (source === undefined)
      site.error('missing', '<format> is empty', offset, 'Write the template into it, or key="…".')
    if (source?.kind === 'text' && source.value.includes('${')) {
      site.error('not-supported', 'expressions in a template are not supported', offset, 'Use $1 and <args>.')
    }
    if (source?.kind === 'text' && mediaType === 'xml') {
      try {
        parseTemplate(source.value, 'format')
      } catch (thrown) {
        site.error('invalid-value', textOf(thrown), offset, 'An XML payload needs an XML template.')
      }
    }
  },
  create({ mediaType, format, args }) {
    const values = (args?.list ?? []).map(({ literal, escapeXmlChars, source }) => ({
      literal,
      escapeXmlChars,
      source: source!,
    }))
    const source = format!.source!
    const maker = (text: string, key: string): ((ctx: MessageContext) => void) => {
      if (mediaType === 'json') return jsonMaker(textTemplate(text), values)
      if (mediaType === 'text') return textMaker(textTemplate(text), values)
      return xmlMaker(xmlTemplate(parseTemplate(text, key)), values)
    }
    const fill =
      source.kind === 'key'
        ? byKey(source.value, maker)
        : source.kind === 'xml'
          ? mediaType === 'xml'
            ? xmlMaker(xmlTemplate(source.value), values)
            : maker(source.value.text, 'format')
          : maker(source.value, 'format')
    return {
      needsBody: true,
      mediate(ctx) {
        fill(ctx)
        if (ctx.message.hasAxis2) ctx.message.axis2.delete('NO_ENTITY_BODY')
        return 'next'
      },
    }
  },
})

interface Value {
  readonly literal: boolean
  readonly escapeXmlChars: boolean
  readonly source:
    | { readonly kind: 'value'; readonly value: string }
    | { readonly kind: 'expression'; readonly value: Expression }
}

/** A template by key is compiled again only when its text has changed. */
function byKey(
  key: Parameters<typeof dynamicString>[0],
  maker: (text: string, key: string) => (ctx: MessageContext) => void,
) {
  let known: { text: string; fill: (ctx: MessageContext) => void } | undefined
  return (ctx: MessageContext): void => {
    const name = dynamicString(key, ctx)
    const entry = ctx.runtime.find('local-entry', name)
    if (!entry)
      throw new IntegrationError(
        'ENTRY_UNKNOWN',
        `Couldn't find the local entry or registry resource with the key : ${name}`,
      )
    const text = entry.text()
    if (known?.text !== text) known = { text, fill: maker(text, name) }
    known.fill(ctx)
  }
}

function xmlMaker(
  fill: (args: readonly XmlArgument[]) => import('../../xml/tree.ts').XmlElement,
  values: readonly Value[],
) {
  return (ctx: MessageContext): void => {
    const args = values.map(value => xmlArgument(value, ctx))
    const made = fill(args)
    const { message } = ctx
    if (isEnvelope(made)) message.body.replace(envelopeView, envelopeOf(made))
    else {
      const envelope = message.body.edit(envelopeView)
      envelope.setPayload(made)
    }
    const current = message.flag('messageType')
    const { kind } = parseContentType(typeof current === 'string' ? current : message.body.contentType)
    if (kind !== 'soap11' && kind !== 'soap12' && kind !== 'pox') setMessageType(message, 'application/xml')
  }
}

function xmlArgument({ source, literal, escapeXmlChars }: Value, ctx: MessageContext): XmlArgument {
  const given = source.kind === 'value' ? source.value : source.value.value(ctx)
  if (!escapeXmlChars && !literal && isJsonTree(given)) {
    const elements = jsonToXml({ value: given }).childElements
    for (const element of elements) element.parent = null
    return { text: '', elements }
  }
  const text = source.kind === 'value' ? source.value : source.value.string(ctx)
  return { text, elements: escapeXmlChars || literal ? undefined : elementsIn(text) }
}

function isJsonTree(value: unknown): value is JsonValue {
  if (typeof value !== 'object' || value === null) return false
  // Node sets are arrays of objects with a kind; JSON never is.
  return !(Array.isArray(value) && value.some(item => typeof (item as { kind?: unknown } | null)?.kind === 'string'))
}

function jsonMaker(fill: (args: readonly string[]) => string, values: readonly Value[]) {
  return (ctx: MessageContext): void => {
    const text = fill(values.map(value => jsonArgument(value, ctx)))
    try {
      replaceBody(ctx, jsonBody(text, 'application/json'), 'application/json')
    } catch (thrown) {
      throw new IntegrationError('MEDIATION_FAILED', `the JSON payload could not be parsed: ${textOf(thrown)}`, {
        cause: thrown,
      })
    }
  }
}

/** What stands in a JSON template for a value: its author has written the quotes. */
function jsonArgument({ source, literal }: Value, ctx: MessageContext): string {
  const given = source.kind === 'value' ? source.value : source.value.value(ctx)
  if (isJsonTree(given)) return printJson({ value: given })
  const text = source.kind === 'value' ? source.value : source.value.string(ctx)
  if (literal) return text
  const [element] = elementsIn(text) ?? []
  if (element) {
    const { value } = xmlToJson(element)
    if (value !== undefined) return printJson({ value })
  }
  if (looksLikeJson(text)) return text
  return JSON.stringify(text).slice(1, -1)
}

function looksLikeJson(text: string): boolean {
  const trimmed = text.trim()
  if (!/^[[{].*[\]}]$/s.test(trimmed)) return false
  try {
    JSON.parse(trimmed)
    return true
  } catch {
    return false
  }
}

function textMaker(fill: (args: readonly string[]) => string, values: readonly Value[]) {
  return (ctx: MessageContext): void => {
    const text = fill(values.map(({ source }) => (source.kind === 'value' ? source.value : source.value.string(ctx))))
    replaceBody(ctx, Body.ofBytes(Buffer.from(text, 'utf8'), 'text/plain; charset=UTF-8'), 'text/plain')
  }
}

function replaceBody({ message }: MessageContext, body: Body, type: string): void {
  message.body.discard()
  message.body = body
  setMessageType(message, type)
}
