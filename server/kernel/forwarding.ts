/** Headers that belong to one connection, or to how its body was framed, and are written anew on the next. */
const CONNECTION_HEADERS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  'content-length',
])

/** Said by each server and client of itself; kept only where the settings ask for it (synapse-language E.6). */
const SPOKEN_BY_SELF = new Set(['date', 'server', 'user-agent'])

/** One bit for each length one of the names above has: most headers are let through without lower-casing them. */
const LENGTHS = lengthsOf(CONNECTION_HEADERS) | lengthsOf(SPOKEN_BY_SELF)

function lengthsOf(names: ReadonlySet<string>): number {
  let bits = 0
  for (const name of names) bits |= 1 << name.length
  return bits
}

export interface Forwarding {
  /** Lower-case names of the {@link SPOKEN_BY_SELF} kind to pass on all the same. */
  readonly preserve?: ReadonlySet<string> | undefined
  /** Leaves out Content-Type, for the caller to write it. */
  readonly withoutContentType?: boolean
}

/**
 * Copies those of `flat` (name, value, name, value …) that are meant for the far end (RFC 9110 §7.6.1), in order and
 * spelling, into a new array.
 */
export function forwardedHeaders(flat: readonly string[], options: Forwarding = {}): string[] {
  const forwarded: string[] = []
  let named: string[] | null = null
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at]!
    const value = flat[at + 1]!
    const { length } = name
    if (length < 32 && LENGTHS & (1 << length)) {
      const lower = name.toLowerCase()
      if (lower === 'connection') named = namedByConnection(value, named)
      if (CONNECTION_HEADERS.has(lower)) continue
      if (SPOKEN_BY_SELF.has(lower) && !options.preserve?.has(lower)) continue
    } else if (length === 12 && options.withoutContentType && name.toLowerCase() === 'content-type') {
      continue
    }
    forwarded.push(name, value)
  }
  return named === null ? forwarded : withoutNamed(forwarded, named)
}

/** Names the Connection header declares to be for this hop only, beyond the two every client sends. */
function namedByConnection(value: string, known: string[] | null): string[] | null {
  if (value === 'keep-alive' || value === 'close' || value === 'Keep-Alive') return known
  const names = known ?? []
  for (const part of value.split(',')) names.push(part.trim().toLowerCase())
  return names
}

function withoutNamed(flat: readonly string[], named: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at < flat.length; at += 2) {
    if (!named.includes(flat[at]!.toLowerCase())) kept.push(flat[at]!, flat[at + 1]!)
  }
  return kept
}
