import { XmlElement, XmlText } from '../xml/tree.ts'
import { unreadable } from './decoded.ts'
import { keyOfName, nameOfKey } from './key-names.ts'

/** Fields beyond this are an attack on whoever walks over them. */
const MOST_FIELDS = 10_000

/** The element form fields become (synapse-language E.3), those of the query string first. */
export function readForm(query: string, fields: string): XmlElement {
  const root = new XmlElement('xformValues')
  addFields(root, query)
  addFields(root, fields)
  return root
}

function addFields(root: XmlElement, text: string): void {
  for (let start = 0; start < text.length;) {
    const next = text.indexOf('&', start)
    const end = next < 0 ? text.length : next
    if (end > start) {
      if (root.children.length >= MOST_FIELDS) throw unreadable(`a form of more than ${MOST_FIELDS} fields is not read`)
      const equals = text.indexOf('=', start)
      const split = equals < 0 || equals > end ? end : equals
      addField(root, decode(text.slice(start, split)), decode(text.slice(Math.min(split + 1, end), end)))
    }
    start = end + 1
  }
}

export function addField(root: XmlElement, name: string, value: string): XmlElement {
  const element = new XmlElement(nameOfKey(name))
  if (value !== '') element.push(new XmlText(value))
  root.push(element)
  return element
}

/** Percent escapes that are not UTF-8 are read as ISO-8859-1; those that are none stay as they are. */
function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced.replace(/(?:%[0-9a-fA-F]{2})+/g, escapes => {
      try {
        return decodeURIComponent(escapes)
      } catch {
        return Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('latin1')
      }
    })
  }
}

/** `child=value&…` of the element's children (synapse-language E.6); a query string is made the same way. */
export function printForm(root: XmlElement | undefined): string {
  let text = ''
  for (const child of root?.childElements ?? []) {
    if (text !== '') text += '&'
    text += `${encodeURIComponent(keyOfName(child.local))}=${encodeURIComponent(wellFormed(child.text))}`
  }
  return text
}

/** Half a surrogate pair, which JSON can carry, would make `encodeURIComponent` throw. */
function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\uFFFD')
}
