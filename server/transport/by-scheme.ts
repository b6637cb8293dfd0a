import type { HttpSender } from '../schema/services.ts'

/** One exchange, over whichever transport the address names; HTTP where it names none of these. */
export function byScheme(senders: Readonly<Record<string, HttpSender>>, http: HttpSender): HttpSender {
  return {
    send(request, target, ctx, options) {
      const { url } = target
      // Nearly every address begins with these four letters.
      if (url.startsWith('http')) return http.send(request, target, ctx, options)
      const colon = url.indexOf(':')
      return (senders[url.slice(0, colon).toLowerCase()] ?? http).send(request, target, ctx, options)
    },
  }
}
