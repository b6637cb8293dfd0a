import { parseContentType } from '../../codecs/content-type.ts'
import { Envelope, envelopeView, newEnvelope } from '../../codecs/envelope.ts'
import { jsonView } from '../../codecs/json.ts'
import { setMessageType } from '../../codecs/payloads.ts'
import { copies } from '../../codecs/xml-parts.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Expression, Outcome } from '../../kernel/contracts.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import type { Message } from '../../kernel/message.ts'
import { sendOptions } from '../../kernel/sending.ts'
import {
  address,
  attr,
  child,
  defineMediator,
  endpoint,
  expression,
  flag,
  oneOf,
  ref,
  text,
} from '../../schema/index.ts'
import { graft } from '../../xml/graft.ts'
import { parseXml } from '../../xml/reader.ts'
import { XmlElement } from '../../xml/tree.ts'

const java = 'There is no Axis2 client here.'
/** What Synapse reports for every failure of a callout. */
const CALLOUT_FAILED = 401000

export default defineMediator({
  tag: 'callout',
  summary: 'Asks another service and goes on with its answer in the message.',
  details: `
    The request is the whole envelope, the element a path selects, or what a property or local entry holds. The answer
    takes the place of the body, of the element the target's path selects, or goes into a property; a JSON answer takes
    the place of the body. HTTP_SC of the answer is kept in the axis2 scope. A SOAP fault, a status other than 2xx, 400
    and 500, or no answer is a fault with ERROR_CODE 401000. Newer configurations use \`<call blocking="true">\`.`,
  fields: {
    serviceURL: attr(address(), { doc: 'Where the service is.' }),
    endpointKey: attr(ref('endpoint'), { doc: 'The endpoint to ask instead.' }),
    action: attr(text(), { doc: 'SOAP action of the request.' }),
    initAxis2ClientOptions: attr(flag(), { doc: 'Java engine detail.', ignored: java }),
    endpoint: endpoint({ doc: 'The endpoint to ask, written in place.' }),
    configuration: child(
      'configuration',
      {
        axis2xml: attr(text(), { doc: 'Java client configuration.', ignored: java }),
        repository: attr(text(), { doc: 'Java client repository.', ignored: java }),
      },
      { doc: 'Java engine detail.' },
    ),
    source: child(
      'source',
      {
        type: attr(oneOf('envelope'), { doc: 'The whole envelope, which is what is sent anyway.' }),
        xpath: attr(expression(), { doc: 'Selects the element to send.' }),
        key: attr(text(), { doc: 'Property, or local entry, that holds what to send.' }),
      },
      { doc: 'What to send; absent: the whole envelope.' },
    ),
    target: child(
      'target',
      {
        xpath: attr(expression(), { doc: 'Selects the element the answer takes the place of.' }),
        key: attr(text(), { doc: 'Property the answer goes into.' }),
      },
      { doc: 'Where the answer goes; absent: it takes the place of the body.' },
    ),
    enableSec: child('enableSec', { policy: attr(text(), { doc: 'Policy key.' }) }, { doc: 'WS-Security.' }),
  },
  examples: [
    {
      title: 'Ask with the body, go on with the answer',
      xml: `<callout serviceURL="http://127.0.0.1:9000/services/SimpleStockQuoteService" action="urn:getQuote"><source xpath="$body/*[1]"/><target xpath="$body/*[1]"/></callout>`,
    },
  ],
  check({ enableSec, serviceURL, endpointKey, endpoint }, site) {
    const { offset } = site.element
    if (enableSec) {
      site.error('not-supported', 'WS-Security is not supported', offset, 'Remove <enableSec>.')
    }
    if ([serviceURL, endpointKey, endpoint].filter(given => given !== undefined).length > 1) {
      site.warn(
        'one-too-many',
        'only one of serviceURL, endpointKey and <endpoint> counts',
        offset,
        'Keep one of them.',
      )
    }
  },
  create({ serviceURL, endpointKey, endpoint, action, source, target }, env) {
    const node = endpoint ?? (endpointKey && { at: env.at, target: endpointKey, properties: [] })
    const there = node && serviceURL === undefined ? env.endpoint(node) : env.services.defaultEndpoint
    return {
      needsBody: true,
      async mediate(ctx): Promise<Outcome> {
        const request = requestOf(ctx, source)
        const { addressing } = request
        if (serviceURL !== undefined) addressing.to = serviceURL
        if (action !== undefined) addressing.action = action
        const reply = await ask(request, ctx)
        if (reply) take(reply, ctx, target)
        return 'next'
      },
    }

    async function ask(request: Message, ctx: MessageContext): Promise<Message | null> {
      try {
        const reply = await there.send(request, ctx, sendOptions(ctx, false))
        if (reply === null) return null
        await reply.body.collect()
        const status = Number(reply.flag('HTTP_SC') ?? 200)
        ctx.message.axis2.set('HTTP_SC', status)
        if (status !== 400 && status !== 500 && (status < 200 || status > 299)) {
          throw new IntegrationError('TRANSPORT_ERROR', `Transport error: ${status}`)
        }
        const fault = parseContentType(reply.body.contentType).kind === 'json' ? undefined : faultIn(reply)
        if (fault !== undefined) throw new IntegrationError('SOAP_FAULT', fault)
        return reply
      } catch (thrown) {
        const { code, message, retryable, ambiguous } = asIntegrationError(thrown)
        throw new IntegrationError(code, message, {
          at: env.at,
          cause: thrown,
          errorCode: CALLOUT_FAILED,
          retryable,
          ambiguous,
        })
      }
    }

    function faultIn(reply: Message): string | undefined {
      return reply.body.isEmpty ? undefined : env.services.faultReason(reply)
    }
  },
})

interface Place {
  readonly xpath: Expression | undefined
  readonly key: string | undefined
}

function requestOf(ctx: MessageContext, source: Place | undefined): Message {
  const request = ctx.message.fork()
  delete request.addressing.messageId
  request.isResponse = false
  // A request that came as GET has none to send, one that is made here has.
  if (request.method === 'GET') request.method = 'POST'
  if (!source?.xpath && source?.key === undefined) return request
  const whole = request.body.view(envelopeView)
  const [element] = source.xpath ? copies(source.xpath.value(ctx)) : held(source.key!, ctx)
  if (!(element instanceof XmlElement)) {
    const what = source.xpath ? `the path ${source.xpath.source} selects` : `"${source.key}" holds`
    throw new IntegrationError('MEDIATION_FAILED', `${what} no element to send`, { errorCode: CALLOUT_FAILED })
  }
  const made = newEnvelope(whole.soap, element)
  request.body.replace(envelopeView, new Envelope(made.document, whole.arrived))
  return request
}

function held(key: string, ctx: MessageContext): readonly unknown[] {
  const value = ctx.properties.get(key)
  if (value === undefined) {
    const entry = ctx.runtime.find('local-entry', key)
    return entry ? [parseXml(entry.text()).root] : []
  }
  return typeof value === 'string' && value.trim().startsWith('<') ? [parseXml(value).root] : copies(value)
}

function take(reply: Message, ctx: MessageContext, target: Place | undefined): void {
  const { message } = ctx
  const isJson = parseContentType(reply.body.contentType).kind === 'json'
  if (target?.key !== undefined) {
    const value = isJson ? reply.body.view(jsonView).value : reply.body.view(envelopeView).body.childElements
    ctx.properties.set(target.key, value)
    return
  }
  if (isJson) {
    message.body = reply.body
    setMessageType(message, 'application/json')
    return
  }
  const answer = reply.body.view(envelopeView)
  if (!target?.xpath) {
    message.body.replace(envelopeView, answer.clone())
    return
  }
  message.body.edit(envelopeView)
  const [place] = [target.xpath.value(ctx)].flat()
  const nodes = copies(answer.body.childElements.slice(0, 1))
  if (!(place instanceof XmlElement) || !graft(place, nodes, 'replace')) {
    throw new IntegrationError('MEDIATION_FAILED', `the path ${target.xpath.source} selects no element to replace`, {
      errorCode: CALLOUT_FAILED,
    })
  }
}
