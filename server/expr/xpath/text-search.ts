import type { Work } from './work.ts'

/** From here on the engine's own search may cost the product of both lengths (`aaa…` looked through for `aaabaaa…`). */
const LONG_PART = 64

/** As `text.indexOf(part)`, in time proportional to the sum of the lengths whatever they hold. */
export function placeOfText(text: string, part: string, work: Work): number {
  if (part.length < LONG_PART || part.length > text.length) return text.indexOf(part)
  work.spend((text.length + part.length) >> 2)
  // Knuth, Morris and Pratt: where to go on in `part` after a mismatch, so that `text` is read once.
  const borders = new Uint32Array(part.length)
  for (let place = 1, border = 0; place < part.length; place++) {
    const code = part.charCodeAt(place)
    while (border > 0 && code !== part.charCodeAt(border)) border = borders[border - 1]!
    if (code === part.charCodeAt(border)) border++
    borders[place] = border
  }
  for (let place = 0, matched = 0; place < text.length; place++) {
    const code = text.charCodeAt(place)
    while (matched > 0 && code !== part.charCodeAt(matched)) matched = borders[matched - 1]!
    if (code === part.charCodeAt(matched)) matched++
    if (matched === part.length) return place - matched + 1
  }
  return -1
}
