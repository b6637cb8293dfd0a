import { envelopeView } from '../../codecs/envelope.ts'
import { jsonView } from '../../codecs/json.ts'
import { cloneJson, setMember, type JsonObject, type JsonValue } from '../../codecs/json-text.ts'
import { isRecord } from '../../expr/json-values.ts'
import { branchOf, runBranch } from '../../kernel/branches.ts'
import type { Timer } from '../../kernel/clock.ts'
import type { Exchange, MessageContext } from '../../kernel/context.ts'
import type { Expression, Mediator, Outcome } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import {
  attr,
  child,
  defineMediator,
  dynamicString,
  dynamicText,
  expression,
  oneOf,
  ref,
  steps,
  text,
  type Dynamic,
} from '../../schema/index.ts'
import { clone } from '../../xml/clone.ts'
import { XmlElement, type XmlNode } from '../../xml/tree.ts'

/** Groups found by `correlateOn` that wait for parts; beyond it the oldest one is given up. */
const MOST_GROUPS = 10_000

export default defineMediator({
  tag: 'aggregate',
  summary: 'Collects the parts of a split message, or their replies, into one message.',
  details: `
    Parts belong together by the text of \`correlateOn\`, else by the \`<clone>\` or \`<iterate>\` of the same id that made
    them. The group is complete when all copies of that clone or iterate are here, or as many as \`min\` or \`max\` says,
    or when \`timeout\` seconds have passed since the first. Every other part ends here. On a copy of the first part,
    \`onComplete\` runs: its body is what the expression selects in every part, in order of arrival, several roots if need
    be, or wrapped in the element a property holds. With a JSONPath it is an array. Then the flow goes on with the
    collected body; without mediators in \`onComplete\` the message is dropped. A part that belongs to no group passes.`,
  fields: {
    id: attr(text(), { doc: 'Of the clone or iterate whose parts are collected.' }),
    correlateOn: child(
      'correlateOn',
      { expression: attr(expression(), { required: true, doc: 'The same text: the same group.' }) },
      { doc: 'What parts have in common.' },
    ),
    completeCondition: child(
      'completeCondition',
      {
        timeout: attr(dynamicText(), { doc: 'Seconds since the first part.' }),
        messageCount: child(
          'messageCount',
          {
            min: attr(dynamicText(), { doc: 'So many parts are enough; -1: not counted.' }),
            max: attr(dynamicText(), { doc: 'More parts than this are not taken; -1: not counted.' }),
          },
          { doc: 'How many parts.' },
        ),
      },
      { doc: 'When a group is complete.' },
    ),
    onComplete: child(
      'onComplete',
      {
        expression: attr(expression(), { doc: 'What is collected from each part; absent: its first element.' }),
        sequence: attr(ref('sequence'), { doc: 'A named sequence to run instead of mediators written here.' }),
        enclosingElementProperty: attr(text(), { doc: 'Property with an element to wrap around what was collected.' }),
        aggregateElementType: attr(oneOf('root', 'child'), {
          fallback: 'root',
          doc: 'For JSON. root: an array of the parts. child: one object with the members of all.',
        }),
        steps: steps({ doc: 'What to do with the collected message.' }),
      },
      { required: true, doc: 'What to do with a complete group.' },
    ),
  },
  examples: [
    {
      title: 'Answer with all replies',
      xml: `<aggregate id="split"><onComplete expression="//m:quote" xmlns:m="urn:m"><send/></onComplete></aggregate>`,
    },
    {
      title: 'What is here after five seconds',
      xml: `<aggregate><completeCondition timeout="5"><messageCount min="-1" max="-1"/></completeCondition><onComplete expression="json-eval($)"><respond/></onComplete></aggregate>`,
    },
  ],
  create({ id, correlateOn, completeCondition, onComplete }, env) {
    const { messageCount, timeout } = completeCondition ?? {}
    const { sequence, expression: selects } = onComplete
    const work: Mediator | undefined = sequence
      ? { mediate: ctx => ctx.runtime.get(sequence).mediate(ctx) }
      : onComplete.steps.length > 0
        ? env.flow(onComplete.steps)
        : undefined
    const collect = isJson(selects) ? jsonCollector : xmlCollector
    const found = isJson(selects)
      ? (ctx: MessageContext) => selects!.value(ctx)
      : (ctx: MessageContext) => elementsOf(selects, ctx)
    const groups = new Groups()
    const suffix = id === undefined ? '' : `.${id}`

    return {
      needsBody: true,
      mediate(ctx) {
        const group = groupOf(ctx)
        if (group === undefined) return 'next'
        if (group.complete) return 'done'
        group.parts.push({ ctx, found: found(ctx) })
        if (isComplete(group, ctx)) {
          groups.close(group)
          return finish(group, ctx)
        }
        const wait = group.parts.length === 1 ? countIn(timeout, ctx) : 0
        return wait > 0 ? untilTimeout(group, ctx, wait * 1000) : 'done'
      },
    }

    function groupOf(ctx: MessageContext): Group | undefined {
      if (correlateOn) {
        const key = correlateOn.expression.string(ctx)
        if (key !== '') return groups.byText(key)
        throw new IntegrationError(
          'MEDIATION_FAILED',
          `Failed to evaluate correlate expression: ${correlateOn.expression.source} selects nothing`,
        )
      }
      const key = ctx.properties.get(`aggregateCorelation${suffix}`)
      return typeof key === 'string' ? groups.byExchange(ctx.exchange, key) : undefined
    }

    function isComplete({ parts }: Group, ctx: MessageContext): boolean {
      const count = parts.length
      const total = Number(/^\d+\/(\d+)$/.exec(String(parts[0]!.ctx.properties.get(`messageSequence${suffix}`)))?.[1])
      const enough = [total, countIn(messageCount?.min, ctx), countIn(messageCount?.max, ctx)]
      return enough.some(limit => limit > 0 && count >= limit)
    }

    /**
     * A caller who has been promised an answer is kept: the flow of the first part waits for the group. Else the flow
     * ends, and the group goes on by itself.
     */
    function untilTimeout(group: Group, ctx: MessageContext, waitMs: number): Outcome | Promise<Outcome> {
      const late = new Promise<boolean>(resolve => {
        const timer = env.services.clock.after(waitMs, () => {
          resolve(true)
          groups.close(group)
        })
        group.timer = { timer, disarmed: () => resolve(false) }
      })
      const finishLate = (): Promise<Outcome> => {
        ctx.log.info('Aggregate mediator timeout occurred.', { at: env.at })
        return finish(group, ctx)
      }
      if (ctx.exchange.expected) {
        ctx.waiting()
        return late.then(isLate => (isLate ? finishLate() : 'done'))
      }
      void byItself(ctx, late, finishLate)
      return 'done'
    }

    /** Runs onComplete on the collected message; afterwards the flow of `ctx` goes on with it. */
    async function finish({ parts }: Group, ctx: MessageContext): Promise<Outcome> {
      const first = parts[0]!.ctx
      const carrier = branchOf(first, first.message.fork())
      carrier.place = ctx.place
      carrier.functionParams = ctx.functionParams
      carrier.onWaiting = () => ctx.waiting()
      collect(
        carrier,
        parts.map(part => part.found),
        onComplete,
      )
      if (!work) {
        ctx.log.warn('the collected message is dropped: <onComplete> has no mediators', { at: env.at })
        return 'done'
      }
      const collected = carrier.message.body.fork()
      if ((await work.mediate(carrier)) === 'done') return 'done'
      if (carrier.resumed) {
        ctx.message = carrier.message
        for (const [name, value] of carrier.properties) ctx.properties.set(name, value)
        ctx.resumed = true
      } else ctx.message.body = collected
      return 'next'
    }
  },
})

/** The flow of `ctx` has ended. If it gets late it goes on as after a call, with all that comes after the aggregate. */
async function byItself(ctx: MessageContext, late: Promise<boolean>, finish: () => Promise<Outcome>): Promise<void> {
  const { place, runtime, functionParams } = ctx
  runtime.enter()
  try {
    if (!(await late)) return
    ctx.place = place
    ctx.functionParams = functionParams
    ctx.resumed = true
    await runBranch(ctx, finish)
  } finally {
    runtime.leave()
  }
}

// ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────────

interface Part {
  readonly ctx: MessageContext
  /** What the expression selects in it, looked up on arrival: parameters of a template are gone later. */
  readonly found: unknown
}

interface Group {
  /** Under which it is found by `correlateOn`. */
  readonly text: string | undefined
  readonly parts: Part[]
  complete: boolean
  timer?: { readonly timer: Timer; disarmed(): void }
}

/**
 * Groups of one mediator. Parts of one clone or iterate belong to one exchange: their groups live as long as it does,
 * so that a late part finds its group closed. Parts that have a text in common may come from anywhere.
 */
class Groups {
  readonly #ofExchanges = new WeakMap<Exchange, Map<string, Group>>()
  readonly #ofTexts = new Map<string, Group>()

  byExchange(exchange: Exchange, key: string): Group {
    let own = this.#ofExchanges.get(exchange)
    if (!own) this.#ofExchanges.set(exchange, (own = new Map()))
    let group = own.get(key)
    if (!group) own.set(key, (group = { text: undefined, parts: [], complete: false }))
    return group
  }

  byText(text: string): Group {
    let group = this.#ofTexts.get(text)
    if (group) return group
    this.#ofTexts.set(text, (group = { text, parts: [], complete: false }))
    if (this.#ofTexts.size > MOST_GROUPS) {
      const [oldest] = this.#ofTexts.values()
      oldest!.parts[0]!.ctx.log.warn(
        `an aggregate gave up its oldest group ("${oldest!.text!.slice(0, 40)}"): ${MOST_GROUPS} groups wait for parts`,
      )
      this.close(oldest!)
    }
    return group
  }

  /** It takes no more parts. The same text begins a new group. */
  close(group: Group): void {
    group.complete = true
    if (group.text !== undefined) this.#ofTexts.delete(group.text)
    group.timer?.timer.cancel()
    group.timer?.disarmed()
  }
}

/** A count that is absent, or no number, counts nothing. */
function countIn(given: Dynamic | undefined, ctx: MessageContext): number {
  return given === undefined ? -1 : Number(dynamicString(given, ctx))
}

// ── what is collected ────────────────────────────────────────────────────────────────────────────────────────────

interface Wanted {
  readonly enclosingElementProperty: string | undefined
  readonly aggregateElementType: 'root' | 'child'
}

type Collector = (carrier: MessageContext, found: readonly unknown[], wanted: Wanted) => void

function isJson(selects: Expression | undefined): boolean {
  return selects?.source.trimStart().startsWith('json-eval(') ?? false
}

const xmlCollector: Collector = (carrier, found, { enclosingElementProperty }) => {
  const envelope = carrier.message.body.edit(envelopeView)
  const [own = [], ...others] = found as (readonly XmlElement[])[]
  if (others.some(elements => elements.length === 0)) {
    throw new IntegrationError('MEDIATION_FAILED', 'Could not find matching elements to aggregate.')
  }
  // What the first part has besides its matches goes, unless it has none.
  const kept = own.length > 0 ? own : envelope.body.children
  const nodes: XmlNode[] = [...kept, ...others.flat()].map(node => clone(node))
  if (enclosingElementProperty === undefined) {
    envelope.setPayload(...nodes)
    return
  }
  const wrapper = clone(enclosingElement(enclosingElementProperty, carrier))
  for (const node of nodes) wrapper.append(node)
  envelope.setPayload(wrapper)
}

function elementsOf(selects: Expression | undefined, part: MessageContext): readonly XmlElement[] {
  if (!selects) {
    const first = part.message.body.view(envelopeView).firstChild
    return first ? [first] : []
  }
  const value = selects.value(part)
  if (value instanceof XmlElement) return [value]
  return Array.isArray(value) ? value.filter(node => node instanceof XmlElement) : []
}

function enclosingElement(name: string, carrier: MessageContext): XmlElement {
  const value = carrier.properties.get(name)
  const element: unknown = Array.isArray(value) ? value[0] : value
  if (element instanceof XmlElement) return element
  throw new IntegrationError(
    'MEDIATION_FAILED',
    `the property "${name}" named by enclosingElementProperty holds no XML element; set it with type="OM"`,
  )
}

const jsonCollector: Collector = (carrier, found, { enclosingElementProperty, aggregateElementType }) => {
  const values = (found as readonly (JsonValue | undefined)[]).flatMap(value =>
    value === undefined ? [] : [cloneJson(value)],
  )
  const collected = aggregateElementType === 'child' ? merged(values) : values
  const wrapper =
    enclosingElementProperty === undefined ? undefined : enclosingElement(enclosingElementProperty, carrier)
  carrier.message.body.replace(jsonView, { value: wrapper ? { [wrapper.local]: collected } : collected })
}

/** One object with the members of all; a name that several have holds an array of theirs. */
function merged(values: readonly JsonValue[]): JsonValue {
  const members = new Map<string, JsonValue[]>()
  for (const value of values) {
    if (!isRecord(value)) {
      throw new IntegrationError('MEDIATION_FAILED', 'aggregateElementType="child" collects JSON objects only')
    }
    for (const [name, member] of Object.entries(value)) {
      const known = members.get(name)
      if (known) known.push(member as JsonValue)
      else members.set(name, [member as JsonValue])
    }
  }
  const made: JsonObject = {}
  for (const [name, [only, ...more]] of members) setMember(made, name, more.length > 0 ? [only!, ...more] : only!)
  return made
}
