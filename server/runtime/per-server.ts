import type { Services } from '../schema/services.ts'

const all = new WeakMap<object, Map<string, unknown>>()

/**
 * What exists once in a server, whatever is deployed anew: counts of a throttle, entries of a cache. Made when it is
 * first asked for. A server has one journal, and that is what tells it from another one in the same process.
 */
export function perServer<T>({ journal }: Pick<Services, 'journal'>, name: string, make: () => T): T {
  let own = all.get(journal)
  if (!own) all.set(journal, (own = new Map()))
  let found = own.get(name) as T | undefined
  if (found === undefined) own.set(name, (found = make()))
  return found
}
