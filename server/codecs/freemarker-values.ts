import type { MessageContext } from '../kernel/context.ts'
import { XmlElement } from '../xml/tree.ts'
import { XmlDocumentNodes, XmlNodes, type Names } from './freemarker/values.ts'
import { messageViews } from './views.ts'

/** What the names at the top of a FreeMarker template stand for. */
export function freemarkerRoots(ctx: MessageContext, argument: (number: number) => unknown): (name: string) => unknown {
  const names = (find: (name: string) => unknown): Names => ({ names: find })
  return name => {
    switch (name) {
      case 'payload':
        return payloadOf(ctx)
      case 'args':
        return names(one => argument(Number(/^arg(\d+)$/.exec(one)?.[1] ?? 0)))
      case 'ctx':
        return names(one => valueOf(ctx.properties.get(one)))
      case 'axis2':
        return names(one => valueOf(ctx.message.flag(one)))
      case 'trp':
        return names(one => ctx.message.headers.get(one))
      case 'var':
      case 'vars':
        return names(one => valueOf(ctx.variables.get(one)))
      default:
        return undefined
    }
  }
}

function payloadOf(ctx: MessageContext): unknown {
  if (messageViews.isJson(ctx)) return messageViews.json(ctx).value
  const content = messageViews.content(ctx)
  return content instanceof XmlElement ? new XmlDocumentNodes([content]) : content
}

/** What a property, a variable or an expression gives; `shown` is how XML reads in the output. */
export function valueOf(value: unknown, shown?: () => string): unknown {
  if (value instanceof XmlElement) return new XmlNodes([value], undefined, shown?.())
  if (!Array.isArray(value) || value.length === 0) return value
  const elements = value.filter(one => one instanceof XmlElement)
  return elements.length === value.length ? new XmlNodes(elements, undefined, shown?.()) : value
}
