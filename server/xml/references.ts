const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
])

/** `&#x10FFFF;` and some leading zeros. */
const LONGEST = 64

/**
 * Replaces character and entity references. What stands between them has `space` replaced by `by` first, so that a
 * line end written as `&#10;` survives. `fail` is told the offset in `text` and must throw.
 */
export function resolveReferences(
  text: string,
  space: RegExp | null,
  by: string,
  fail: (offset: number, reason: string) => never,
): string {
  let result = ''
  let from = 0
  for (let ampersand = text.indexOf('&'); ampersand >= 0; ampersand = text.indexOf('&', from)) {
    const semicolon = text.indexOf(';', ampersand)
    const name = semicolon < 0 || semicolon - ampersand > LONGEST ? '' : text.slice(ampersand + 1, semicolon)
    const plain = text.slice(from, ampersand)
    result += space ? plain.replace(space, by) : plain
    if (name.charCodeAt(0) === 35) {
      const code = codeOf(name)
      if (!isCharacter(code)) fail(ampersand, `&${name}; is not a character XML allows`)
      result += String.fromCodePoint(code)
    } else {
      const entity = ENTITIES.get(name)
      if (entity === undefined) {
        fail(ampersand, /^[^\s&<]+$/.test(name) ? `the entity &${name}; is not known` : '& without a name and ;')
      }
      result += entity
    }
    from = semicolon + 1
  }
  const rest = text.slice(from)
  return result + (space ? rest.replace(space, by) : rest)
}

function codeOf(reference: string): number {
  const match = /^#(?:x([0-9a-fA-F]+)|([0-9]+))$/.exec(reference)
  if (!match) return Number.NaN
  return match[1] === undefined ? Number(match[2]) : Number.parseInt(match[1], 16)
}

function isCharacter(code: number): boolean {
  return (
    code === 9 ||
    code === 10 ||
    code === 13 ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  )
}
