import { IntegrationError } from '../../kernel/errors.ts'
import { leafEndpoint } from '../../runtime/leaf-endpoint.ts'
import { attr, child, defineEndpoint, layers, oneOf, text } from '../../schema/index.ts'

export default defineEndpoint({
  tag: 'default',
  summary: 'Sends to the `To` address of the message.',
  details: 'The message decides where it goes; the endpoint says how: format, timeout, suspension.',
  fields: {
    format: attr(oneOf('soap11', 'soap12', 'pox', 'get', 'rest'), { doc: 'What to send; absent: what came.' }),
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
  },
  examples: [{ title: 'As SOAP 1.1, wherever the message goes', xml: '<default format="soap11"/>' }],
  create({ format, addressing, layers }, env) {
    const fixed = { ...(format && { format }), ...(addressing && { addressing: addressing.version }) }
    return leafEndpoint(layers, env, request => {
      const url = request.addressing.to
      if (url === undefined || url === '')
        throw new IntegrationError('NO_ADDRESS', 'the message has no To address for the default endpoint', {
          at: env.at,
        })
      return { url, ...fixed }
    })
  },
})
