import type { Message } from '../kernel/message.ts'

/** The address with what followed the service in the request's path, unless the flow has removed it (trap H9). */
export function withPostfix(url: string, request: Message): string {
  const postfix = request.flag('REST_URL_POSTFIX')
  return typeof postfix === 'string' && postfix !== '' ? appended(url, postfix) : url
}

function appended(url: string, postfix: string): string {
  if (postfix.startsWith('?')) return url.includes('?') ? `${url}&${postfix.slice(1)}` : url + postfix
  return url.endsWith('/') && postfix.startsWith('/')
    ? url + postfix.slice(1)
    : url + (postfix.startsWith('/') ? postfix : `/${postfix}`)
}
