import { envelopeOf, envelopeView, payloadElement } from '../../codecs/envelope.ts'
import { asDocument } from '../../expr/xslt/as-document.ts'
import { StylesheetCache } from '../../expr/xslt/stylesheet-cache.ts'
import type { Stylesheet, TransformResult } from '../../expr/xslt/stylesheet.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Expression } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { locationsOf, parametersFor, stylesheetFields } from '../../runtime/stylesheet-fields.ts'
import { attr, defineMediator, dynamicString, dynamicText, expression, flag, text } from '../../schema/index.ts'
import { parseXml } from '../../xml/reader.ts'
import { replace, XmlElement } from '../../xml/tree.ts'
import { XmlError } from '../../xml/xml-error.ts'

export default defineMediator({
  tag: 'xslt',
  summary: 'Transforms the body, or a part of it, with an XSLT 1.0 stylesheet.',
  details: `
    The stylesheet is a local entry or a registry resource, compiled when it is first used and again when its text
    changes. It sees the source element as a document of its own, and its result takes the place of that element. With
    output method \`text\` the result is a text payload. Of a SOAP body or envelope as source the content is replaced. A
    stylesheet that says version 2.0 runs as long as it uses nothing but XSLT 1.0, which is what most of them do; the rest
    is refused with its line. \`xsl:import\`, \`xsl:include\` and \`document()\` find local entries and registry resources
    only. Recursion, steps and the size of the result are limited.`,
  fields: {
    key: attr(dynamicText(), { required: true, doc: 'Local entry or registry resource with the stylesheet.' }),
    source: attr(expression(), { doc: 'Selects the element to transform. Without it: the first element of the body.' }),
    target: attr(text(), { doc: 'Property that takes the result; the message stays as it is.' }),
    useCache: attr(flag(), {
      fallback: true,
      advanced: true,
      doc: 'Whether a compiled stylesheet is kept.',
      ignored: 'a stylesheet is always kept until its text changes',
    }),
    ...stylesheetFields,
  },
  examples: [
    { title: 'By a local entry', xml: '<xslt key="orders-to-invoices"/>' },
    {
      title: 'A part of the message, with a parameter and an included stylesheet',
      xml: `<xslt key="conf:/xslt/order.xslt" source="//m:order" target="invoice" xmlns:m="urn:m"><property name="currency" expression="get-property('currency')"/><resource location="common.xslt" key="conf:/xslt/common.xslt"/></xslt>`,
    },
  ],
  create({ key, source, target, properties, resources }) {
    const stylesheets = new StylesheetCache(locationsOf(resources))
    return {
      needsBody: true,
      mediate(ctx) {
        const element = sourceOf(source, ctx)
        if (element === undefined) return 'next'
        const stylesheet = stylesheets.find(dynamicString(key!, ctx), ctx.runtime)
        const result = asDocument(element, document =>
          stylesheet.transform(document, {
            params: parametersFor(properties, ctx),
            resolve: stylesheets.resolver(ctx.runtime),
            message: said => ctx.log.info(`xsl:message: ${said}`, { stylesheet: stylesheet.key }),
          }),
        )
        const made = result.method === 'text' ? result.text() : only(result, stylesheet)
        if (target !== undefined) ctx.properties.set(target, made)
        else put(typeof made === 'string' ? payloadElement('text', made) : made, source, ctx)
        return 'next'
      },
    }
  },
})

/** The element to transform; undefined if the body is empty. */
function sourceOf(source: Expression | undefined, ctx: MessageContext): XmlElement | undefined {
  if (source === undefined) return ctx.message.body.view(envelopeView).firstChild
  const found = source.value(ctx)
  const node: unknown = Array.isArray(found) ? found[0] : found
  if (node instanceof XmlElement) return node
  throw new IntegrationError('MEDIATION_FAILED', `source="${source.source}" selects no element of this message`)
}

/** The element a result consists of. Text that was to be written without escaping may be markup, so it is read anew. */
function only(result: TransformResult, stylesheet: Stylesheet): XmlElement {
  const nodes = result.raw === null ? result.nodes : reread(result, stylesheet)
  const elements = nodes.filter(node => node.kind === 'element')
  const [element] = elements
  if (
    element === undefined ||
    elements.length > 1 ||
    nodes.some(node => node.kind === 'text' && /\S/.test(node.value))
  ) {
    const what = element === undefined ? 'no element' : 'more than one element, or text beside it'
    throw new IntegrationError(
      'TRANSFORM_FAILED',
      `the stylesheet "${stylesheet.key}" made ${what} for this message; a payload is one element, or text with <xsl:output method="text"/>`,
    )
  }
  element.parent = null
  return element
}

function reread(result: TransformResult, stylesheet: Stylesheet): TransformResult['nodes'] {
  try {
    return parseXml(result.text()).children
  } catch (thrown) {
    if (!(thrown instanceof XmlError)) throw thrown
    throw new IntegrationError(
      'TRANSFORM_FAILED',
      `the result of the stylesheet "${stylesheet.key}" is not well-formed because of disable-output-escaping: ${thrown.message}`,
      { cause: thrown },
    )
  }
}

/** Puts the result where the source was; of the envelope and its parts the content is exchanged. */
function put(made: XmlElement, source: Expression | undefined, ctx: MessageContext): void {
  const { body } = ctx.message
  const envelope = body.edit(envelopeView)
  // Editing may have made a copy of the tree: the source is looked for again.
  const old = sourceOf(source, ctx)!
  if (old === envelope.root) body.replace(envelopeView, envelopeOf(made))
  else if (old.parent === envelope.root) {
    const content = [...made.children]
    old.clear()
    for (const node of content) old.append(node)
  } else replace(old, made)
}
