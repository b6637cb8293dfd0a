import type { MessageContext } from '../../kernel/context.ts'
import { managerOfAddress, parseJmsAddress, resolveTransport } from '../../drivers/jms/transport-parameters.ts'
import type { HttpTarget } from '../../schema/services.ts'
import { checkQueueAddress } from '../../runtime/jms/check.ts'
import { withFactory } from '../../runtime/jms/factories.ts'
import { leafEndpoint } from '../../runtime/leaf-endpoint.ts'
import { checkRabbitAddress } from '../../runtime/rabbitmq/check.ts'
import { withPostfix } from '../../runtime/rest-postfix.ts'
import { address, attr, child, defineEndpoint, flag, layers, oneOf, text } from '../../schema/index.ts'

const addressing = {
  version: attr(oneOf('final', 'submission'), { fallback: 'final', doc: 'Which WS-Addressing.' }),
  separateListener: attr(flag(), {
    doc: 'Replies on a connection of their own.',
    ignored: 'Replies come back on the connection of the request.',
  }),
}

export default defineEndpoint({
  tag: 'address',
  summary: 'Sends to a fixed address.',
  details: `
    \`\${name}\` in the address is replaced by a default-scope property of the message, or left as it is if there is none.
    What followed the service in the request's path (REST_URL_POSTFIX) is appended, except for SOAP formats; remove that
    property to stop it.`,
  fields: {
    uri: attr(address(), { required: true, doc: 'Where to send.' }),
    format: attr(oneOf('soap11', 'soap12', 'pox', 'get', 'rest'), { doc: 'What to send; absent: what came.' }),
    optimize: attr(oneOf('mtom', 'swa'), { doc: 'Attachments.', ignored: 'Attachments pass through as they came.' }),
    encoding: attr(text(), {
      doc: 'Character set.',
      ignored: 'Everything is sent as UTF-8 unless it passes through untouched.',
    }),
    addressing: child('enableAddressing', addressing, { doc: 'Adds WS-Addressing headers.' }),
    layers: layers({ doc: 'How long to wait, when to rest, when to try again.' }),
  },
  examples: [
    { title: 'The sample back end', xml: '<address uri="http://127.0.0.1:9000/services/SimpleStockQuoteService"/>' },
    {
      title: 'With a timeout',
      xml: '<address uri="http://127.0.0.1:9000/orders" format="pox"><timeout><duration>5000</duration><responseAction>fault</responseAction></timeout></address>',
    },
  ],
  manager: ({ uri }, factories) => managerOfAddress(uri ?? '', written => withFactory(written, factories).all),
  check({ uri }, site) {
    if (!(uri ?? '').includes('${')) {
      checkQueueAddress(uri ?? '', 'uri', site, { parse: parseJmsAddress, resolve: resolveTransport })
      checkRabbitAddress(uri ?? '', 'uri', site)
    }
  },
  create({ uri, format, addressing, layers }, env) {
    const locate = uriOf(uri ?? '')
    const fixed = { ...(format && { format }), ...(addressing && { addressing: addressing.version }) }
    const keepsPath = format !== 'soap11' && format !== 'soap12' && !/^(?:vfs|jms|rabbitmq):/i.test(uri ?? '')
    let last: HttpTarget = { url: '', ...fixed }
    const leaf = leafEndpoint(layers, env, (request, ctx) => {
      const found = locate(ctx)
      const url = keepsPath ? withPostfix(found, request) : found
      // Most addresses are the same each time, and so are their targets.
      if (url !== last.url) last = { url, ...fixed }
      return last
    })
    return { ...leaf, wsdlLocation: `${uri}?wsdl` }
  },
})

/** `${prop}` parts are found at deploy; most addresses have none. */
function uriOf(uri: string): (ctx: MessageContext) => string {
  const parts = uri.split(/\$\{([^}]+)\}/)
  if (parts.length === 1) return () => uri
  return ctx =>
    parts.map((part, index) => (index % 2 === 0 ? part : String(ctx.properties.get(part) ?? `\${${part}}`))).join('')
}
