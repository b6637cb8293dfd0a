/** `/message-processors`: MI's resource, with the reason why one does not work beside its status. */
import type { MessageProcessor } from '../kernel/contracts.ts'
import { maskText } from '../kernel/secrets.ts'
import type { ApiAnswer, ApiRequest, Managed, Resource } from './api.ts'
import { audit, described, failure, isAnswer, iso, listed, ok, refusal, textsOf } from './api.ts'

export function processorResources(managed: Managed): Resource[] {
  return [
    {
      path: '/message-processors',
      methods: { GET: request => processors(managed, request), POST: request => change(managed, request) },
    },
  ]
}

const find = (managed: Managed, name: string): MessageProcessor | undefined =>
  managed.registry().find('message-processor', name)

function unknown(): ApiAnswer {
  return refusal(404, 'Message processor does not exist')
}

function processors(managed: Managed, request: ApiRequest): ApiAnswer {
  const { name } = request.query
  if (name === undefined) {
    return listed(request, managed.registry().names('message-processor'), name => {
      const processor = find(managed, name)
      return processor && { name, type: processor.type, status: statusOf(processor), ...observed(processor) }
    })
  }
  const processor = find(managed, name)
  if (!processor) return unknown()
  const { file, configuration, parameters } = described(managed, 'message-processor', name)
  return ok({
    name,
    type: processor.type,
    artifactContainer: '',
    fileName: file,
    messageStore: processor.store,
    parameters: { ...processor.parameters, ...parameters },
    status: statusOf(processor),
    configuration,
    ...observed(processor),
  })
}

/** MI knows two: `active` is a processor that works or will go on by itself. */
export function statusOf({ state }: MessageProcessor): 'active' | 'inactive' {
  return state.wanted === 'active' && state.observed !== 'stopped' && state.observed !== 'stopping'
    ? 'active'
    : 'inactive'
}

/** Wanted and observed state apart (P7), as every page about processors shows them. */
export function observed({ state }: MessageProcessor): Record<string, unknown> {
  return {
    wanted: state.wanted,
    observed: state.observed,
    since: iso(state.since),
    ...(state.reason !== undefined && { reason: maskText(state.reason) }),
    ...(state.nextTry !== undefined && { nextAttemptAt: iso(state.nextTry) }),
    ...(state.messageId !== undefined && { blockedMessageId: state.messageId }),
    ...(state.attempts !== undefined && { attempts: state.attempts }),
  }
}

async function change(managed: Managed, request: ApiRequest): Promise<ApiAnswer> {
  const texts = textsOf(request.body, 'name', 'status')
  if (isAnswer(texts)) return texts
  const [name, wanted] = [texts[0]!, texts[1]!.toLowerCase()]
  const processor = find(managed, name)
  if (!processor) return unknown()
  if (wanted !== 'active' && wanted !== 'inactive') return refusal(400, 'Provided state is not valid')
  const by = { by: `operator:${request.user}` }
  try {
    if (wanted === 'active') await processor.activate(by)
    else await processor.deactivate(by, `deactivated by ${request.user} through the management API`)
  } catch (thrown) {
    return failure(`${name} : could not be ${wanted === 'active' ? 'activated' : 'deactivated'}`, thrown)
  }
  const action = wanted === 'active' ? 'enabled' : 'disabled'
  audit(managed.log, { by: request.user, action, type: 'message_processor', info: { name } })
  const { state } = processor
  // Flat strings only: clients decode the answer to a write as a map of texts.
  return ok({
    Message: `${name} : is ${wanted === 'active' ? 'activated' : 'deactivated'}`,
    observed: state.observed,
    ...(state.reason !== undefined && { reason: maskText(state.reason) }),
  })
}
