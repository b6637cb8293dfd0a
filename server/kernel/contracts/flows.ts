/** What the steps of a flow are made of. */
import type { MessageContext } from '../context.ts'
import type { SourceRef } from './diagnostics.ts'
import type { Ref } from './registry.ts'

/** A compiled XPath, JSONPath or constant. Evaluation is synchronous: the flow has collected the body if `needsBody`. */
export interface Expression {
  readonly source: string
  readonly at: SourceRef
  /** True if evaluating may look into the message body (synapse-language F.2, content-aware rule). */
  readonly needsBody: boolean
  /** Its value is never JSON: whoever wants a text or JSON need not ask for both. */
  readonly neverJson?: boolean
  /** The string Synapse would give (F.2): missing is `''`. */
  string(ctx: MessageContext): string
  boolean(ctx: MessageContext): boolean
  number(ctx: MessageContext): number
  /** The raw result: string, number, boolean, an array of XML nodes, a JSON value, or undefined for no match. */
  value(ctx: MessageContext): unknown
}

/** `next`: the flow goes on; `done`: nothing after it in any enclosing sequence runs. Faults are thrown. */
export type Outcome = 'next' | 'done'

export interface Mediator {
  /** The flow runner collects the body first if this is true, so that `mediate` may look into it synchronously. */
  readonly needsBody?: boolean
  mediate(ctx: MessageContext): Outcome | Promise<Outcome>
}

export interface Step {
  readonly mediator: Mediator
  /** The element's name, for logs and traces. */
  readonly kind: string
  readonly at: SourceRef
}

export interface Sequence extends Mediator {
  readonly name: string
  readonly steps: readonly Step[]
  readonly onError?: Ref<'sequence'>
}
