import { asIntegrationError, type IntegrationError } from '../kernel/errors.ts'
import { formatOf } from '../codecs/client-format.ts'
import { parseContentType } from '../codecs/content-type.ts'
import { Body, HeaderMap, Message } from '../kernel/message.ts'
import { Injector, type Entrance } from '../runtime/injection.ts'
import type { ArtifactEnv } from '../schema/index.ts'
import type { ExtensionMessage, ExtensionProperties, ExtensionTask } from './api.ts'
import { Callee } from './call.ts'
import { plainLog } from './context.ts'

/** One run of a task whose class is an extension; resolves with the fault it ended in, if any. */
export function extensionTask(
  className: string,
  properties: ExtensionProperties,
  env: ArtifactEnv,
): () => Promise<IntegrationError | undefined> {
  const { services, log, at, name } = env
  const callee = new Callee(className, 'execute', `<task name="${name}" class="${className}">`, services, at)
  const label = `task:${name}`
  const inject = async (message: ExtensionMessage, entrance: Entrance): Promise<void> => {
    const injector = new Injector({ label, kind: 'task', name }, entrance, services, log)
    const { fault } = await injector.inject(messageOf(message))
    if (fault) throw fault
  }
  return async () => {
    try {
      await callee.within(undefined, (run, signal) => {
        const task: ExtensionTask = {
          name,
          signal,
          log: plainLog(log, label),
          entry: key => services.registry().find('local-entry', key)?.text(),
          inject: (message, into) => inject(message, entranceOf(into, env)),
        }
        return run(task, properties)
      })
      return undefined
    } catch (thrown) {
      return asIntegrationError(thrown, at)
    }
  }
}

function entranceOf(into: Parameters<ExtensionTask['inject']>[1], { at }: ArtifactEnv): Entrance {
  if (!into) return { kind: 'main' }
  if ('sequence' in into) return { kind: 'sequence', ref: { role: 'sequence', name: into.sequence, at } }
  return { kind: 'proxy', ref: { role: 'proxy', name: into.proxy, at } }
}

function messageOf({ body, contentType, headers = {}, to, action }: ExtensionMessage): Message {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body
  return new Message({
    body: Body.ofBytes(bytes, contentType),
    headers: HeaderMap.of({ 'Content-Type': contentType, ...headers }),
    format: formatOf(parseContentType(contentType)),
    addressing: { ...(to !== undefined && { to }), ...(action !== undefined && { action }) },
  })
}
