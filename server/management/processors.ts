/** `/message-processors`: MI's resource, with the reason why one does not work beside its status. */
import type { MessageProcessor } from '../kernel/contracts.ts'
import type { ApiAnswer, ApiRequest, Managed, Resource } from './api.ts'
import { described, iso, listed, ok, refusal } from './api.ts'
import { change, observedState, type Switching } from './switching.ts'

export function processorResources(managed: Managed): Resource[] {
  return [
    {
      path: '/message-processors',
      methods: { GET: request => processors(managed, request), POST: request => change(SWITCHING, managed, request) },
    },
  ]
}

const find = (managed: Managed, name: string): MessageProcessor | undefined =>
  managed.registry().find('message-processor', name)

function unknown(): ApiAnswer {
  return refusal(404, 'Message processor does not exist')
}

const SWITCHING: Switching<MessageProcessor> = { type: 'message_processor', find, unknown }

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
    ...observedState(state),
    ...(state.nextTry !== undefined && { nextAttemptAt: iso(state.nextTry) }),
    ...(state.messageId !== undefined && { blockedMessageId: state.messageId }),
    ...(state.attempts !== undefined && { attempts: state.attempts }),
  }
}
