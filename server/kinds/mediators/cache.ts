import { requestHash, type HashRules } from '../../codecs/request-hash.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Mediator, Outcome } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { HeaderMap } from '../../kernel/headers.ts'
import { Body, Message } from '../../kernel/message.ts'
import { perServer } from '../../runtime/per-server.ts'
import { ResponseCache, type CacheHit } from '../../runtime/response-cache.ts'
import {
  attr,
  child,
  children,
  content,
  defineMediator,
  flag,
  int,
  ref,
  seconds,
  steps,
  text,
  wholeRegex,
  words,
  type ConfigOf,
} from '../../schema/index.ts'

/** Property with what the collector needs to know of the request. Holds an object of ours: it is never stored or sent. */
const WAITING = 'holdfast.cache'

const protocolFields = {
  type: attr(text(), { fallback: 'HTTP', doc: 'Only HTTP.' }),
  methods: child(
    'methods',
    { names: content(words(), { doc: 'Methods, separated by commas.' }) },
    { doc: 'Requests of other methods are not looked up; absent or `*`: all.' },
  ),
  exclude: child(
    'headersToExcludeInHash',
    { names: content(words(), { doc: 'Names, separated by commas.' }) },
    { doc: 'All headers count but these; `*`: none counts.' },
  ),
  include: child(
    'headersToIncludeInHash',
    { names: content(words(), { doc: 'Names, separated by commas.' }) },
    { doc: 'These headers count; `*`: all. Absent: none.' },
  ),
  responseCodes: child(
    'responseCodes',
    { pattern: content(wholeRegex(), { doc: 'The pattern.' }) },
    { doc: 'Regular expression for the status of replies that are kept.' },
  ),
  enableCacheControl: child(
    'enableCacheControl',
    { on: content(flag(), { doc: 'True or false.' }) },
    { doc: 'Whether `Cache-Control` is heeded: no-cache of a request; no-store, private and max-age of a reply.' },
  ),
  includeAgeHeader: child(
    'includeAgeHeader',
    { on: content(flag(), { doc: 'True or false.' }) },
    { doc: 'Whether a reply from the cache says its `Age`.' },
  ),
  hashGenerator: child('hashGenerator', { name: content(text(), { doc: 'The class.' }) }, { doc: 'As the attribute.' }),
}

type Protocol = Partial<ConfigOf<typeof protocolFields>>

export default defineMediator({
  tag: 'cache',
  summary: 'Answers a request that was there before with the reply it got then.',
  details: `
    Without \`collector\` it looks for a reply. One that is found becomes the message, runs \`onCacheHit\` or goes to the
    caller, and the flow ends; otherwise the flow goes on. With \`collector="true"\` it keeps the reply of a request that
    was looked up before: in the out sequence, or after a \`call\`. What counts of a request is its address, method, the
    headers named, and its body (not for GET, HEAD and DELETE); XML counts by its content and JSON without its white
    space. With a \`hashGenerator\` named DOMHASHGenerator only the body counts. Caches with the same \`id\` are one. A reply
    is kept for \`timeout\` seconds; a cache holds at most 64 MiB, and 10,000 replies unless \`maxSize\` says otherwise.`,
  fields: {
    collector: attr(flag(), { required: true, doc: 'True: keeps the reply. False: looks for one.' }),
    id: attr(text(), { doc: 'Name of the cache, to share it.' }),
    timeout: attr(seconds(), { fallback: 5000, doc: 'Seconds a reply is kept.' }),
    maxMessageSize: attr(int({ min: -1 }), {
      fallback: -1,
      doc: 'Bytes of the largest reply that is kept; -1: no limit.',
    }),
    scope: attr(text(), {
      doc: 'How far it is shared.',
      ignored: 'Caches with the same id are one, others are their own.',
    }),
    hashGenerator: attr(text(), { doc: 'Class that hashes requests: DOMHASHGenerator counts only the body.' }),
    implementations: children(
      'implementation',
      {
        type: attr(text(), { fallback: 'memory', doc: 'Always memory.' }),
        maxSize: attr(int({ min: -1 }), { fallback: -1, doc: 'Most replies at once; -1: 10,000.' }),
      },
      { doc: 'How much is kept.' },
    ),
    onCacheHit: child(
      'onCacheHit',
      {
        sequence: attr(ref('sequence'), { doc: 'A named sequence.' }),
        steps: steps({ doc: 'What to do.' }),
      },
      { doc: 'Runs with a reply that was found, instead of sending it to the caller.' },
    ),
    protocol: child('protocol', protocolFields, { doc: 'What counts, and what is kept.' }),
  },
  examples: [
    {
      title: 'Look for a reply to a GET for a minute',
      xml: `<cache collector="false" timeout="60" maxMessageSize="100000">
  <implementation maxSize="1000"/>
  <protocol type="HTTP"><methods>GET</methods><headersToIncludeInHash>Accept</headersToIncludeInHash><responseCodes>2[0-9][0-9]</responseCodes></protocol>
</cache>`,
    },
    { title: 'Keep it', xml: '<cache collector="true"/>' },
    {
      title: 'Say that it is an old one',
      xml: `<cache collector="false" id="quotes"><onCacheHit><property name="X-Cache" value="hit" scope="transport"/><respond/></onCacheHit></cache>`,
    },
  ],
  create(config, env) {
    if (config.collector) return { needsBody: true, mediate: ctx => collect(ctx, env.services.payloads) }
    const { services } = env
    const made = (): ResponseCache => new ResponseCache(services.clock)
    const cache = config.id === undefined ? made() : perServer(services, `cache ${config.id}`, made)
    const { onCacheHit } = config
    const protocol: Protocol = config.protocol ?? {}
    const methods = protocol.methods?.names ?? ['*']
    const rules = rulesOf(config.hashGenerator ?? protocol.hashGenerator?.name, protocol)
    const heedsControl = protocol.enableCacheControl?.on ?? false
    const memory = config.implementations.find(({ type }) => type === 'memory') ?? config.implementations[0]
    const hit: Mediator = onCacheHit?.sequence
      ? { mediate: (ctx): Outcome | Promise<Outcome> => ctx.runtime.get(onCacheHit.sequence!).mediate(ctx) }
      : onCacheHit && onCacheHit.steps.length > 0
        ? env.flow(onCacheHit.steps)
        : TO_CALLER
    return {
      needsBody: true,
      mediate(ctx) {
        const { message } = ctx
        if (message.isResponse)
          throw new IntegrationError('MEDIATION_FAILED', 'Response messages cannot be handled in a non collector cache')
        if (!methods.includes('*') && !methods.includes(message.method)) return 'next'
        const key = requestHash(message, rules)
        const wantsFresh = heedsControl && /\bno-(?:cache|store)\b/i.test(message.headers.get('Cache-Control') ?? '')
        const found = wantsFresh ? undefined : cache.find(key)
        if (!found) {
          const { timeout, maxMessageSize } = config
          const most = memory === undefined || memory.maxSize < 0 ? undefined : memory.maxSize
          const codes = protocol.responseCodes?.pattern
          ctx.properties.set(WAITING, new Waiting({ cache, key, timeout, maxMessageSize, most, codes, heedsControl }))
          return 'next'
        }
        ctx.properties.delete(WAITING)
        ctx.message = messageOf(found, protocol.includeAgeHeader?.on ?? false)
        const outcome = hit.mediate(ctx)
        return typeof outcome === 'string' ? 'done' : outcome.then(() => 'done' as const)
      },
    }
  },
})

const TO_CALLER: Mediator = {
  mediate(ctx) {
    ctx.exchange.reply(ctx.message, ctx)
    return 'done'
  },
}

interface WaitingParts {
  readonly cache: ResponseCache
  readonly key: string
  readonly timeout: number
  readonly maxMessageSize: number
  readonly most: number | undefined
  readonly codes: RegExp | undefined
  readonly heedsControl: boolean
}

/** A class, so that a store does not take it for a value it could keep. */
class Waiting {
  readonly parts: WaitingParts

  constructor(parts: WaitingParts) {
    this.parts = parts
  }

  toString(): string {
    return 'a request that is to be cached'
  }
}

function rulesOf(generator: string | undefined, { include, exclude }: Protocol): HashRules {
  const address = !/\bDOMHASHGenerator$/i.test(generator ?? '')
  if (!address) return { address, headers: () => false }
  const lower = (names: readonly string[] | undefined): readonly string[] =>
    (names ?? []).map(name => name.toLowerCase())
  const included = lower(include?.names)
  const excluded = lower(exclude?.names)
  if (included.length > 0) return { address, headers: name => included.includes('*') || included.includes(name) }
  if (excluded.length > 0) return { address, headers: name => !excluded.includes('*') && !excluded.includes(name) }
  return { address, headers: () => false }
}

/** They belong to the connection the reply came by, or are made anew. */
const NOT_KEPT = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'content-type',
  'trailer',
  'set-cookie',
])

type Payloads = { serialise(message: Message): { readonly contentType: string; readonly bytes: Uint8Array } }

function collect(ctx: MessageContext, payloads: Payloads): Outcome {
  const waiting = ctx.properties.get(WAITING)
  if (!(waiting instanceof Waiting)) return 'next'
  ctx.properties.delete(WAITING)
  const { cache, key, timeout, maxMessageSize, most, codes, heedsControl } = waiting.parts
  const { message } = ctx
  const given = message.flag('HTTP_SC')
  const status = given === undefined ? undefined : Number(given)
  if (codes && !codes.test(String(status ?? 200))) return 'next'
  const control = heedsControl ? (message.headers.get('Cache-Control') ?? '') : ''
  if (/\b(?:no-store|no-cache|private)\b/i.test(control)) return 'next'
  const { contentType, bytes } = payloads.serialise(message)
  if (maxMessageSize >= 0 && bytes.length > maxMessageSize) {
    cache.remove(key)
    return 'next'
  }
  const { body } = message
  const encoding = body.changed === null ? body.encoding : ''
  const headers = [...message.headers].filter(
    ([name]) => !NOT_KEPT.has(name.toLowerCase()) && (encoding !== '' || name.toLowerCase() !== 'content-encoding'),
  )
  const age = /\bmax-age=(\d+)/i.exec(control)?.[1]
  const reply = { bytes, contentType, encoding, format: message.format, status, headers: headers.flat() }
  cache.keep(key, reply, age === undefined ? timeout : Number(age), most)
  return 'next'
}

function messageOf(hit: CacheHit, withAge: boolean): Message {
  const { bytes, contentType, encoding, format, status, headers, age } = hit
  const message = new Message({
    body: bytes.length === 0 ? Body.empty(contentType) : Body.ofBytes(bytes, contentType, { encoding }),
    headers: new HeaderMap([...headers, ...(contentType === '' ? [] : ['Content-Type', contentType])]),
    isResponse: true,
    format,
  })
  if (status !== undefined) message.axis2.set('HTTP_SC', status)
  if (bytes.length === 0) message.axis2.set('NO_ENTITY_BODY', true)
  if (withAge) message.headers.set('Age', String(age))
  return message
}
