/** Brokers by name: what `[[transport.jms.listener]]` and its like in a `deployment.toml` describe. */

export type FactoryUse = 'jms.listener' | 'jms.sender' | 'rabbitmq.listener' | 'rabbitmq.sender'

export interface ConnectionFactory {
  readonly name: string
  /** As an artifact would write them: `java.naming.provider.url`, `rabbitmq.server.host.name`. */
  readonly parameters: ReadonlyMap<string, string>
}

export class ConnectionFactories {
  static readonly none = new ConnectionFactories({})
  readonly #known: Partial<Record<FactoryUse, readonly ConnectionFactory[]>>

  constructor(known: Partial<Record<FactoryUse, readonly ConnectionFactory[]>>) {
    this.#known = known
  }

  find(use: FactoryUse, name: string): ReadonlyMap<string, string> | undefined {
    return this.#known[use]?.find(factory => factory.name === name)?.parameters
  }

  names(use: FactoryUse): readonly string[] {
    return (this.#known[use] ?? []).map(({ name }) => name)
  }
}
