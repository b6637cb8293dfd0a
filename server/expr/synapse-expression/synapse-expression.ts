import type { MessageContext } from '../../kernel/context.ts'
import type { Expression, SourceRef } from '../../kernel/contracts.ts'
import { textOf } from '../../kernel/errors.ts'
import { endOfExpression } from '../../kernel/inline-expression.ts'
import { textToNumber } from '../xpath/values.ts'
import { GivenUp, isGivenUp, Work } from '../xpath/work.ts'
import { ExpressionSyntaxError } from './ast.ts'
import { compileTree, type CompilerParts, type Evaluate } from './compile.ts'
import { parseExpression } from './parser.ts'
import { isNumeric, numberOf, outside, textOfValue, type Value } from './values.ts'

/** A step takes up to some 50 ns, so that an evaluation ends within a second or so. */
const BUDGET = 20_000_000
/** Characters of a reason in the log: names that are computed may be as long as the message. */
const LONGEST_REASON = 500

/**
 * `${…}` (synapse-language F.4). What has no value for a message (a name that is not there, a text where a number is
 * wanted) is a warning in the log and an empty text, and the flow goes on. What comes to a limit is a fault.
 */
export class SynapseExpression implements Expression {
  readonly source: string
  readonly at: SourceRef
  readonly needsBody: boolean
  readonly #evaluate: Evaluate
  readonly #parts: CompilerParts
  /** Messages that were warned about: mediators ask more than once. */
  readonly #warned = new WeakSet<MessageContext>()

  /** Throws ExpressionSyntaxError. */
  constructor(source: string, at: SourceRef, parts: CompilerParts) {
    const trimmed = source.trim()
    if (endOfExpression(trimmed, 0) !== trimmed.length)
      throw new ExpressionSyntaxError('the expression has to end with its }', trimmed.length - 2)
    const { evaluate, needsBody } = compileTree(parseExpression(trimmed.slice(2, -1)), parts)
    this.source = source
    this.at = at
    this.needsBody = needsBody
    this.#evaluate = evaluate
    this.#parts = parts
  }

  string(ctx: MessageContext): string {
    const value = this.#valueOf(ctx)
    return value === undefined || value === null ? '' : textOfValue(value, this.#parts.environment.views)
  }

  boolean(ctx: MessageContext): boolean {
    const value = this.#valueOf(ctx)
    return value === true || value === 'true'
  }

  number(ctx: MessageContext): number {
    const value = this.#valueOf(ctx)
    return isNumeric(value) ? numberOf(value) : textToNumber(this.string(ctx))
  }

  value(ctx: MessageContext): unknown {
    return outside(this.#valueOf(ctx))
  }

  #valueOf(ctx: MessageContext): Value {
    try {
      return this.#evaluate(ctx, new Work(BUDGET, limit => this.#givenUp(limit)))
    } catch (thrown) {
      if (isGivenUp(thrown)) throw thrown
      if (!this.#warned.has(ctx)) {
        this.#warned.add(ctx)
        ctx.log.warn(`Error evaluating expression: ${this.source.trim()}: ${textOf(thrown).slice(0, LONGEST_REASON)}`)
      }
      return undefined
    }
  }

  #givenUp(limit: number): GivenUp {
    return new GivenUp(
      'EXPRESSION_FAILED',
      `${this.source.trim()} was given up after ${limit} steps; it makes too long a text, or looks at all values for each value`,
    )
  }
}
