import type { MessageContext } from '../kernel/context.ts'
import type { LocalEntry } from '../kernel/contracts.ts'
import type { XmlElement } from '../xml/tree.ts'
import { parseXml } from '../xml/reader.ts'
import { formatDate, SHORT_DATE } from './date-format.ts'
import type { ExpressionEnvironment } from './environment.ts'

/** Reads a property of one scope; undefined if it is not set. */
export type ReadProperty = (ctx: MessageContext, name: string) => unknown

/** Scopes that `get-property` and variables know (synapse-language C.3, F.2). */
export function scopeReaders(environment: ExpressionEnvironment): ReadonlyMap<string, ReadProperty> {
  return new Map<string, ReadProperty>([
    ['default', (ctx, name) => ctx.properties.get(name)],
    ['axis2', (ctx, name) => ctx.message.flag(name)],
    ['axis2-client', (ctx, name) => ctx.message.flag(name)],
    ['transport', (ctx, name) => ctx.message.headers.get(name)],
    ['operation', (ctx, name) => ctx.operation.get(name)],
    ['func', (ctx, name) => ctx.functionParam(name)],
    ['registry', (ctx, name) => registryText(ctx, name, environment)],
    ['system', (_ctx, name) => environment.systemProperty?.(name)],
    ['env', (_ctx, name) => environment.environmentVariable?.(name)],
    ['file', (_ctx, name) => environment.fileProperty?.(name)],
  ])
}

function registryText(ctx: MessageContext, name: string, environment: ExpressionEnvironment): unknown {
  const at = name.lastIndexOf('@')
  if (at >= 0) return environment.resourceProperty?.(name.slice(0, at), name.slice(at + 1))
  return entryValue(ctx, name) ?? environment.resource?.(name)
}

const parsedEntries = new WeakMap<LocalEntry, XmlElement>()

/** A local entry: an XML one as its root element, others as text. */
export function entryValue(ctx: MessageContext, key: string): unknown {
  const entry = ctx.runtime.find('local-entry', key)
  if (!entry) return undefined
  if (!/\bxml\b/.test(entry.contentType)) return entry.text()
  let root = parsedEntries.get(entry)
  if (!root) parsedEntries.set(entry, (root = parseXml(entry.text()).root))
  return root
}

/** Names of the default scope that read the message instead of a property. */
export type SpecialName = (ctx: MessageContext, environment: ExpressionEnvironment, pattern?: string) => string

export const specialNames: ReadonlyMap<string, SpecialName> = new Map<string, SpecialName>([
  ['To', ctx => ctx.message.addressing.to ?? ''],
  ['From', ctx => ctx.message.addressing.from ?? ''],
  ['Action', ctx => ctx.message.addressing.action ?? ''],
  ['FaultTo', ctx => ctx.message.addressing.faultTo ?? ''],
  ['ReplyTo', ctx => ctx.message.addressing.replyTo ?? ''],
  ['RelatesTo', ctx => ctx.message.addressing.relatesTo ?? ''],
  ['MessageID', ctx => ctx.messageId],
  // A proxy has one operation that takes everything.
  ['OperationName', () => 'mediate'],
  ['OperationNamespace', () => ''],
  ['MESSAGE_FORMAT', messageFormat],
  ['FAULT', (ctx, { views }) => (holdsFault(ctx, views.body) ? 'TRUE' : '')],
  ['SYSTEM_TIME', (_ctx, { clock }) => String(clock.now())],
  ['SYSTEM_DATE', (_ctx, { clock }, pattern) => formatDate(clock.now(), pattern ?? SHORT_DATE)],
])

function messageFormat(ctx: MessageContext): string {
  const { format } = ctx.message
  return format === 'soap11' || format === 'soap12' ? format : 'pox'
}

function holdsFault(ctx: MessageContext, body: (ctx: MessageContext) => XmlElement): boolean {
  const { format } = ctx.message
  if (format !== 'soap11' && format !== 'soap12') return false
  const holder = body(ctx)
  return holder.firstElement?.is('Fault', holder.uri) ?? false
}
