import { parseContentType } from '../../codecs/content-type.ts'
import { envelopeOf, envelopeView, isEnvelope } from '../../codecs/envelope.ts'
import { parseFreemarker, type FreemarkerTemplate } from '../../codecs/freemarker.ts'
import { jsonBody, jsonView } from '../../codecs/json.ts'
import { printJson, printJsonValue, type JsonValue } from '../../codecs/json-text.ts'
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
  type Dynamic,
} from '../../schema/index.ts'
import type { XmlElement } from '../../xml/tree.ts'
import { printXml } from '../../xml/writer.ts'

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
    const source = format?.source
    if (source === undefined)
      site.error('missing', '<format> is empty', offset, 'Write the template into it, or key="…".')
    if (templateType === 'freemarker') {
      checkFreemarker(source, problem =>
        site.error('not-supported', problem, offset, 'Write ${args.arg1}, ${payload.path}, ${ctx.name}, or use $1.'),
      )
      return
    }
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
  create({ mediaType, templateType, format, args }) {
    const values = (args?.list ?? []).map(({ literal, escapeXmlChars, source }) => ({
      literal,
      escapeXmlChars,
      source: source!,
    }))
    const source = format!.source!
    const maker = (text: string, key: string): ((ctx: MessageContext) => void) => {
      if (templateType === 'freemarker') return freemarkerMaker(parseFreemarker(text.trim()), values, mediaType)
      if (mediaType === 'json') return jsonMaker(textTemplate(text), values)
      if (mediaType === 'text') return textMaker(textTemplate(text), values)
      return xmlMaker(xmlTemplate(parseTemplate(text, key)), values)
    }
    const fill = fillerOf(source, mediaType === 'xml' && templateType === 'default', maker, values)
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

/** A template written in place is compiled now, one by key when it is used. */
function fillerOf(
  source: Template,
  asTree: boolean,
  maker: (text: string, key: string) => (ctx: MessageContext) => void,
  values: readonly Value[],
): (ctx: MessageContext) => void {
  if (source.kind === 'key') return byKey(source.value, maker)
  if (source.kind === 'text') return maker(source.value, 'format')
  return asTree ? xmlMaker(xmlTemplate(source.value), values) : maker(source.value.text, 'format')
}

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

function xmlMaker(fill: (args: readonly XmlArgument[]) => XmlElement, values: readonly Value[]) {
  return (ctx: MessageContext): void => {
    const args = values.map(value => xmlArgument(value, ctx))
    setXml(fill(args), ctx)
  }
}

/** XML in place of the body; an envelope in place of the whole message. */
function setXml(made: XmlElement, { message }: MessageContext): void {
  if (isEnvelope(made)) message.body.replace(envelopeView, envelopeOf(made))
  else {
    const envelope = message.body.edit(envelopeView)
    envelope.setPayload(made)
  }
  const current = message.flag('messageType')
  const { kind } = parseContentType(typeof current === 'string' ? current : message.body.contentType)
  if (kind !== 'soap11' && kind !== 'soap12' && kind !== 'pox') setMessageType(message, 'application/xml')
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

type Template =
  | { readonly kind: 'key'; readonly value: Dynamic }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'xml'; readonly value: XmlElement }

function checkFreemarker(source: Template | undefined, report: (problem: string) => void): void {
  if (source?.kind !== 'text' && source?.kind !== 'xml') return
  try {
    parseFreemarker(source.kind === 'text' ? source.value : printXml(source.value))
  } catch (thrown) {
    report(textOf(thrown))
  }
}

function freemarkerMaker(template: FreemarkerTemplate, values: readonly Value[], mediaType: 'xml' | 'json' | 'text') {
  return (ctx: MessageContext): void => {
    let text: string
    try {
      text = template((root, path) => freemarkerValue(root, path, values, ctx))
    } catch (thrown) {
      throw new IntegrationError('MEDIATION_FAILED', `the FreeMarker template cannot be filled: ${textOf(thrown)}`, {
        cause: thrown,
      })
    }
    if (mediaType === 'xml') setXml(parseTemplate(text, 'format'), ctx)
    else if (mediaType === 'text') setText(text, ctx)
    else setJson(text, ctx)
  }
}

function freemarkerValue(
  root: string,
  path: readonly (string | number)[],
  values: readonly Value[],
  ctx: MessageContext,
): string | undefined {
  const [first, ...rest] = path
  if (root === 'args') {
    const value = values[Number(/^arg(\d+)$/.exec(String(first))?.[1] ?? 0) - 1]
    return value && (value.source.kind === 'value' ? value.source.value : value.source.value.string(ctx))
  }
  if (root === 'payload') return plain(follow(ctx.message.body.view(jsonView).value, path))
  const scope =
    root === 'trp'
      ? ctx.message.headers.get(String(first))
      : root === 'axis2'
        ? ctx.message.flag(String(first))
        : root === 'vars'
          ? ctx.variables.get(String(first))
          : ctx.properties.get(String(first))
  return plain(follow(scope, rest))
}

function follow(from: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, step)
        ? (value as Record<string | number, unknown>)[step]
        : undefined,
    from,
  )
}

function plain(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'object' ? printJsonValue(value as JsonValue) : String(value)
}

function jsonMaker(fill: (args: readonly string[]) => string, values: readonly Value[]) {
  return (ctx: MessageContext): void => {
    setJson(fill(values.map(value => jsonArgument(value, ctx))), ctx)
  }
}

function setJson(text: string, ctx: MessageContext): void {
  try {
    replaceBody(ctx, jsonBody(text, 'application/json'), 'application/json')
  } catch (thrown) {
    throw new IntegrationError('MEDIATION_FAILED', `the JSON payload could not be parsed: ${textOf(thrown)}`, {
      cause: thrown,
    })
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
    setText(fill(values.map(({ source }) => (source.kind === 'value' ? source.value : source.value.string(ctx)))), ctx)
  }
}

function setText(text: string, ctx: MessageContext): void {
  replaceBody(ctx, Body.ofBytes(Buffer.from(text, 'utf8'), 'text/plain; charset=UTF-8'), 'text/plain')
}

function replaceBody({ message }: MessageContext, body: Body, type: string): void {
  message.body.discard()
  message.body = body
  setMessageType(message, type)
}
