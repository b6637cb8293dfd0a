import { plainJson } from '../codecs/plain-json.ts'
import { parseJson } from '../codecs/json-text.ts'
import { payloadElement, envelopeView } from '../codecs/envelope.ts'
import { format } from '../codecs/payloads.ts'
import {
  envelopeText,
  payloadJsonText,
  payloadText,
  payloadXmlText,
  setPayloadJsonText,
  setPayloadXmlText,
} from '../codecs/script-payload.ts'
import type { MessageContext } from '../kernel/context.ts'
import type { Log, SourceRef } from '../kernel/contracts.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { Body, type Addressing } from '../kernel/message.ts'
import { propertyOf, removeProperty, setProperty } from '../runtime/property-scopes.ts'
import type { ExtensionContext, ExtensionHeaders, ExtensionLog, ExtensionScope } from './api.ts'

/** A message as an extension sees it. When the call is over it can no longer be touched: the flow has gone on. */
export class CallContext implements ExtensionContext {
  readonly signal: AbortSignal
  readonly log: ExtensionLog
  readonly headers: ExtensionHeaders
  readonly #at: SourceRef
  #ctx: MessageContext | null

  constructor(ctx: MessageContext, signal: AbortSignal, log: Log, at: SourceRef) {
    this.#ctx = ctx
    this.#at = at
    this.signal = signal
    this.log = plainLog(log, ctx.origin.label)
    this.headers = {
      get: name => this.#message.headers.get(name),
      set: (name, value) => void this.#message.headers.set(name, String(value)),
      delete: name => void this.#message.headers.delete(name),
      names: () => [...new Set([...this.#message.headers].map(([name]) => name))],
    }
  }

  /** From now on every use is an error of the extension. */
  close(): void {
    this.#ctx = null
  }

  get #context(): MessageContext {
    if (this.#ctx) return this.#ctx
    throw new Error('the message was used after the function it was given to had ended, or its time was up')
  }

  get #message(): MessageContext['message'] {
    return this.#context.message
  }

  // ── what it is ──

  get messageId(): string {
    return this.#context.messageId
  }
  get service(): string {
    return this.#context.origin.label
  }
  get isResponse(): boolean {
    return this.#message.isResponse
  }
  get method(): string {
    return this.#message.method
  }
  get contentType(): string {
    return this.#message.body.contentType
  }

  // ── where it goes ──

  get to(): string | undefined {
    return this.#message.addressing.to
  }
  set to(value: string | undefined) {
    this.#address('to', value)
  }
  get from(): string | undefined {
    return this.#message.addressing.from
  }
  set from(value: string | undefined) {
    this.#address('from', value)
  }
  get replyTo(): string | undefined {
    return this.#message.addressing.replyTo
  }
  set replyTo(value: string | undefined) {
    this.#address('replyTo', value)
  }
  get faultTo(): string | undefined {
    return this.#message.addressing.faultTo
  }
  set faultTo(value: string | undefined) {
    this.#address('faultTo', value)
  }
  get action(): string | undefined {
    return this.#message.addressing.action
  }
  set action(value: string | undefined) {
    this.#address('action', value)
  }

  #address(name: keyof Addressing, value: string | undefined): void {
    if (value === undefined) delete this.#message.addressing[name]
    else this.#message.addressing[name] = String(value)
  }

  // ── properties ──

  getProperty(name: string, scope: ExtensionScope = 'default'): unknown {
    return propertyOf(scope, name, this.#context)
  }
  setProperty(name: string, value: unknown, scope: ExtensionScope = 'default'): void {
    setProperty(scope, name, value, this.#context)
  }
  removeProperty(name: string, scope: ExtensionScope = 'default'): void {
    removeProperty(scope, name, this.#context)
  }
  getVariable(name: string): unknown {
    return this.#context.variables.get(name)
  }
  setVariable(name: string, value: unknown): void {
    this.#context.variables.set(name, value)
  }

  // ── the body ──

  xml(): string | undefined {
    return payloadXmlText(this.#message) ?? undefined
  }
  setXml(text: string): void {
    setPayloadXmlText(this.#message, text)
  }
  envelope(): string {
    return envelopeText(this.#message)
  }
  json(): unknown {
    const text = payloadJsonText(this.#message)
    return text === null ? undefined : plainJson(parseJson(text).value)
  }
  setJson(value: unknown): void {
    const text = JSON.stringify(value)
    if (text === undefined) throw new TypeError('this value cannot be written as JSON')
    setPayloadJsonText(this.#message, text, true)
  }
  text(): string {
    return payloadText(this.#message)
  }
  setText(text: string): void {
    this.#message.body.edit(envelopeView).setPayload(payloadElement('text', text))
    this.#message.axis2.set('messageType', 'text/plain')
  }
  bytes(): Uint8Array {
    const message = this.#message
    return message.body.raw ?? format(message).bytes ?? new Uint8Array(0)
  }
  setBytes(bytes: Uint8Array, contentType: string): void {
    const message = this.#message
    message.body.discard()
    message.body = Body.ofBytes(bytes, contentType)
    message.headers.set('Content-Type', contentType)
    message.axis2.delete('messageType')
    message.axis2.delete('NO_ENTITY_BODY')
  }

  // ── the flow ──

  entry(key: string): string | undefined {
    return this.#context.runtime.find('local-entry', key)?.text()
  }
  async run(sequence: string): Promise<boolean> {
    const ctx = this.#context
    return (await ctx.runtime.get({ role: 'sequence', name: sequence, at: this.#at }).mediate(ctx)) === 'next'
  }
  respond(): void {
    const ctx = this.#context
    ctx.message.isResponse = true
    ctx.exchange.reply(ctx.message, ctx)
  }
  fault(message: string, code?: number): never {
    throw new IntegrationError('MEDIATION_FAILED', message, {
      at: this.#at,
      ...(code !== undefined && { errorCode: code }),
    })
  }
}

export function plainLog(log: Log, label: string): ExtensionLog {
  return {
    debug: text => log.debug(`{${label}} ${text}`),
    info: text => log.info(`{${label}} ${text}`),
    warn: text => log.warn(`{${label}} ${text}`),
    error: text => log.error(`{${label}} ${text}`),
  }
}
