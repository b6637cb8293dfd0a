/** From a request to the resource of an API that answers it (synapse-language G.1). */
import type { MessageContext, Origin } from '../kernel/context.ts'
import type { ApiRequest, ApiRoute, Log } from '../kernel/contracts.ts'
import { Body, HeaderMap, Message } from '../kernel/message.ts'
import type { CorsSettings } from '../schema/services.ts'
import { dispatch, methodsOf, type ResourceRule } from './api-dispatch.ts'
import { corsVerdict } from './cors.ts'
import { handleFault, toCaller } from './service-flow.ts'

export interface ApiFacts {
  readonly name: string
  readonly context: string
  readonly version: string
  readonly prefix: string
}

export interface RoutedResource extends ResourceRule {
  readonly origin: Origin
  /** Runs the whole flow; faults end in it. */
  run(ctx: MessageContext): Promise<void>
}

/** What becomes of a request to the API: a resource, or the answer there is without one. */
export function route(
  api: ApiFacts,
  resources: readonly RoutedResource[],
  cors: CorsSettings | undefined,
  request: ApiRequest,
  log: Log,
): ApiRoute {
  const rest = request.url.slice(api.prefix.length)
  const question = rest.indexOf('?')
  const path = question < 0 ? rest : rest.slice(0, question)
  const query = question < 0 ? '' : rest.slice(question + 1)
  const found = dispatch(resources, request, path === '' ? '/' : path, query)
  const properties = facts(api, request, rest === '' ? '/' : rest)
  const isResource = found.kind === 'resource'
  const decoded = decodeInto(properties, isResource ? found.variables : [], query)
  const methods = isResource ? methodsOf(found.resource) : 'allowed' in found ? found.allowed : []
  const from = cors && request.header('origin')
  const verdict = cors && from !== undefined ? corsVerdict(cors, from, methods) : undefined
  const begin = (ctx: MessageContext): void => {
    for (let at = 0; at < properties.length; at += 2) ctx.properties.set(properties[at]!, properties[at + 1])
  }
  const shared = { rest, ...(verdict && { answerHeaders: verdict.headers }) }
  if (isResource && decoded) {
    const { resource } = found
    return {
      ...shared,
      origin: resource.origin,
      handle(ctx) {
        begin(ctx)
        return resource.run(ctx)
      },
    }
  }
  return {
    ...shared,
    origin: { label: `api:${api.name}`, kind: 'api', name: api.name, onReply: toCaller },
    async handle(ctx) {
      begin(ctx)
      if (found.kind === 'options') {
        const allow = ['Allow', found.allowed.join(', ')]
        return answer(ctx, verdict?.allowed === false ? 403 : 200, allow)
      }
      if (!decoded || found.kind === 'filtered') return answer(ctx, 400, [])
      const wrongMethod = found.kind === 'method'
      const handler = wrongMethod ? '_method_not_allowed_handler_' : '_resource_mismatch_handler_'
      const sequence = ctx.runtime.find('sequence', handler)
      if (!sequence) return answer(ctx, wrongMethod ? 405 : 404, wrongMethod ? ['Allow', found.allowed.join(', ')] : [])
      try {
        await sequence.mediate(ctx)
      } catch (thrown) {
        await handleFault(thrown, undefined, ctx)
      }
    },
  }

  function answer(ctx: MessageContext, status: number, headers: string[]): void {
    if (status !== 200) log.debug(`${request.method} ${request.url} was answered ${status}: no resource of the API`)
    ctx.message.body.discard()
    const reply = new Message({ body: Body.empty(), headers: new HeaderMap(headers), isResponse: true })
    reply.axis2.set('HTTP_SC', status)
    reply.axis2.set('NO_ENTITY_BODY', true)
    ctx.exchange.reply(reply, ctx)
  }
}

/** Properties of the request, names and values alternating: set when there is a context to set them on. */
function facts(api: ApiFacts, request: ApiRequest, subPath: string): string[] {
  const { method, url, scheme } = request
  const found = ['REST_METHOD', method, 'REST_FULL_REQUEST_PATH', url, 'REST_SUB_REQUEST_PATH', subPath]
  found.push('REST_API_CONTEXT', api.context, 'REST_URL_PREFIX', `${scheme}://${request.header('host') ?? 'localhost'}`)
  found.push('SYNAPSE_REST_API', api.name)
  if (api.version !== '') found.push('SYNAPSE_REST_API_VERSION', api.version)
  return found
}

/** False if something is not percent-encoded as it should be. */
function decodeInto(properties: string[], variables: readonly string[], query: string): boolean {
  try {
    for (let at = 0; at < variables.length; at += 2) {
      properties.push(`uri.var.${variables[at]}`, decodeURIComponent(variables[at + 1]!))
    }
    for (const part of query === '' ? [] : query.split('&')) {
      const equals = part.indexOf('=')
      const name = equals < 0 ? part : part.slice(0, equals)
      const value = equals < 0 ? '' : part.slice(equals + 1).replaceAll('+', ' ')
      if (name !== '') properties.push(`query.param.${decodeURIComponent(name)}`, decodeURIComponent(value))
    }
    return true
  } catch {
    return false
  }
}
