export const FRAGMENTS = ['protocol', 'user', 'host', 'port', 'path', 'query', 'ref', 'full'] as const
export type Fragment = (typeof FRAGMENTS)[number]

/** A URL taken apart (RFC 3986 appendix B), as it is written: nothing is decoded or resolved. */
export interface Url {
  protocol?: string
  user?: string
  host?: string
  port?: string
  path?: string
  query?: string
  ref?: string
}

export function parseUrl(text: string): Url {
  const [, protocol, authority, path, query, ref] =
    /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(text) ?? []
  const [, user, host, port] = /^(?:(.*)@)?(\[[^\]]*\]|[^:]*)(?::(\d*))?$/s.exec(authority ?? '') ?? []
  const url: Url = {}
  const put = (key: keyof Url, value: string | undefined): void => {
    if (value !== undefined && value !== '') url[key] = value
  }
  put('protocol', protocol)
  put('user', user)
  put('host', host)
  put('port', port)
  put('path', path)
  put('query', query)
  put('ref', ref)
  return url
}

export function printUrl({ protocol, user, host, port, path = '', query, ref }: Url): string {
  const authority =
    host === undefined ? '' : `//${user === undefined ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}`
  const from = authority !== '' && path !== '' && !path.startsWith('/') ? `/${path}` : path
  return [
    protocol === undefined ? '' : `${protocol}:`,
    authority,
    from,
    query === undefined ? '' : `?${query}`,
    ref === undefined ? '' : `#${ref}`,
  ].join('')
}

export function fragmentOf(url: Url, fragment: Fragment): string | undefined {
  return fragment === 'full' ? printUrl(url) : url[fragment]
}

/** The URL with one fragment changed; undefined or empty takes it away. */
export function withFragment(url: Url, fragment: Fragment, text: string | undefined): Url {
  if (fragment === 'full') return parseUrl(text ?? '')
  const { [fragment]: _, ...rest } = url
  return text === undefined || text === '' ? rest : { ...rest, [fragment]: text }
}

/** The decoded value of the first query parameter of that name. */
export function queryParameter({ query }: Url, name: string): string | undefined {
  return query === undefined ? undefined : (new URLSearchParams(query).get(name) ?? undefined)
}

/** Without the query parameters of that name; the others stay as they are written. */
export function withoutParameter(url: Url, name: string): Url {
  const kept = (url.query ?? '').split('&').filter(pair => !new URLSearchParams(pair).has(name))
  return withFragment(url, 'query', kept.join('&'))
}
