/** Where a message says which session it belongs to (synapse-language D.5, row "Session"). */
import type { Message } from '../kernel/message.ts'
import { descendants } from '../xml/tree.ts'
import { envelopeView } from './envelope.ts'

export type SessionType = 'http' | 'soap' | 'simpleClientSession'

export interface SessionReader {
  /** True if the bodies have to be collected before. */
  readonly needsBody: boolean
  /** True if the client gives the session its id; otherwise the back end does. */
  readonly byClient: boolean
  ofRequest(request: Message): string | undefined
  ofReply(reply: Message): string | undefined
}

const SYNAPSE = 'http://ws.apache.org/ns/synapse'
const AXIS2 = 'http://ws.apache.org/namespaces/axis2'

export function sessionReader(type: SessionType): SessionReader {
  return READERS[type]
}

const READERS: Readonly<Record<SessionType, SessionReader>> = {
  http: {
    needsBody: false,
    byClient: false,
    ofRequest: request => sessionCookie(request.headers.all('Cookie')),
    ofReply: reply => sessionCookie(reply.headers.all('Set-Cookie')),
  },
  soap: {
    needsBody: true,
    byClient: false,
    ofRequest: request => headerText(request, 'ServiceGroupId', AXIS2),
    ofReply: reply => headerText(reply, 'ServiceGroupId', AXIS2),
  },
  simpleClientSession: {
    needsBody: true,
    byClient: true,
    ofRequest: request => headerText(request, 'ClientID', SYNAPSE),
    ofReply: () => undefined,
  },
}

function sessionCookie(headers: readonly string[]): string | undefined {
  for (const header of headers) {
    const found = /(?:^|[;,\s])JSESSIONID\s*=\s*"?([^";,\s]+)/i.exec(header)
    if (found) return found[1]
  }
  return undefined
}

function headerText({ format, body }: Message, local: string, uri: string): string | undefined {
  if (format !== 'soap11' && format !== 'soap12') return undefined
  const { header } = body.view(envelopeView)
  if (!header) return undefined
  for (const node of descendants(header)) if (node.kind === 'element' && node.is(local, uri)) return node.text.trim()
  return undefined
}
