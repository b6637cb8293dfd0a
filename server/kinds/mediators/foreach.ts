import { checkCopies, checkOverlap, nodesIn } from '../../codecs/copy-limits.ts'
import { parseContentType } from '../../codecs/content-type.ts'
import { Envelope, envelopeView, newEnvelope } from '../../codecs/envelope.ts'
import { jsonView } from '../../codecs/json.ts'
import { cloneJson, type JsonValue } from '../../codecs/json-text.ts'
import { bodyPathOf, setAt } from '../../expr/json-edit.ts'
import { JsonPath } from '../../expr/jsonpath.ts'
import type { JsonMatch } from '../../expr/json-values.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Expression, Mediator, Outcome } from '../../kernel/contracts.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import { Body } from '../../kernel/message.ts'
import { attr, child, defineMediator, expression, flag, oneOf, ref, steps, text } from '../../schema/index.ts'
import { clone } from '../../xml/clone.ts'
import { replace, XmlElement } from '../../xml/tree.ts'

/** Mediators that would lose the loop: Synapse refuses them as direct children of the first form (trap H27). */
const FORBIDDEN = new Set(['send', 'call', 'callout'])

export default defineMediator({
  tag: 'foreach',
  summary: 'Runs a sequence on each element of the body, and puts the results back.',
  details: `
    With \`expression\`, one element after another is the body while the sequence runs; what it leaves there takes the
    element's place. FOREACH_ORIGINAL_MESSAGE holds the message as it was, FOREACH_COUNTER counts from 0; with an id both
    names begin with the id and an underscore. With \`collection\` each element gets a copy of the flow, all at the same
    time unless \`parallel-execution="false"\`; the results take the elements' places, or with \`update-original="false"\`
    are put together in a variable. Then the flow goes on. A fault of one element is a fault of the loop.`,
  fields: {
    id: attr(text(), { doc: 'Begins the names of the properties.' }),
    expression: attr(expression(), { doc: 'Selects the elements, for one after another.' }),
    collection: attr(expression(), { doc: 'Selects the elements, for copies of the flow.' }),
    sequenceKey: attr(ref('sequence'), { name: 'sequence', doc: 'A named sequence to run.' }),
    continueLoopOnFailure: attr(flag(), { fallback: false, doc: 'True: a fault leaves its element as it was.' }),
    parallel: attr(flag(), { name: 'parallel-execution', fallback: true, doc: 'False: one copy after another.' }),
    updateOriginal: attr(flag(), { name: 'update-original', fallback: true, doc: 'False: results go to a variable.' }),
    targetVariable: attr(text(), { name: 'target-variable', doc: 'The variable for the results.' }),
    resultType: attr(oneOf('JSON', 'XML'), {
      name: 'result-content-type',
      doc: 'What the variable becomes: a JSON array, or an XML element.',
    }),
    resultElement: attr(text(), { name: 'result-enclosing-element', doc: 'Name of that XML element.' }),
    counterVariable: attr(text(), {
      name: 'counter-variable',
      doc: 'Variable that counts from 0; only for one copy after another.',
    }),
    continueWithout: attr(flag(), {
      name: 'continue-without-aggregation',
      fallback: false,
      doc: 'True: the flow goes on at once, and the results are given up.',
    }),
    sequence: child('sequence', { steps: steps({ doc: 'What to do.' }) }, { doc: 'What to do, written in place.' }),
  },
  examples: [
    {
      title: 'Change each element',
      xml: `<foreach expression="//m:order" xmlns:m="urn:m"><sequence><header name="Action" value="x"/></sequence></foreach>`,
    },
    {
      title: 'Ask for each element at the same time',
      xml: `<foreach collection="json-eval($.orders)"><sequence><call><endpoint key="prices"/></call></sequence></foreach>`,
    },
  ],
  check(config, site) {
    const { offset } = site.element
    const { expression, collection, sequenceKey, sequence } = config
    if (!expression && !collection) site.missing('attribute "expression" or "collection"')
    if (!sequenceKey && !sequence) site.missing('attribute "sequence" or element <sequence>')
    const lost = collection ? undefined : sequence?.steps.find(({ kind }) => FORBIDDEN.has(kind.tag))
    if (lost) {
      const hint = 'Use collection="…" instead of expression="…", or <iterate>.'
      site.error('not-supported', `<${lost.kind.tag}> cannot stand in this form of <foreach>`, offset, hint)
    }
    if (!collection) return
    if (!config.updateOriginal) {
      if (config.targetVariable === undefined) site.missing('attribute "target-variable"')
      if (config.resultType === undefined) site.missing('attribute "result-content-type"')
      if (config.resultType === 'XML' && config.resultElement === undefined) {
        site.missing('attribute "result-enclosing-element"')
      }
    }
    if (config.counterVariable !== undefined && config.parallel) {
      const hint = 'Add parallel-execution="false".'
      site.error('invalid-value', 'copies that run at the same time cannot be counted', offset, hint)
    }
  },
  create(config, env) {
    const { sequenceKey, sequence } = config
    const work: Mediator = sequenceKey
      ? { mediate: ctx => ctx.runtime.get(sequenceKey).mediate(ctx) }
      : env.flow(sequence!.steps)
    const selects = (config.collection ?? config.expression)!
    return {
      needsBody: true,
      mediate: config.collection
        ? ctx => inCopies(selects, config, work, ctx)
        : ctx => oneAfterAnother(selects, config, work, ctx),
    }
  },
})

// ── the elements, and their places ───────────────────────────────────────────────────────────────────────────────

/** One element: the body it is worked on as, and where the result goes. */
interface Slot {
  body(): Body
  put(result: Body): void
}

/** The elements of what `selects` finds in the context's own body, which is changed where they stand. */
function slotsIn(selects: Expression, ctx: MessageContext): readonly Slot[] {
  const path = jsonPathOf(selects)
  if (path) return jsonSlots(path, ctx.message.body.edit(jsonView), selects)
  const variable = /^\s*(?:\$\{\s*vars\.|json-eval\(\s*\$var:)([\w-]+)([^})]*)[})]\s*$/.exec(selects.source)
  if (variable) {
    const [, name, rest] = variable as unknown as [string, string, string]
    const root = { value: ctx.variables.get(name) }
    return jsonSlots(new JsonPath(`$${rest.trim()}`), root, selects, () => ctx.variables.set(name, root.value))
  }
  const { contentType } = ctx.message.body
  const whole = ctx.message.body.edit(envelopeView)
  const found = selects.value(ctx)
  if (found === undefined || found === '') return []
  if (!Array.isArray(found) || !found.every(node => node instanceof XmlElement)) throw nothingToLoop(selects)
  checkOverlap(found)
  if (whole.header) checkCopies(found.length, nodesIn(whole.header))
  return found.map(element => ({
    body: () => Body.ofView(envelopeView, aloneIn(whole, element), contentType),
    put(result) {
      const made = result.view(envelopeView).body.childElements
      if (made.length > 0) replace(element, ...made.map(one => clone(one)))
    },
  }))
}

function jsonPathOf(selects: Expression): JsonPath | undefined {
  const payload = /^\s*\$\{\s*(?:payload|\$)((?:\.[^}(]*|\[[^}(]*)?)\}\s*$/.exec(selects.source)
  return payload ? new JsonPath(`$${payload[1]!.trim()}`) : bodyPathOf(selects)
}

function jsonSlots(
  path: JsonPath,
  root: { value: unknown },
  selects: Expression,
  changed: () => void = () => undefined,
): readonly Slot[] {
  const matches = path.matches(root)
  const [only] = matches
  if (!only) return []
  if (path.definite && !Array.isArray(only.value)) throw nothingToLoop(selects)
  const places: readonly JsonMatch[] = path.definite
    ? (only.value as unknown[]).map((value, key) => ({ value, holder: only.value as object, key }))
    : matches
  return places.map(place => ({
    body: () => Body.ofView(jsonView, { value: cloneJson(place.value as JsonValue) }, 'application/json'),
    put(result) {
      const { value } = result.view(jsonView)
      if (value === undefined) return
      setAt(place, cloneJson(value))
      changed()
    },
  }))
}

function aloneIn(whole: Envelope, element: XmlElement): Envelope {
  const made = newEnvelope(whole.soap, clone(element))
  if (whole.header) made.root.insert(0, clone(whole.header))
  return new Envelope(made.document, whole.arrived)
}

function nothingToLoop({ source }: Expression): IntegrationError {
  return new IntegrationError('MEDIATION_FAILED', `the expression ${source} selects neither elements nor a JSON array`)
}

// ── one after another ────────────────────────────────────────────────────────────────────────────────────────────

interface LoopRules {
  readonly id: string | undefined
  readonly continueLoopOnFailure: boolean
}

async function oneAfterAnother(
  selects: Expression,
  { id, continueLoopOnFailure }: LoopRules,
  work: Mediator,
  ctx: MessageContext,
): Promise<Outcome> {
  const { message, properties } = ctx
  const prefix = id === undefined ? '' : `${id}_`
  const before = message.body.fork()
  const isJson = before.changed ? before.changed === jsonView : parseContentType(before.contentType).kind === 'json'
  const original = isJson ? before.view(jsonView).value : before.view(envelopeView).root
  properties.set(`${prefix}FOREACH_ORIGINAL_MESSAGE`, original)
  const slots = slotsIn(selects, ctx)
  const whole = message.body
  try {
    for (const [index, slot] of slots.entries()) {
      properties.set(`${prefix}FOREACH_COUNTER`, index)
      message.body = slot.body()
      try {
        if ((await work.mediate(ctx)) === 'done') return 'done'
        await ctx.message.body.collect()
        slot.put(ctx.message.body)
      } catch (thrown) {
        if (!continueLoopOnFailure) throw thrown
        ctx.log.error(`foreach goes on after a fault of element ${index}: ${textOf(thrown)}`)
      }
    }
  } finally {
    ctx.message = message
    message.body = whole
  }
  return 'next'
}

// ── copies ───────────────────────────────────────────────────────────────────────────────────────────────────────

interface CopyRules {
  readonly parallel: boolean
  readonly updateOriginal: boolean
  readonly targetVariable: string | undefined
  readonly resultType: 'JSON' | 'XML' | undefined
  readonly resultElement: string | undefined
  readonly counterVariable: string | undefined
  readonly continueWithout: boolean
}

async function inCopies(selects: Expression, rules: CopyRules, work: Mediator, ctx: MessageContext): Promise<Outcome> {
  const update = rules.updateOriginal && !rules.continueWithout
  // Elements are read from the body itself only if it is to be changed.
  const slots = slotsIn(selects, update ? ctx : ctx.fork())
  if (slots.length === 0) return 'next'
  const run = async (slot: Slot, index: number): Promise<Body> => {
    const copy = ctx.fork()
    copy.message.body = slot.body()
    delete copy.message.addressing.messageId
    if (rules.counterVariable !== undefined) copy.variables.set(rules.counterVariable, index)
    await work.mediate(copy)
    await copy.message.body.collect()
    return copy.message.body
  }
  const running = rules.parallel ? allOf(slots.map(run)) : inTurn(slots, run)
  if (rules.continueWithout) {
    ctx.runtime.enter()
    void running
      .catch((thrown: unknown) => ctx.log.error(`an element of foreach failed: ${textOf(thrown)}`))
      .finally(() => ctx.runtime.leave())
    return 'next'
  }
  ctx.waiting()
  const results = await running
  if (update) for (const [index, slot] of slots.entries()) slot.put(results[index]!)
  else ctx.variables.set(rules.targetVariable!, collected(results, rules))
  return 'next'
}

/** A fault is told when none of the others runs any more. */
async function allOf(running: readonly Promise<Body>[]): Promise<readonly Body[]> {
  await Promise.allSettled(running)
  return Promise.all(running)
}

async function inTurn(
  slots: readonly Slot[],
  run: (slot: Slot, index: number) => Promise<Body>,
): Promise<readonly Body[]> {
  const results: Body[] = []
  for (const [index, slot] of slots.entries()) results.push(await run(slot, index))
  return results
}

function collected(results: readonly Body[], { resultType, resultElement }: CopyRules): unknown {
  if (resultType === 'JSON') return results.map(body => cloneJson(body.view(jsonView).value ?? null))
  const whole = new XmlElement(resultElement!)
  for (const body of results) for (const one of body.view(envelopeView).body.childElements) whole.append(clone(one))
  return whole
}
