/** What stands in place of a secret wherever a value is printed; the management API of MI prints the same. */
export const MASK = '*****'

const NAME =
  /passw(or)?d|passphrase|secret|token|credential|api[-_.]?key|private[-_.]?key|(^|[-_.])pwd$|^(proxy-)?authorization$|^(set-)?cookie$/i
/** Names that contain one of the words above and hold nothing secret. */
const HARMLESS = /(timeout|expiry|interval|limit|size|file|path|count|alias|type|location|header)s?$/i
// Every repetition is bounded: these run over payloads, and an unbounded one would take quadratic time on some of them.
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@?#'"]{0,200}:)[^\s/@'"]{1,500}@/gi
const QUERY_SECRET = /([?&;][\w.-]{0,64}(?:passw(?:or)?d|secret|token|api[-_]?key)[\w.-]{0,64}=)[^&;\s'"<]{1,4000}/gi

/** Whether a field, parameter or header of this name holds something nobody may read in a log or an answer. */
export function namesSecret(name: string): boolean {
  return NAME.test(name) && !HARMLESS.test(name)
}

/** The text with passwords inside URLs and query strings masked. */
export function maskText(text: string): string {
  return maskUrls(text).replace(QUERY_SECRET, `$1${MASK}`)
}

/** The text with passwords inside URLs masked; cheap for text without any. */
export function maskUrls(text: string): string {
  return text.includes('@') && text.includes('://') ? text.replace(URL_PASSWORD, `$1${MASK}@`) : text
}

/** A named value as it may be printed. */
export function maskValue(name: string, value: string): string {
  return namesSecret(name) ? MASK : maskText(value)
}

/** An artifact's XML with the values of secret parameters and attributes masked. */
export function maskXml(xml: string): string {
  const inParameters = xml.replace(
    /(<(?:[\w.-]+:)?(?:parameter|property)\b[^>]*?\bname\s*=\s*(["'])([^"']*)\2[^>]*>)([^<]*)(<\/)/g,
    (whole, open: string, _quote: string, name: string, value: string, close: string) =>
      namesSecret(name) && value.trim() !== '' ? `${open}${MASK}${close}` : whole,
  )
  const inAttributes = inParameters.replace(
    /([\w.:-]+)(\s*=\s*)("[^"]*"|'[^']*')/g,
    (whole, name: string, equals: string, quoted: string) =>
      namesSecret(name) ? `${name}${equals}${quoted[0]}${MASK}${quoted[0]}` : whole,
  )
  // `<property name="password" value="…"/>`, in either order.
  const named = inAttributes.replace(/<[\w.:-]+\s[^<>]*>/g, tag => {
    const name = /\sname\s*=\s*(?:"([^"]*)"|'([^']*)')/.exec(tag)
    return name && namesSecret(name[1] ?? name[2]!)
      ? tag.replace(
          /(\svalue\s*=\s*)("[^"]*"|'[^']*')/g,
          (_whole, before: string, quoted: string) => `${before}${quoted[0]}${MASK}${quoted[0]}`,
        )
      : tag
  })
  return maskText(named)
}
