import type { Name } from './scopes.ts'

/** Names remembered beyond one document; the next with the same slot takes the place. */
const SLOTS = 512

const met: (Name | undefined)[] = Array.from({ length: SLOTS }, () => undefined)

/**
 * The name `source` has at `start`, if it was met not long ago. Messages of one system use the same few names over and
 * over: comparing characters with a known name costs less than cutting the text out and hashing that.
 */
export function metBefore(source: string, start: number, end: number, hash: number): Name | undefined {
  const name = met[hash & (SLOTS - 1)]
  return name !== undefined &&
    name.hash === hash &&
    name.raw.length === end - start &&
    standsAt(source, start, name.raw)
    ? name
    : undefined
}

export function remember(name: Name): Name {
  met[name.hash & (SLOTS - 1)] = name
  return name
}

/** Hash of `source` from `start` to `end`, as it is built up character by character while a name is read. */
export function hashOf(source: string, start: number, end: number): number {
  let hash = 0
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + source.charCodeAt(at)) | 0
  return hash
}

/** Faster than `startsWith` for what is as short as a name. */
export function standsAt(source: string, start: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (source.charCodeAt(start + index) !== text.charCodeAt(index)) return false
  }
  return true
}

/**
 * A copy that does not hold on to the document it was cut from, the same string each time: comparing two of them compares
 * two pointers. Property keys are such strings.
 */
export function shared(text: string): string {
  // Without prototype it is a dictionary from the start: no hidden class is made for every name somebody sends.
  const keys = Object.create(null) as Record<string, true>
  keys[text] = true
  return Object.keys(keys)[0]!
}
