import { parseContentType } from '../../codecs/content-type.ts'
import { envelopeOf, envelopeView, isEnvelope } from '../../codecs/envelope.ts'
import { freemarkerRoots, valueOf } from '../../codecs/freemarker-values.ts'
import { parseFreemarker, type FreemarkerTemplate } from '../../codecs/freemarker/template.ts'
import { jsonBody } from '../../codecs/json.ts'
import { setMessageType } from '../../codecs/payloads.ts'
import {
  elementsIn,
  parseTemplate,
  textTemplate,
  xmlTemplate,
  type InlineExpressions,
  type XmlArgument,
} from '../../codecs/template.ts'
import {
  elementsOfJson,
  inlineJsonArgument,
  inlineXmlArgument,
  isJsonTree,
  isQuotedAt,
  jsonArgument,
} from '../../codecs/template-values.ts'
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
  withCompiler,
  type Dynamic,
  type Scoped,
} from '../../schema/index.ts'
import type { XmlElement } from '../../xml/tree.ts'
import { printXml } from '../../xml/writer.ts'

export default defineMediator({
  tag: 'payloadFactory',
  summary: 'Replaces the body by a template filled with values.',
  details: `
    \`$1\`, \`$2\` … in the template are replaced by the arguments in order. In XML a value that is XML is inserted as XML,
    anything else as text; \`escapeXmlChars\` makes everything text. In JSON quotes are the author's job: \`"$1"\` for texts,
    \`$1\` for objects and numbers. \`literal\` inserts verbatim. Arguments are evaluated before the old body goes.
    Expressions \`\${…}\` may stand in the template itself: in JSON between quotes for a text, without quotes for any value.

    With \`template-type="freemarker"\` the template is FreeMarker over \`payload\` (JSON, or XML by its names), \`args.arg1\`…, \`ctx\`,
    \`axis2\`, \`trp\` and \`vars\`: interpolations with defaults and arithmetic, \`<#if>\`, \`<#list>\`, \`<#switch>\`, \`<#assign>\`,
    and built-ins for texts, numbers and lists. Numbers are written without grouping. Macros, includes and formats of dates are told as not supported when deployed. A template
    that takes more than two million steps, or makes more than 64 Mi characters, is a fault.`,
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
        source: withCompiler(
          choice(
            {
              key: attr(dynamicText(), { doc: 'Local entry or registry resource with the template.' }),
              xml: inlineXml({ doc: 'The template as XML.' }),
              text: content(text(), { doc: 'The template as text.' }),
            },
            { doc: 'The template.' },
          ),
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
    {
      title: 'FreeMarker',
      xml: `<payloadFactory media-type="json" template-type="freemarker"><format><![CDATA[{"ids": [<#list payload.order.items![] as item>"\${item.id}"<#sep>, </#list>], "total": \${payload.order.total!0}}]]></format><args/></payloadFactory>`,
    },
    {
      title: 'JSON with expressions in place',
      xml: `<payloadFactory media-type="json"><format>{"id": "\${payload.order.id}", "items": \${payload.order.items}}</format></payloadFactory>`,
    },
  ],
  check({ templateType, format, mediaType }, site) {
    const { offset } = site.element
    const source = format?.source.value
    if (source === undefined)
      site.error('missing', '<format> is empty', offset, 'Write the template into it, or key="…".')
    if (templateType === 'freemarker') {
      checkFreemarker(source, problem =>
        site.error('not-supported', problem, offset, 'Write ${args.arg1}, ${payload.path}, ${ctx.name}, or use $1.'),
      )
      return
    }
    if (source?.kind === 'text' && mediaType === 'xml') {
      try {
        parseTemplate(source.value, 'format')
      } catch (thrown) {
        site.error('invalid-value', textOf(thrown), offset, 'An XML payload needs an XML template.')
        return
      }
    }
    if (source === undefined || source.kind === 'key') return
    const compile = compilerOf(format!.source, problem =>
      site.warn('invalid-expression', problem, offset, 'It stays in the payload as it is written.'),
    )
    fillOf(source, mediaType, makerOf(mediaType, 'default', [], compile), [], compile)
  },
  create({ mediaType, templateType, format, args }, { log }) {
    const values = (args?.list ?? []).map(({ literal, escapeXmlChars, source }) => ({
      literal,
      escapeXmlChars,
      source: source!,
    }))
    const source = format!.source.value!
    // What is written in place was checked when it was read.
    const compile = compilerOf(format!.source, problem => source.kind === 'key' && log.warn(problem))
    const maker = makerOf(mediaType, templateType, values, compile)
    const kind = templateType === 'default' ? mediaType : 'text'
    const fill = source.kind === 'key' ? byKey(source.value, maker) : fillOf(source, kind, maker, values, compile)
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

type Fill = (ctx: MessageContext) => void
type Compile = (source: string, element?: XmlElement) => Expression | undefined

/** Compiles expressions of a template; one that is wrong is told and left as it is written. */
function compilerOf(scoped: Scoped<unknown>, report: (problem: string) => void): Compile {
  return (source, element) => {
    try {
      return element ? scoped.compile(source, prefix => element.lookupNamespace(prefix)) : scoped.compile(source)
    } catch (thrown) {
      report(textOf(thrown))
      return undefined
    }
  }
}

/** A template written in place. */
function fillOf(
  source: Exclude<Template, { kind: 'key' }>,
  makes: 'xml' | 'json' | 'text',
  maker: (text: string, key: string) => Fill,
  values: readonly Value[],
  compile: Compile,
): Fill {
  if (source.kind === 'text') return maker(source.value, 'format')
  return makes === 'xml' ? xmlMaker(source.value, values, compile) : maker(source.value.text, 'format')
}

function makerOf(
  mediaType: 'xml' | 'json' | 'text',
  templateType: 'default' | 'freemarker',
  values: readonly Value[],
  compile: Compile,
): (text: string, key: string) => Fill {
  return (text, key) => {
    if (templateType === 'freemarker') return freemarkerMaker(parseFreemarker(text.trim()), values, mediaType)
    if (mediaType === 'json') return jsonMaker(text, values, compile)
    if (mediaType === 'text') return textMaker(text, values, compile)
    return xmlMaker(parseTemplate(text, key), values, compile)
  }
}

interface Value {
  readonly literal: boolean
  readonly escapeXmlChars: boolean
  readonly source:
    | { readonly kind: 'value'; readonly value: string }
    | { readonly kind: 'expression'; readonly value: Expression }
}

/** A template by key is compiled again only when its text has changed. */
function byKey(key: Dynamic, maker: (text: string, key: string) => Fill): Fill {
  let known: { text: string; fill: Fill } | undefined
  return ctx => {
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

/** Arguments of a template: those in `<args>`, then those the expressions in it become. */
class Arguments<T> {
  readonly #list: ((ctx: MessageContext) => T)[]

  constructor(values: readonly Value[], read: (value: Value, ctx: MessageContext) => T) {
    this.#list = values.map(value => ctx => read(value, ctx))
  }

  inline(compile: Compile, read: (expression: Expression, ctx: MessageContext, at: number) => T): InlineExpressions {
    return (source, at, element) => {
      const expression = compile(source, element)
      return expression && this.#list.push(ctx => read(expression, ctx, at))
    }
  }

  of(ctx: MessageContext): T[] {
    return this.#list.map(read => read(ctx))
  }
}

function xmlMaker(template: XmlElement, values: readonly Value[], compile: Compile): Fill {
  const args = new Arguments(values, xmlArgument)
  const inline = args.inline(compile, (expression, ctx) =>
    inlineXmlArgument(expression.value(ctx), expression.string(ctx)),
  )
  const fill = xmlTemplate(template, inline)
  return ctx => setXml(fill(args.of(ctx)), ctx)
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

function textOfValue({ source }: Value, ctx: MessageContext): string {
  return source.kind === 'value' ? source.value : source.value.string(ctx)
}

function xmlArgument(value: Value, ctx: MessageContext): XmlArgument {
  const { source, literal, escapeXmlChars } = value
  const wantsTree = !escapeXmlChars && !literal
  const given = wantsTree && source.kind === 'expression' && !source.value.neverJson && source.value.value(ctx)
  if (isJsonTree(given)) return { text: '', elements: elementsOfJson(given) }
  const text = textOfValue(value, ctx)
  return { text, elements: wantsTree ? elementsIn(text) : undefined }
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
      text = template(
        freemarkerRoots(ctx, number => values[number - 1] && freemarkerArgument(values[number - 1]!, ctx)),
      )
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

function freemarkerArgument(value: Value, ctx: MessageContext): unknown {
  const { source } = value
  if (source.kind === 'value') return source.value
  const given = source.value.value(ctx)
  const isText = given === undefined || given === null || typeof given === 'string' || typeof given === 'number'
  return isText ? textOfValue(value, ctx) : valueOf(given, () => textOfValue(value, ctx))
}

function jsonMaker(text: string, values: readonly Value[], compile: Compile): Fill {
  const args = new Arguments(values, (value, ctx) => {
    const { source, literal } = value
    const given = source.kind === 'value' ? source.value : source.value.value(ctx)
    const shown = textOfValue(value, ctx)
    return literal && !isJsonTree(given) ? shown : jsonArgument(given, shown)
  })
  const inline = args.inline(compile, (expression, ctx, at) =>
    inlineJsonArgument(expression.value(ctx), expression.string(ctx), isQuotedAt(text, at)),
  )
  const fill = textTemplate(text, inline)
  return ctx => setJson(fill(args.of(ctx)), ctx)
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

function textMaker(text: string, values: readonly Value[], compile: Compile): Fill {
  const args = new Arguments(values, textOfValue)
  const fill = textTemplate(
    text,
    args.inline(compile, (expression, ctx) => expression.string(ctx)),
  )
  return ctx => setText(fill(args.of(ctx)), ctx)
}

function setText(text: string, ctx: MessageContext): void {
  replaceBody(ctx, Body.ofBytes(Buffer.from(text, 'utf8'), 'text/plain; charset=UTF-8'), 'text/plain')
}

function replaceBody({ message }: MessageContext, body: Body, type: string): void {
  message.body.discard()
  message.body = body
  setMessageType(message, type)
}
