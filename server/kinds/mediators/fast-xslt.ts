import { parseContentType } from '../../codecs/content-type.ts'
import { envelopeView } from '../../codecs/envelope.ts'
import type { Envelope } from '../../codecs/envelope.ts'
import { setMessageType } from '../../codecs/payloads.ts'
import { asDocument } from '../../expr/xslt/as-document.ts'
import { StylesheetCache } from '../../expr/xslt/stylesheet-cache.ts'
import type { MessageContext } from '../../kernel/context.ts'
import { Body } from '../../kernel/message.ts'
import { locationsOf, parametersFor, stylesheetFields } from '../../runtime/stylesheet-fields.ts'
import { attr, defineMediator, dynamicString, dynamicText } from '../../schema/index.ts'
import type { XmlDocument } from '../../xml/tree.ts'

export default defineMediator({
  tag: 'fastXSLT',
  summary: 'Transforms the whole payload with an XSLT 1.0 stylesheet, as it stands on the wire.',
  details: `
    Unlike \`xslt\` it takes everything that arrived, a SOAP envelope included, and what the stylesheet writes is the new
    payload byte by byte: \`xsl:output\` decides how it looks, in UTF-8.`,
  fields: {
    key: attr(dynamicText(), { required: true, doc: 'Local entry or registry resource with the stylesheet.' }),
    ...stylesheetFields,
  },
  examples: [{ title: 'By a registry resource', xml: '<fastXSLT key="gov:/xslt/order.xslt"/>' }],
  create({ key, properties, resources }) {
    const stylesheets = new StylesheetCache(locationsOf(resources))
    return {
      needsBody: true,
      mediate(ctx) {
        const { message } = ctx
        const envelope = message.body.view(envelopeView)
        if (!hasPayload(envelope)) return 'next'
        const stylesheet = stylesheets.find(dynamicString(key!, ctx), ctx.runtime)
        const written = onDocument(envelope, document =>
          stylesheet
            .transform(document, {
              params: parametersFor(properties, ctx),
              resolve: stylesheets.resolver(ctx.runtime),
              message: said => ctx.log.info(`xsl:message: ${said}`, { stylesheet: stylesheet.key }),
            })
            .text('UTF-8'),
        )
        setBytes(written, stylesheet.output.method === 'text', ctx)
        return 'next'
      },
    }
  },
})

function hasPayload(envelope: Envelope): boolean {
  return envelope.arrived === 'envelope' || envelope.firstChild !== undefined
}

/** What stood on the wire: the envelope if one arrived, else the payload, which is its own document for that time. */
function onDocument<T>(envelope: Envelope, work: (document: XmlDocument) => T): T {
  const payload = envelope.firstChild
  if (envelope.arrived === 'envelope' || payload === undefined) return work(envelope.document)
  return asDocument(payload, work)
}

function setBytes(written: string, isText: boolean, { message }: MessageContext): void {
  const { contentType } = message.body
  const { type, kind } = parseContentType(contentType)
  const isXml = kind === 'soap11' || kind === 'soap12' || kind === 'pox'
  const plain = isText ? 'text/plain' : 'application/xml'
  message.body.discard()
  message.body = Body.ofBytes(Buffer.from(written, 'utf8'), `${isXml ? type : plain}; charset=UTF-8`)
  // A payload that was no XML changes its kind.
  if (!isXml) setMessageType(message, plain)
}
