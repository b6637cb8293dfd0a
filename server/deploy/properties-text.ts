/** Java-style `key=value` lines. */
export function readProperties(text: string): Map<string, string> {
  const entries = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const [, key, value] = /^\s*([^#!=:\s][^=:\s]*)\s*[=:]\s*(.*)$/.exec(line) ?? []
    if (key !== undefined && value !== undefined) entries.set(key, unescape(value.trim()))
  }
  return entries
}

/** What {@link readProperties} reads back as the same. */
export function printProperties(entries: ReadonlyMap<string, string>): string {
  return [...entries].map(([key, value]) => `${key}=${value.replace(/[\\\n\r\t]/g, escape)}\n`).join('')
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escape(character: string): string {
  return ESCAPES[character] ?? character
}

function unescape(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_all, what: string) => {
    if (what.length > 1) return String.fromCharCode(Number.parseInt(what.slice(1), 16))
    return { n: '\n', r: '\r', t: '\t' }[what] ?? what
  })
}
