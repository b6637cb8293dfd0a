import type { MessageContext } from '../kernel/context.ts'
import type { XmlElement } from '../xml/tree.ts'
import { parseContentType } from './content-type.ts'
import { envelopeView, PAYLOAD } from './envelope.ts'
import { jsonView } from './json.ts'
import type { JsonBody } from './json.ts'
import { parseJson, printJsonAt } from './json-text.ts'
import type { JsonValue } from './json-text.ts'

/** How expressions look at the message of a context; handed to them so that they need not know the codecs. */
export const messageViews = {
  envelope(ctx: MessageContext): XmlElement {
    return ctx.message.body.view(envelopeView).root
  },
  header(ctx: MessageContext): XmlElement | undefined {
    return ctx.message.body.view(envelopeView).header
  },
  body(ctx: MessageContext): XmlElement {
    return ctx.message.body.view(envelopeView).body
  },
  isJson({ message: { body } }: MessageContext): boolean {
    if (body.changed !== null) return body.changed === jsonView
    return parseContentType(body.contentType).kind === 'json'
  },
  content(ctx: MessageContext): XmlElement | string | undefined {
    const payload = ctx.message.body.view(envelopeView).firstChild
    return payload?.is('text', PAYLOAD) ? payload.text : payload
  },
  json(ctx: MessageContext): JsonBody {
    return ctx.message.body.view(jsonView)
  },
  parseJson(text: string): JsonBody {
    return parseJson(text)
  },
  printJson(value: unknown, holder: object, key: string | number): string {
    return printJsonAt(value as JsonValue, holder, key)
  },
}
