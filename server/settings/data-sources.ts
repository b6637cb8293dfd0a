/** `[[datasource]]`: databases by name, for artifacts to refer to (management-and-operations §4.2). */
import type { NamedDataSource } from '../kernel/data-sources.ts'
import { Refusal, type Raw, type SettingType } from './types.ts'

export const dataSources: SettingType<readonly NamedDataSource[]> = {
  name: 'tables with id, url, username and password',
  tables: true,
  read(raw) {
    if (!Array.isArray(raw)) return new Refusal('can only be written in the file, as tables with id and url')
    const made: NamedDataSource[] = []
    for (const [index, table] of (raw as readonly Raw[]).entries()) {
      const one = sourceOf(table, index)
      if (one instanceof Refusal) return one
      const [id = ''] = one.names
      if (made.some(({ names }) => names[0] === id))
        return new Refusal(`has "${id}" twice`, { table: index, key: 'id' })
      made.push(one)
    }
    return made
  },
  // Their addresses may have secrets in them.
  write: value => `[${value.map(({ names }) => JSON.stringify(names[0])).join(', ')}]`,
}

function sourceOf(table: Raw, index: number): NamedDataSource | Refusal {
  const values = table as Readonly<Record<string, Raw>>
  const text = (key: string): string | undefined => {
    const value = values[key]
    return value === undefined || value === '' ? undefined : String(value)
  }
  const refused = (reason: string): Refusal =>
    new Refusal(reason, { table: index, key: Object.keys(values)[0] ?? 'id' })
  const id = text('id')
  if (id === undefined) return refused('needs an id in each table')
  const url = text('url')
  if (url === undefined) return refused(`needs a url in "${id}"`)
  const jndi = text('jndi_config.name')
  return {
    names: [id, `jdbc/${id}`, ...(jndi === undefined ? [] : [jndi])],
    url,
    driver: text('driver'),
    user: text('username'),
    password: text('password'),
  }
}
