import { envelopeView, newEnvelope } from '../../codecs/envelope.ts'
import { jsonView } from '../../codecs/json.ts'
import { jsonFrom } from '../../codecs/json-parts.ts'
import { cloneJson, type JsonValue } from '../../codecs/json-text.ts'
import { setMessageType } from '../../codecs/payloads.ts'
import { elementsOfJson, isJsonTree } from '../../codecs/template-values.ts'
import { copies } from '../../codecs/xml-parts.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Mediator, Outcome } from '../../kernel/contracts.ts'
import { asIntegrationError, IntegrationError, textOf } from '../../kernel/errors.ts'
import {
  attr,
  child,
  children,
  defineMediator,
  dynamicString,
  dynamicText,
  expression,
  flag,
  milliseconds,
  oneOf,
  steps,
  text,
  type ConfigOf,
  type Dynamic,
} from '../../schema/index.ts'
import { XmlElement, XmlText } from '../../xml/tree.ts'

const aggregationFields = {
  expression: attr(expression(), { required: true, doc: 'What is taken from each branch, such as `${payload}`.' }),
  condition: attr(expression(), { doc: 'A branch counts only if this is true.' }),
  timeout: attr(milliseconds(), { doc: 'Milliseconds after which the flow goes on with what is there.' }),
  minMessages: attr(dynamicText(), { name: 'min-messages', doc: 'So many branches are enough.' }),
  maxMessages: attr(dynamicText(), { name: 'max-messages', doc: 'No more than so many are taken.' }),
}
type Aggregation = ConfigOf<typeof aggregationFields>

export default defineMediator({
  tag: 'scatter-gather',
  summary: 'Runs several sequences on copies of the message, and goes on with all their results.',
  details: `
    Each \`<sequence>\` gets a copy of the flow, all at the same time unless \`parallel-execution="false"\`. What the expression
    selects in each of them, in the order the sequences are written, becomes a JSON array, or the children of an XML
    element, in the body or in a variable; then the flow goes on. A branch that is dropped, fails, or for which the condition
    is not true does not count. The flow goes on before all have ended if \`min-messages\` are there, or when \`timeout\`
    (milliseconds) is over; what comes later is given up. If a branch has failed and too few are left, or none is there at
    all, that is a fault.`,
  fields: {
    parallel: attr(flag(), { name: 'parallel-execution', fallback: true, doc: 'False: one after another.' }),
    target: attr(oneOf('body', 'variable'), { required: true, doc: 'Where the results go.' }),
    targetVariable: attr(text(), { name: 'target-variable', doc: 'The variable, for `target="variable"`.' }),
    resultType: attr(oneOf('JSON', 'XML'), {
      name: 'result-content-type',
      required: true,
      doc: 'A JSON array, or an XML element.',
    }),
    resultElement: attr(text(), { name: 'result-enclosing-element', doc: 'Name of that XML element.' }),
    aggregation: child('aggregation', aggregationFields, {
      required: true,
      doc: 'What is collected, and when it is enough.',
    }),
    sequences: children('sequence', { steps: steps({ doc: 'What to do.' }) }, { min: 1, doc: 'One branch each.' }),
  },
  examples: [
    {
      title: 'Ask two at the same time',
      xml: `<scatter-gather target="body" result-content-type="JSON"><aggregation expression="\${payload}" timeout="5000"/><sequence><call><endpoint key="prices"/></call></sequence><sequence><call><endpoint key="stock"/></call></sequence></scatter-gather>`,
    },
    {
      title: 'Into a variable, as XML',
      xml: `<scatter-gather target="variable" target-variable="offers" result-content-type="XML" result-enclosing-element="offers"><aggregation expression="$body/*[1]" min-messages="1"/><sequence><call><endpoint key="prices"/></call></sequence></scatter-gather>`,
    },
  ],
  check({ target, targetVariable, resultType, resultElement }, site) {
    if (target === 'variable' && targetVariable === undefined) site.missing('attribute "target-variable"')
    if (resultType === 'XML' && resultElement === undefined) site.missing('attribute "result-enclosing-element"')
  },
  create({ parallel, target, targetVariable, resultType, resultElement, aggregation, sequences }, env) {
    const flows = sequences.map(sequence => env.flow(sequence.steps))
    return {
      needsBody: true,
      async mediate(ctx): Promise<Outcome> {
        const gathering = new Gathering(aggregation, flows.length, ctx)
        ctx.runtime.enter()
        const running = parallel ? all(flows, gathering, ctx) : inTurn(flows, gathering, ctx)
        // What still runs when the flow goes on keeps the snapshot open.
        void running.finally(() => ctx.runtime.leave())
        ctx.waiting()
        const patience =
          aggregation.timeout === undefined
            ? undefined
            : env.services.clock.after(aggregation.timeout, () => gathering.end('nothing was there in time'))
        void running.then(() => gathering.end('no branch had a result'))
        const found = await gathering.over
        patience?.cancel()
        const made = resultType === 'JSON' ? found.map(jsonOf) : wrapped(resultElement!, found)
        if (target === 'variable') ctx.variables.set(targetVariable!, made)
        else put(made, ctx)
        return 'next'
      },
    }
  },
})

/** What the branches have brought so far. */
class Gathering {
  /** In the order the sequences are written; rejects if there is too little. */
  readonly over: Promise<readonly unknown[]>
  readonly #aggregation: Aggregation
  readonly #found: { readonly index: number; readonly value: unknown }[] = []
  readonly #least: number
  readonly #most: number
  readonly #isPartial: boolean
  #failure: IntegrationError | undefined
  #isOver = false
  #resolve: (found: readonly unknown[]) => void = () => undefined
  #reject: (error: IntegrationError) => void = () => undefined

  constructor(aggregation: Aggregation, branches: number, ctx: MessageContext) {
    this.#aggregation = aggregation
    const least = countIn(aggregation.minMessages, ctx)
    this.#isPartial = least > 0
    this.#least = least > 0 ? Math.min(least, branches) : branches
    const most = countIn(aggregation.maxMessages, ctx)
    this.#most = most > 0 ? most : branches
    this.over = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  async ended(index: number, branch: MessageContext): Promise<void> {
    await branch.message.body.collect()
    const { expression, condition } = this.#aggregation
    if (this.#isOver || (condition && !isTrue(condition, branch))) return
    this.#found.push({ index, value: expression.value(branch) })
    if (this.#found.length >= Math.min(this.#least, this.#most)) this.end('')
  }

  failed(error: IntegrationError): void {
    this.#failure ??= error
  }

  /** No more is waited for. */
  end(why: string): void {
    if (this.#isOver) return
    this.#isOver = true
    const few = this.#found.length === 0 || (this.#isPartial && this.#found.length < this.#least)
    if (this.#failure && (few || !this.#isPartial)) this.#reject(this.#failure)
    else if (this.#found.length === 0) this.#reject(new IntegrationError('MEDIATION_FAILED', `scatter-gather: ${why}`))
    else this.#resolve(this.#found.toSorted((a, b) => a.index - b.index).map(({ value }) => value))
  }
}

async function run(flow: Mediator, index: number, gathering: Gathering, ctx: MessageContext): Promise<void> {
  const branch = ctx.fork()
  delete branch.message.addressing.messageId
  try {
    if ((await flow.mediate(branch)) === 'next') await gathering.ended(index, branch)
  } catch (thrown) {
    if (gathering.isOver)
      ctx.log.warn(`a branch of scatter-gather failed after the flow had gone on: ${textOf(thrown)}`)
    gathering.failed(asIntegrationError(thrown))
  }
}

async function all(flows: readonly Mediator[], gathering: Gathering, ctx: MessageContext): Promise<void> {
  await Promise.all(flows.map((flow, index) => run(flow, index, gathering, ctx)))
}

async function inTurn(flows: readonly Mediator[], gathering: Gathering, ctx: MessageContext): Promise<void> {
  for (const [index, flow] of flows.entries()) {
    if (gathering.isOver) return
    await run(flow, index, gathering, ctx)
  }
}

function isTrue(condition: Aggregation['expression'], ctx: MessageContext): boolean {
  return condition.string(ctx).toLowerCase() === 'true'
}

function countIn(given: Dynamic | undefined, ctx: MessageContext): number {
  const count = given === undefined ? -1 : Number(dynamicString(given, ctx))
  return Number.isInteger(count) ? count : -1
}

function jsonOf(value: unknown): JsonValue {
  const made = jsonFrom(value)
  return made === undefined ? null : cloneJson(made)
}

function wrapped(name: string, found: readonly unknown[]): XmlElement {
  const whole = new XmlElement(name)
  for (const value of found) {
    if (typeof value === 'string') whole.append(new XmlText(value))
    else if (isJsonTree(value)) for (const element of elementsOfJson(value)) whole.append(element)
    else for (const node of copies(value)) whole.append(node)
  }
  return whole
}

function put(made: readonly JsonValue[] | XmlElement, { message }: MessageContext): void {
  if (made instanceof XmlElement) message.body.replace(envelopeView, newEnvelope('soap11', made))
  else message.body.replace(jsonView, { value: [...made] })
  setMessageType(message, made instanceof XmlElement ? 'application/xml' : 'application/json')
  message.axis2.delete('NO_ENTITY_BODY')
}
