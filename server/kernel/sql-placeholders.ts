/** Parts of a statement in which a question mark is no placeholder: texts, quoted names, comments, `$tag$` texts. */
const OPAQUE = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|(\$[A-Za-z_]*\$)[\s\S]*?\1|\?/g

/** `?` as `$1`, `$2`, …, which is how PostgreSQL counts. */
export function numbered(sql: string): string {
  let count = 0
  return sql.replace(OPAQUE, part => (part === '?' ? `$${++count}` : part))
}

/** How many parameters a statement wants. */
export function placeholders(sql: string): number {
  return [...sql.matchAll(OPAQUE)].filter(([part]) => part === '?').length
}
