/** A database the settings give a name: a `[[datasource]]` of deployment.toml. */
export interface DataSource {
  /** A JDBC URL. */
  readonly url: string
  /** A Java class; absent: by the URL. */
  readonly driver?: string | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
}

/** One that knows its names. */
export interface NamedDataSource extends DataSource {
  /** What artifacts may write: its id, `jdbc/` and its id, its JNDI name. */
  readonly names: readonly string[]
}

/** By the names artifacts may use. */
export type DataSources = ReadonlyMap<string, DataSource>

export function byNames(sources: readonly NamedDataSource[]): DataSources {
  return new Map(sources.flatMap(source => source.names.map(name => [name, source])))
}
