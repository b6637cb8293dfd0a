import type { MessageContext } from '../kernel/context.ts'

/** Where a property can be set; `axis2-client` is another word for `axis2` here. */
export type PropertyScope = 'default' | 'axis2' | 'transport' | 'operation' | (string & {})

/** Sets a property as the mediator of that name does; a scope that is none of the four is taken for axis2. */
export function setProperty(scope: PropertyScope, name: string, value: unknown, ctx: MessageContext): void {
  // In Synapse, setting nothing is no operation: the old value stays (trap H13).
  if (value === undefined || value === null) return
  const { message } = ctx
  if (name === 'RESPONSE' && String(value) === 'true') ctx.exchange.expectAnswer()
  switch (scope) {
    case 'default':
      ctx.properties.set(name, value)
      return
    case 'transport':
      message.headers.set(name, String(value))
      return
    case 'operation':
      ctx.operation.set(name, value)
      return
    default:
      message.axis2.set(name, value)
      if (name === 'messageType') {
        message.axis2.set('ContentType', value)
        message.headers.delete('Content-Type')
      }
      if (name === 'SET_ROLLBACK_ONLY' || name === 'SET_RECOVER') ctx.operation.set(name, value)
  }
}

export function removeProperty(scope: PropertyScope, name: string, ctx: MessageContext): void {
  const { message } = ctx
  switch (scope) {
    case 'default':
      ctx.properties.delete(name)
      return
    case 'transport':
      message.headers.delete(name)
      return
    case 'operation':
      ctx.operation.delete(name)
      return
    default:
      if (name === 'TRANSPORT_HEADERS') message.headers.clear()
      else if (message.hasAxis2) message.axis2.delete(name)
  }
}

export function propertyOf(scope: PropertyScope, name: string, ctx: MessageContext): unknown {
  switch (scope) {
    case 'default':
      return ctx.properties.get(name)
    case 'transport':
      return ctx.message.headers.get(name)
    case 'operation':
      return ctx.operation.get(name)
    default:
      return ctx.message.flag(name)
  }
}
