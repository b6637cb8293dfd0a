/**
 * Reads a Java properties file (`java.util.Properties`): `#` and `!` comments, `=`, `:` or blanks between key and
 * value, lines continued with a backslash, `\uXXXX`. The caller decodes the file as ISO-8859-1.
 */
export function parseProperties(text: string): Map<string, string> {
  const entries = new Map<string, string>()
  for (const line of logicalLines(text)) {
    const { key, value } = split(line)
    entries.set(unescape(key), unescape(value))
  }
  return entries
}

function logicalLines(text: string): string[] {
  const lines: string[] = []
  let open: string | null = null
  for (const raw of text.split(/\r\n|\r|\n/)) {
    const line = raw.trimStart()
    if (open === null && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue
    const whole: string = (open ?? '') + line
    if (/(?:^|[^\\])(?:\\\\)*\\$/.test(line)) {
      open = whole.slice(0, -1)
      continue
    }
    lines.push(whole)
    open = null
  }
  if (open !== null) lines.push(open)
  return lines
}

function split(line: string): { key: string; value: string } {
  let at = 0
  while (at < line.length && !/[=:\s]/.test(line[at]!)) at += line[at] === '\\' ? 2 : 1
  const rest = line.slice(at).replace(/^\s*[=:]?\s*/, '')
  return { key: line.slice(0, at), value: rest }
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

function unescape(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, code: string | undefined, char: string | undefined) =>
    code === undefined ? (ESCAPES[char!] ?? char!) : String.fromCharCode(Number.parseInt(code, 16)),
  )
}
