import type { FactoryUse } from '../kernel/connection-factories.ts'
import { nearest } from '../kernel/nearest.ts'
import type { ElementSite } from '../schema/element-site.ts'
import type { Field } from '../schema/fields.ts'
import { text } from '../schema/index.ts'

/** A connection factory as an artifact names it. */
export interface NamedFactory {
  readonly name: string
  /** False: the settings have none of that name. */
  readonly known: boolean
}

/** Its tables in a `deployment.toml`. */
function tablesOf(use: FactoryUse): string {
  return `[[transport.${use}]]`
}

/**
 * The `<parameter>` that names a connection factory. It stands before all others: from then on parameters that are not
 * written are those of the factory. `byDefault`: where nothing is named, the factory `default` counts.
 */
export function connectionFactory(
  parameter: string,
  use: FactoryUse,
  byDefault: (site: ElementSite) => boolean,
): Field<NamedFactory | undefined> {
  return {
    shape: {
      kind: 'parameter',
      name: parameter,
      type: text() as never,
      required: false,
      doc: `Name of a connection factory in deployment.toml, a table ${tablesOf(use)}: what is not written here is as it is there.`,
    },
    decode(site) {
      const factories = site.decoding.env.connectionFactories
      const given = site.parameter(parameter)
      const written = given?.text.trim() ?? ''
      if (written === '' && !byDefault(site)) return undefined
      const name = written === '' ? 'default' : written
      const found = factories?.find(use, name)
      if (found) site.assume(found, given?.offset ?? site.element.offset)
      return written === '' ? undefined : { name, known: found !== undefined }
    },
    encode(value, draft) {
      if (value) draft.plainParameter(parameter, value.name)
    },
    present: site => site.parameter(parameter) !== undefined,
  }
}

/** A name nobody knows: what is wrong where nothing else says where the broker is, and else worth a word. */
export function reportFactory(
  factory: NamedFactory | undefined,
  { parameter, use, address }: { readonly parameter: string; readonly use: FactoryUse; readonly address: string },
  place: 'written here' | 'nowhere' | 'nowhere, but there are other callers',
  site: ElementSite,
): void {
  if (!factory || factory.known) return
  const at = site.parameter(parameter)?.offset ?? site.element.offset
  const message = `there is no connection factory "${factory.name}" in deployment.toml`
  if (place === 'written here') {
    site.hint('connection-factory-unknown', `${message}; the parameters here are used`, at, `Remove ${parameter}.`)
    return
  }
  const near = nearest(factory.name, site.decoding.env.connectionFactories?.names(use) ?? [])
  const add = `Add ${tablesOf(use)} with name = "${factory.name}" there, or say here where the broker is (${address}).`
  const hint = near === undefined ? add : `Did you mean "${near}"? ${add}`
  if (place === 'nowhere') site.error('connection-factory-unknown', message, at, hint)
  else site.warn('connection-factory-unknown', message, at, hint)
}
