import { movedOn } from '../kernel/stored-message.ts'
/** `/message-stores`: what MI offers, and beyond it a look into a store, deleting and moving. */
import { Buffer } from 'node:buffer'
import type { BrowsedMessage, MessageStore } from '../kernel/contracts.ts'
import { textOf } from '../kernel/errors.ts'
import { MASK, maskText, maskValue, namesSecret } from '../kernel/secrets.ts'
import type { ApiAnswer, ApiRequest, Managed, Resource } from './api.ts'
import { audit, described, failure, iso, listed, ok, refusal, textsOf } from './api.ts'
import { isAnswer } from './api.ts'

const DEFAULT_LIMIT = 50
const MOST_LISTED = 1000
const MOST_SHOWN = 64 * 1024
/** Messages looked at at once while all of a store are moved. */
const MOVED_AT_ONCE = 100

export function storeResources(managed: Managed): Resource[] {
  const withStore =
    (handler: (store: MessageStore, request: ApiRequest) => ApiAnswer | Promise<ApiAnswer>) =>
    async (request: ApiRequest): Promise<ApiAnswer> => {
      const store = find(managed, request.params['store']!)
      if (!store) return unknownStore(request.params['store']!)
      try {
        return await handler(store, request)
      } catch (thrown) {
        return failure(`store ${store.name}`, thrown)
      }
    }
  return [
    { path: '/message-stores', methods: { GET: request => stores(managed, request) } },
    {
      path: '/message-stores/:store/messages',
      methods: {
        GET: withStore(messages),
        DELETE: withStore((store, request) => deleteAll(managed, store, request.user)),
      },
    },
    {
      path: '/message-stores/:store/messages/:id',
      methods: {
        GET: withStore(message),
        DELETE: withStore((store, request) => operate(managed, store, request.user, 'delete', [request.params['id']!])),
      },
    },
    { path: '/message-stores/:store/messages/:id/body', methods: { GET: withStore(body) } },
    {
      path: '/message-stores/:store/operations',
      methods: { POST: withStore((store, request) => operation(managed, store, request)) },
    },
  ]
}

const find = (managed: Managed, name: string): MessageStore | undefined =>
  managed.registry().find('message-store', name)

function unknownStore(name: string): ApiAnswer {
  return refusal(404, `Specified message store ('${name}') not found`)
}

async function stores(managed: Managed, request: ApiRequest): Promise<ApiAnswer> {
  const { name } = request.query
  if (name !== undefined) {
    const store = find(managed, name)
    return store ? ok(await detail(managed, store)) : unknownStore(name)
  }
  const names = [...managed.registry().names('message-store'), ...asideIn(managed).map(({ name }) => name)]
  const sizes = new Map(await Promise.all(names.map(async name => [name, await sizeOf(find(managed, name))] as const)))
  return listed(request, names, name => {
    const store = find(managed, name)
    return store && { name, type: store.type, size: sizes.get(name), state: store.status.state }
  })
}

/** Where messages are that were set aside, unless somebody deployed a store of that name. */
export function asideIn(managed: Managed): readonly { readonly name: string; readonly held: number }[] {
  const deployed = new Set(managed.registry().names('message-store'))
  return managed.quarantines?.().filter(({ name, held }) => held > 0 && !deployed.has(name)) ?? []
}

async function detail(managed: Managed, store: MessageStore): Promise<object> {
  const registry = managed.registry()
  const { file, configuration, parameters } = described(managed, 'message-store', store.name)
  const processors = registry
    .names('message-processor')
    .filter(name => registry.find('message-processor', name)?.store === store.name)
  return {
    name: store.name,
    container: '',
    file,
    type: store.type,
    size: await sizeOf(store),
    properties: parameters,
    configuration,
    state: store.status.state,
    ...(store.status.reason !== undefined && { reason: maskText(store.status.reason) }),
    since: iso(store.status.since),
    ...(store.failover !== undefined && { failover: store.failover }),
    processors,
    traits: store.traits,
  }
}

/** −1, as in MI, where the number cannot be known: also while the broker is away. */
async function sizeOf(store: MessageStore | undefined): Promise<number> {
  if (!store) return -1
  try {
    return await store.depth()
  } catch {
    return -1
  }
}

async function messages(store: MessageStore, request: ApiRequest): Promise<ApiAnswer> {
  if (!store.traits.browsable) return notBrowsable(store)
  const { limit: wanted = String(DEFAULT_LIMIT), after } = request.query
  const limit = Number(wanted)
  if (!Number.isInteger(limit) || limit < 1)
    return refusal(400, `limit must be a whole number from 1 to ${MOST_LISTED}`)
  const list: object[] = []
  let last = ''
  const most = Math.min(limit, MOST_LISTED)
  for await (const browsed of store.browse({ limit: most, ...(after !== undefined && { after }) })) {
    list.push(summary(browsed))
    last = browsed.message.id
    if (list.length === most) break
  }
  const matched = await sizeOf(store)
  return ok({
    count: list.length,
    list,
    ...(list.length === most && { next: last }),
    ...(matched >= 0 && { matched }),
  })
}

function summary({ message, attempts, lastTry, inFlight }: BrowsedMessage): Record<string, unknown> {
  const { envelope } = message
  return {
    id: message.id,
    enqueuedAt: iso(message.storedAt),
    bytes: message.body.length,
    contentType: message.contentType,
    ...(envelope.service !== undefined && { from: envelope.service }),
    ...(envelope.to !== undefined && { to: maskText(envelope.to) }),
    ...(envelope.action !== undefined && { action: envelope.action }),
    attempts,
    inFlight,
    ...(typeof envelope.properties['QUARANTINE_REASON'] === 'string' && {
      setAside: maskText(envelope.properties['QUARANTINE_REASON']),
    }),
    ...(lastTry && {
      lastError: maskText(lastTry.error),
      errorCode: lastTry.errorCode,
      nextAttemptAt: iso(lastTry.notBefore),
    }),
  }
}

async function message(store: MessageStore, request: ApiRequest): Promise<ApiAnswer> {
  const browsed = await store.find(request.params['id']!)
  if (!browsed) return unknownMessage(store, request.params['id']!)
  const { message } = browsed
  const headers: [string, string][] = []
  for (let index = 0; index + 1 < message.headers.length; index += 2) {
    headers.push([message.headers[index]!, maskValue(message.headers[index]!, message.headers[index + 1]!)])
  }
  const shown = Buffer.from(message.body.buffer, message.body.byteOffset, Math.min(MOST_SHOWN, message.body.length))
  const isText = /^text\/|xml|json|urlencoded/i.test(message.contentType)
  return ok({
    ...summary(browsed),
    headers,
    properties: maskedProperties(message.envelope.properties),
    body: shown.toString(isText ? 'utf8' : 'base64'),
    bodyEncoding: isText ? 'utf-8' : 'base64',
    truncated: shown.length < message.body.length,
  })
}

function maskedProperties(properties: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, namesSecret(name) ? MASK : value]))
}

/** The stored bytes under their own content type; the headers keep a browser from running what somebody sent us. */
async function body(store: MessageStore, request: ApiRequest): Promise<ApiAnswer> {
  const browsed = await store.find(request.params['id']!)
  if (!browsed) return unknownMessage(store, request.params['id']!)
  const { body: bytes, contentType } = browsed.message
  const headers = {
    'content-type': /^[\x20-\x7E]+$/.test(contentType) ? contentType : 'application/octet-stream',
    'content-security-policy': "default-src 'none'; sandbox",
  }
  return { status: 200, bytes, headers }
}

async function deleteAll(managed: Managed, store: MessageStore, user: string): Promise<ApiAnswer> {
  const count = await store.clear()
  audit(managed.log, { by: user, action: 'deleted', type: 'message', info: { store: store.name, count } })
  return ok({ Message: `${counted(count)} deleted from ${store.name}` })
}

async function operation(managed: Managed, store: MessageStore, request: ApiRequest): Promise<ApiAnswer> {
  const texts = textsOf(request.body, 'action')
  if (isAnswer(texts)) return texts
  const [action] = texts
  if (action !== 'delete' && action !== 'move') return refusal(400, `action must be delete or move, not '${action}'`)
  const { ids, to } = request.body as { ids?: unknown; to?: unknown }
  if (ids !== undefined && !(Array.isArray(ids) && ids.every(id => typeof id === 'string'))) {
    return refusal(400, 'ids must be a list of message ids')
  }
  if (action === 'delete') {
    return ids === undefined
      ? deleteAll(managed, store, request.user)
      : operate(managed, store, request.user, action, ids)
  }
  if (typeof to !== 'string') return refusal(400, 'to must name the store the messages go to')
  const target = find(managed, to)
  if (!target) return unknownStore(to)
  if (target.name === store.name) return refusal(400, 'a message cannot be moved to the store it is in')
  return ids === undefined
    ? moveAll(managed, store, request.user, target)
    : operate(managed, store, request.user, action, ids, target)
}

type Result = 'done' | 'unknown' | 'in flight'

/** Deletes or moves the named messages; an answer other than 200 says which ones stayed. */
async function operate(
  managed: Managed,
  store: MessageStore,
  user: string,
  action: 'delete' | 'move',
  ids: readonly string[],
  target?: MessageStore,
): Promise<ApiAnswer> {
  const stayed: string[] = []
  let unknown = 0
  let done = 0
  let trouble: unknown
  for (const id of ids) {
    try {
      const result = target ? await move(store, target, id) : await remove(store, id)
      if (result === 'done') done++
      else stayed.push(result === 'unknown' ? `${id} is not there` : `${id} is being delivered right now`)
      if (result === 'unknown') unknown++
    } catch (thrown) {
      trouble = thrown
      stayed.push(`${id}: ${textOf(thrown)}`)
    }
  }
  const past = action === 'delete' ? 'deleted' : 'moved'
  if (done > 0) {
    const info = { store: store.name, ids: ids.join(' '), count: done, ...(target && { to: target.name }) }
    audit(managed.log, { by: user, action: past, type: 'message', info })
  }
  const told = `${counted(done)} ${past} from ${store.name}${target ? ` to ${target.name}` : ''}`
  if (stayed.length === 0) return ok({ Message: told })
  const text = `${told}; ${stayed.join('; ')}`
  if (trouble !== undefined) return failure(text, trouble)
  return refusal(unknown === ids.length ? 404 : 409, text)
}

async function remove(store: MessageStore, id: string): Promise<Result> {
  if (await store.remove(id)) return 'done'
  return (await store.find(id)) ? 'in flight' : 'unknown'
}

/**
 * Put first, then remove: whatever happens between the two, the message is somewhere, and with the same id, so that the
 * copy which comes second is dropped at delivery (P5). It counts as another hop: a broker that has seen it before must
 * not take its return for a repetition. If it was taken for delivery in the meantime the copy goes again:
 * the message is still in the care of its first store.
 */
async function move(store: MessageStore, target: MessageStore, id: string): Promise<Result> {
  const found = await store.find(id)
  if (!found) return 'unknown'
  if (found.inFlight) return 'in flight'
  await target.producer.put(movedOn(found.message))
  if (await store.remove(id)) return 'done'
  await target.remove(id)
  return 'in flight'
}

/**
 * Oldest first; what is being delivered stays. No more than are there now: a processor may be carrying messages the
 * other way, and the two would go on for ever.
 */
async function moveAll(managed: Managed, store: MessageStore, user: string, target: MessageStore): Promise<ApiAnswer> {
  if (!store.traits.browsable) return notBrowsable(store)
  const held = await sizeOf(store)
  let left = held < 0 ? Number.POSITIVE_INFINITY : held
  let done = 0
  let stayed = 0
  let after: string | undefined
  while (left > 0) {
    const limit = Math.min(MOVED_AT_ONCE, left)
    const ids: string[] = []
    for await (const browsed of store.browse({ limit, ...(after !== undefined && { after }) }))
      ids.push(browsed.message.id)
    if (ids.length === 0) break
    left -= ids.length
    for (const id of ids) {
      if ((await move(store, target, id)) === 'done') done++
      else {
        stayed++
        // A message that has been moved is no place to go on from; one that stayed is.
        after = id
      }
    }
  }
  audit(managed.log, {
    by: user,
    action: 'moved',
    type: 'message',
    info: { store: store.name, to: target.name, count: done },
  })
  const told = `${counted(done)} moved from ${store.name} to ${target.name}`
  return ok({ Message: stayed === 0 ? told : `${told}, ${counted(stayed)} being delivered right now left alone` })
}

const counted = (count: number): string => (count === 1 ? '1 message' : `${count} messages`)

function unknownMessage(store: MessageStore, id: string): ApiAnswer {
  return refusal(404, `There is no message '${id}' in message store '${store.name}'`)
}

function notBrowsable(store: MessageStore): ApiAnswer {
  return refusal(501, `Message store '${store.name}' (${store.type}) does not let anybody look into it`)
}
