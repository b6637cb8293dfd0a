/** Offsets at which lines begin; CRLF, LF and a lone CR all end a line. */
export function lineStarts(source: string): number[] {
  const starts = [0]
  const end = /\r\n?|\n/g
  while (end.exec(source)) starts.push(end.lastIndex)
  return starts
}

export function positionIn(starts: readonly number[], offset: number): { line: number; column: number } {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle]! <= offset) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: offset - starts[low]! + 1 }
}

/** The offset behind `count` characters of resolved text: a reference or a CRLF stands for one of them. */
export function skipCharacters(source: string, start: number, count: number): number {
  let at = start
  for (let left = count; left > 0 && at < source.length; left--) {
    if (source[at] === '&') {
      const end = source.indexOf(';', at)
      at = end < 0 ? at + 1 : end + 1
    } else at += source[at] === '\r' && source[at + 1] === '\n' ? 2 : 1
  }
  return at
}
