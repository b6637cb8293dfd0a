/**
 * Where the expression that begins with `${` at `start` ends: the offset after its `}`; undefined if it does not.
 * Braces in its texts do not count.
 */
export function endOfExpression(text: string, start: number): number | undefined {
  if (!text.startsWith('${', start)) return undefined
  let depth = 0
  for (let at = start + 2; at < text.length; at++) {
    const character = text[at]!
    if (character === '{') depth++
    else if (character === '}' && depth-- === 0) return at + 1
    else if (character === '"' || character === "'") {
      const end = endOfQuoted(text, at)
      if (end === undefined) return undefined
      at = end
    }
  }
  return undefined
}

function endOfQuoted(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === text[start]) return at
  }
  return undefined
}
