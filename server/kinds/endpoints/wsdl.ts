import { findPort, type WsdlPort } from '../../codecs/wsdl-document.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import { leafEndpoint } from '../../runtime/leaf-endpoint.ts'
import { withPostfix } from '../../runtime/rest-postfix.ts'
import { address, attr, child, defineEndpoint, inlineXml, layers, oneOf, text } from '../../schema/index.ts'
import { parseXml } from '../../xml/reader.ts'

const NOT_READY = 303_002

export default defineEndpoint({
  tag: 'wsdl',
  summary: 'Sends to the address that a port of a WSDL names.',
  details: `
    The WSDL 1.1 is read once, at deploy; if it cannot be read the artifact is not deployed. The message goes out in the
    SOAP version of the port unless \`format\` says otherwise.`,
  fields: {
    uri: attr(address(), { doc: 'Where the WSDL is: http, https, a file of the home, or a registry key.' }),
    service: attr(address(), { required: true, doc: 'Name of the service in the WSDL.' }),
    port: attr(address(), { required: true, doc: 'Name of the port in the service.' }),
    format: attr(oneOf('soap11', 'soap12', 'pox', 'get', 'rest'), {
      doc: 'What to send; absent: what the port wants.',
    }),
    optimize: attr(oneOf('mtom', 'swa'), { doc: 'Attachments.', ignored: 'Attachments pass through as they came.' }),
    encoding: attr(text(), {
      doc: 'Character set.',
      ignored: 'Everything is sent as UTF-8 unless it passes through untouched.',
    }),
    addressing: child(
      'enableAddressing',
      { version: attr(oneOf('final', 'submission'), { fallback: 'final', doc: 'Which WS-Addressing.' }) },
      { doc: 'Adds WS-Addressing headers.' },
    ),
    layers: layers({ doc: 'How long to wait, when to rest, when to try again.' }),
    wsdl: inlineXml({ doc: 'The WSDL, written in place.' }),
  },
  examples: [
    {
      title: 'The sample back end',
      xml: '<wsdl uri="http://127.0.0.1:9000/services/SimpleStockQuoteService?wsdl" service="SimpleStockQuoteService" port="SimpleStockQuoteServiceHttpSoap11Endpoint"/>',
    },
  ],
  check({ uri, wsdl }, site) {
    if (uri === undefined && wsdl === undefined) site.missing('attribute "uri", or the WSDL inside')
  },
  create({ uri, service = '', port = '', format, addressing, layers, wsdl }, env) {
    let found: WsdlPort | undefined
    const read = async (): Promise<void> => {
      try {
        const root = wsdl ?? parseXml(await env.services.documents.read(uri!)).root
        found = findPort(root, service, port)
      } catch (thrown) {
        const why = `the WSDL of endpoint ${env.name}${uri === undefined ? '' : ` at ${uri}`}: ${textOf(thrown)}`
        throw new IntegrationError('NOT_SUPPORTED', why, { at: env.at, cause: thrown })
      }
    }
    env.prepare(read)
    const leaf = leafEndpoint(
      layers,
      env,
      request => {
        const { address, format: wanted } = found!
        const sent = format ?? wanted
        const plain = sent !== 'soap11' && sent !== 'soap12'
        return {
          url: plain ? withPostfix(address, request) : address,
          ...(sent && { format: sent }),
          ...(addressing && { addressing: addressing.version }),
        }
      },
      { restingCode: NOT_READY },
    )
    return {
      ...leaf,
      ...(uri !== undefined && { wsdlLocation: uri }),
      async send(request, ctx, options) {
        // Only an endpoint that was made while messages flow may not have been prepared.
        if (!found) await read()
        return leaf.send(request, ctx, options)
      },
    }
  },
})
