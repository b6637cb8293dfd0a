import type { Work } from './work.ts'

/** From here on the engine's own search may cost the product of both lengths (`aaa…` looked through for `aaabaaa…`). */
const LONG_PART = 64

/** As `text.indexOf(part, from)`, in time proportional to the sum of the lengths whatever they hold. */
export function placeOfText(text: string, part: string, work: Work, from = 0): number {
  if (part.length < LONG_PART || part.length > text.length - from) return text.indexOf(part, from)
  return placesOfText(text, part, work, Math.max(0, from)).next().value ?? -1
}

/** Every place where `part`, which is not empty, stands, none within the one before. */
export function* placesOfText(text: string, part: string, work: Work, from = 0): Generator<number, undefined> {
  if (part.length < LONG_PART) {
    for (let at = text.indexOf(part, from); at >= 0; at = text.indexOf(part, at + part.length)) {
      work.spend(1)
      yield at
    }
    return
  }
  work.spend((text.length + part.length) >> 2)
  // Knuth, Morris and Pratt: where to go on in `part` after a mismatch, so that `text` is read once.
  const borders = new Uint32Array(part.length)
  for (let place = 1, border = 0; place < part.length; place++) {
    const code = part.charCodeAt(place)
    while (border > 0 && code !== part.charCodeAt(border)) border = borders[border - 1]!
    if (code === part.charCodeAt(border)) border++
    borders[place] = border
  }
  for (let place = from, matched = 0; place < text.length; place++) {
    const code = text.charCodeAt(place)
    while (matched > 0 && code !== part.charCodeAt(matched)) matched = borders[matched - 1]!
    if (code === part.charCodeAt(matched)) matched++
    if (matched < part.length) continue
    yield place - matched + 1
    matched = 0
  }
}
