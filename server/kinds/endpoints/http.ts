import type { MessageContext } from '../../kernel/context.ts'
import { managerOfAddress, parseJmsAddress, resolveTransport } from '../../drivers/jms/transport-parameters.ts'
import { parseUriTemplate, type UriTemplate } from '../../expr/uri-template.ts'
import { authenticated, authenticationFields, type Authentication } from '../../runtime/endpoint-auth.ts'
import { checkQueueAddress } from '../../runtime/jms/check.ts'
import { withFactory } from '../../runtime/jms/factories.ts'
import { leafEndpoint } from '../../runtime/leaf-endpoint.ts'
import { checkRabbitAddress } from '../../runtime/rabbitmq/check.ts'
import { attr, child, defineEndpoint, layers, oneOf, text } from '../../schema/index.ts'
import type { ValueType } from '../../schema/types.ts'

/** `legacy-encoding:` switches to an encoder that keeps what is encoded in values already. */
const LEGACY = 'legacy-encoding:'

const uriTemplate: ValueType<UriTemplate> = {
  name: 'uriTemplate',
  expected: 'a URI template such as http://host/orders/{uri.var.id}',
  xsd: 'xs:string',
  parse(given, site) {
    const resolved = site.substitute(given.trim())
    if (!('value' in resolved)) return resolved
    const isLegacy = resolved.value.startsWith(LEGACY)
    const plain = isLegacy ? resolved.value.slice(LEGACY.length) : resolved.value
    try {
      // A template that begins with a variable holds a whole address, which must not be encoded.
      const template = parseUriTemplate(/^\{[\w]/.test(plain) ? `{+${plain.slice(1)}` : plain, isLegacy)
      return { value: { ...template, source: isLegacy ? `${LEGACY}${template.source}` : template.source } }
    } catch (thrown) {
      return {
        problem: thrown instanceof Error ? thrown.message : String(thrown),
        hint: 'Variables are written {uri.var.name}.',
      }
    }
  },
  print: value => value.source,
}

export default defineEndpoint({
  tag: 'http',
  summary: 'Sends to an address made from the message, REST style.',
  details: `
    Variables of the template are default-scope properties, named in full: \`{uri.var.id}\`, \`{query.param.q}\`. One
    without a value expands to nothing. What followed the service in the request's path is not appended.`,
  fields: {
    template: attr(uriTemplate, { name: 'uri-template', required: true, doc: 'Where to send.' }),
    method: attr(text({ pattern: /^[A-Za-z]+$/, expected: 'an HTTP method' }), {
      doc: 'Absent: the method of the message.',
    }),
    version: attr(oneOf('1.1', '2.0'), { doc: 'HTTP version.', ignored: 'Requests are sent in HTTP/1.1.' }),
    authentication: child('authentication', authenticationFields, { doc: 'What the back end wants to know of us.' }),
    layers: layers({ doc: 'How long to wait, when to rest, when to try again.' }),
  },
  examples: [
    { title: 'Read one order', xml: '<http method="get" uri-template="http://127.0.0.1:9000/orders/{uri.var.id}"/>' },
    {
      title: 'With a token of the client',
      xml: `<http method="post" uri-template="http://127.0.0.1:9000/orders"><authentication><oauth><clientCredentials>
  <clientId>holdfast</clientId><clientSecret>{get-property('secret')}</clientSecret><tokenUrl>http://127.0.0.1:9000/token</tokenUrl>
</clientCredentials></oauth></authentication></http>`,
    },
  ],
  check({ template, authentication }, site) {
    const uri = template?.source ?? ''
    // One with variables is another address for each message.
    if (!uri.includes('{')) {
      checkQueueAddress(uri, 'uri-template', site, { parse: parseJmsAddress, resolve: resolveTransport })
      checkRabbitAddress(uri, 'uri-template', site)
    }
    if (authentication && grantsIn(authentication) !== 1) {
      const hint =
        'Write <basicAuth>, or <oauth> with one of clientCredentials, passwordCredentials, authorizationCode.'
      site.error('invalid-value', '<authentication> has to say exactly one way', site.element.offset, hint)
    }
  },
  manager: ({ template }, factories) =>
    managerOfAddress(template?.source ?? '', written => withFactory(written, factories).all),
  create({ template, method, authentication, layers }, env) {
    const fixed = { ...(method && { method: method.toUpperCase() }) }
    const value = (ctx: MessageContext) => (name: string) => {
      const given = ctx.properties.get(name)
      return given === undefined ? undefined : String(given)
    }
    return leafEndpoint(
      layers,
      env,
      (request, ctx) => {
        if (request.flag('REST_URL_POSTFIX') !== undefined) request.axis2.delete('REST_URL_POSTFIX')
        return { url: template!.expand(value(ctx)), ...fixed }
      },
      authentication && { exchange: authenticated(authentication, env.services) },
    )
  },
})

function grantsIn({ basicAuth, oauth }: Authentication): number {
  const ways = [basicAuth, oauth?.clientCredentials, oauth?.passwordCredentials, oauth?.authorizationCode]
  return ways.filter(way => way !== undefined).length
}
