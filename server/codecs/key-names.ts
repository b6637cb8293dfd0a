import { isNcName } from '../xml/names.ts'

const DIGIT_FIRST = '_JsonReader_PD_'
const DOLLAR = '_JsonReader_PS_'
const ESCAPED = /_JsonReader_(PD|PS|[0-9a-f]{1,6})_/g
const ANY_CHARACTER = /[\s\S]/gu
const PLAIN = /^[A-Za-z_][\w.-]*$/

/**
 * An element name for any JSON key or form field (synapse-language E.8): a digit in front, `$` and everything else XML
 * does not allow in a name is written as a `_JsonReader_…_` escape that {@link keyOfName} undoes.
 */
export function nameOfKey(key: string): string {
  if (PLAIN.test(key)) return key
  if (key === '') return '_JsonReader__'
  let name = key.replace(ANY_CHARACTER, character => {
    if (character === '$') return DOLLAR
    return isNcName(`a${character}`) ? character : `_JsonReader_${character.codePointAt(0)!.toString(16)}_`
  })
  if (name >= '0' && name < ':') name = DIGIT_FIRST + name
  // What may stand inside a name but not in front of it: a dot, a hyphen, a combining mark.
  else if (!isNcName(name))
    name = `_JsonReader_${name.codePointAt(0)!.toString(16)}_${name.slice(name.codePointAt(0)! > 0xffff ? 2 : 1)}`
  return name
}

export function keyOfName(name: string): string {
  if (!name.includes('_JsonReader_')) return name
  if (name === '_JsonReader__') return ''
  return name.replace(ESCAPED, (escape, what: string) => {
    if (what === 'PD') return ''
    if (what === 'PS') return '$'
    const code = Number.parseInt(what, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : escape
  })
}
