import type { Format } from '../kernel/message.ts'
import { parseContentType } from './content-type.ts'
import type { ContentType, PayloadKind } from './content-type.ts'

const FORMATS: Readonly<Record<Exclude<PayloadKind, 'related'>, Format>> = {
  soap11: 'soap11',
  soap12: 'soap12',
  pox: 'pox',
  json: 'json',
  form: 'form',
  'form-data': 'form',
  text: 'text',
  binary: 'binary',
  other: 'binary',
  none: 'none',
}

/**
 * How a request speaks, by its method and Content-Type alone: the body stays unread. `text/xml` counts as SOAP 1.1
 * although it may turn out to be plain XML, except for methods that carry no envelope.
 */
export function requestFormat(method: string, contentType: string | undefined): Format {
  const type = parseContentType(contentType ?? '')
  if (type.kind === 'none') return carriesBody(method) ? 'binary' : 'none'
  if ((type.kind === 'soap11' || type.kind === 'soap12') && !carriesBody(method)) return 'pox'
  return formatOf(type)
}

export function formatOf(type: ContentType): Format {
  if (type.kind !== 'related') return FORMATS[type.kind]
  const inner = parseContentType(type.parameters.get('start-info') ?? '').kind
  if (inner === 'soap12') return 'soap12'
  return parseContentType(type.parameters.get('type') ?? '').kind === 'soap12' ? 'soap12' : 'soap11'
}

export function carriesBody(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
}
