/** What a transport knows about the request at hand and computes only when somebody asks. */
export interface TransportFacts {
  /** Undefined for a name it does not know in that scope. */
  fact(scope: 'default' | 'axis2', name: string): unknown
}

/**
 * Properties of one scope. What the flow has set is in the map; a name it has not set is looked up among the
 * transport's facts, so that `TRANSPORT_IN_NAME` or `REMOTE_ADDR` costs nothing in the many flows that never ask.
 * Iteration, `size` and `has` see only what was set: a fact belongs to the connection and is not stored or copied.
 */
export class Properties extends Map<string, unknown> {
  readonly #scope: 'default' | 'axis2'
  readonly #facts: TransportFacts | null

  constructor(scope: 'default' | 'axis2', facts: TransportFacts | null) {
    super()
    this.#scope = scope
    this.#facts = facts
  }

  override get(name: string): unknown {
    const own = super.get(name)
    return own === undefined && this.#facts !== null ? this.#facts.fact(this.#scope, name) : own
  }
}
