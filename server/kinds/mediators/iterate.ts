import { randomUUID } from 'node:crypto'
import { checkCopies, checkOverlap, nodesIn, valuesIn } from '../../codecs/copy-limits.ts'
import { Envelope, envelopeView, newEnvelope } from '../../codecs/envelope.ts'
import { jsonView } from '../../codecs/json.ts'
import { cloneJson, type JsonValue } from '../../codecs/json-text.ts'
import { bodyPathOf, removeAt, setAt } from '../../expr/json-edit.ts'
import { branchOf, runBranches } from '../../kernel/branches.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Expression } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { targetFields, targetOf } from '../../runtime/branch-target.ts'
import { attr, child, defineMediator, expression, flag, text } from '../../schema/index.ts'
import { clone } from '../../xml/clone.ts'
import { remove, type XmlElement, type XmlText } from '../../xml/tree.ts'

export default defineMediator({
  tag: 'iterate',
  summary: 'Splits the message and sends each part to a target.',
  details: `
    One copy of the message for each element (or member of a JSON array) the expression selects. The body of a copy is
    that part alone; with \`preservePayload\` it is the original without any of the parts, and the one part put where
    \`attachPath\` points. Copies run at the same time unless \`sequential\`; then the next begins when the one before has
    ended or waits for a back end. The flow ends here unless \`continueParent\`. Each copy carries \`messageSequence\`
    (such as 0/3) and \`aggregateCorelation\`, by which \`<aggregate>\` finds the replies that belong together. A copy that
    made a \`<call>\` goes on after the iterate.`,
  fields: {
    id: attr(text(), { doc: 'By which `<aggregate id="…">` finds its parts.' }),
    expression: attr(expression(), { required: true, doc: 'Selects the parts.' }),
    preservePayload: attr(flag(), { fallback: false, doc: 'True: the rest of the body stays around each part.' }),
    attachPath: attr(expression(), { doc: 'Where a part is put if the payload is preserved; absent: the whole body.' }),
    continueParent: attr(flag(), { fallback: false, doc: 'True: the flow goes on with the message itself.' }),
    sequential: attr(flag(), { fallback: false, doc: 'True: one part after another.' }),
    target: child('target', targetFields, { required: true, doc: 'Where each part goes, and what happens to it.' }),
  },
  examples: [
    {
      title: 'One order at a time',
      xml: `<iterate expression="//m:order" xmlns:m="urn:m"><target><sequence><store messageStore="orders"/></sequence></target></iterate>`,
    },
    {
      title: 'Keep what stands around the parts',
      xml: `<iterate id="split" preservePayload="true" attachPath="//m:orders" expression="//m:orders/m:order" xmlns:m="urn:m"><target><endpoint key="backend"/></target></iterate>`,
    },
    { title: 'JSON', xml: `<iterate expression="json-eval($.orders)"><target sequence="one-order"/></iterate>` },
  ],
  check({ preservePayload, expression, attachPath }, site) {
    const { offset } = site.element
    if (attachPath !== undefined && !preservePayload) {
      site.error(
        'missing',
        'attachPath needs preservePayload="true"',
        offset,
        'Add preservePayload="true", or remove attachPath.',
      )
    }
    if (attachPath && expression && isJson(attachPath) !== isJson(expression)) {
      site.error(
        'invalid-value',
        'expression and attachPath have to be of the same language',
        offset,
        'Write both as XPath, or both as json-eval(…).',
      )
    }
  },
  create({ id, expression, preservePayload, attachPath, continueParent, sequential, target }, env) {
    const work = targetOf(target, env)
    const suffix = id === undefined ? '' : `.${id}`
    const splitterOf = isJson(expression) ? jsonSplitter : xmlSplitter
    const split = splitterOf(expression, attachPath, preservePayload)
    return {
      needsBody: true,
      mediate(ctx) {
        const { count, make } = split(ctx)
        const correlation = randomUUID()
        const outcome = runBranches(
          ctx,
          count,
          index => {
            const branch = make(index)
            delete branch.message.addressing.messageId
            const { properties } = branch
            properties.set('aggregateCorelation', correlation)
            if (id !== undefined) properties.set(`aggregateCorelation${suffix}`, correlation)
            properties.set(`messageSequence${suffix}`, `${index}/${count}`)
            return { ctx: branch, work: copy => work.mediate(copy) }
          },
          { sequential, stopOnFault: false, continueParent },
        )
        // The message ends here, and waits for the branches only.
        if (!continueParent) ctx.message.body.forgetViews()
        return outcome
      },
    }
  },
})

interface Parts {
  readonly count: number
  /** The copy for one part. Made when its turn has come, so that few of many have to be in memory. */
  make(index: number): MessageContext
}

type Splitter = (
  expression: Expression,
  attachPath: Expression | undefined,
  preserve: boolean,
) => (ctx: MessageContext) => Parts

/**
 * What is still to be made. Branches that wait for a back end keep alive whatever started them: a part that was left
 * here would keep the whole message, to be copied by one collection after the other.
 */
class Pile<T> {
  readonly count: number
  readonly #parts: (T | undefined)[]

  constructor(parts: readonly T[]) {
    this.count = parts.length
    this.#parts = [...parts]
  }

  take(index: number): T {
    const part = this.#parts[index]!
    this.#parts[index] = undefined
    return part
  }
}

function isJson({ source }: Expression): boolean {
  return source.trimStart().startsWith('json-eval(')
}

// ── XML ──────────────────────────────────────────────────────────────────────────────────────────────────────────

type Part = XmlElement | XmlText

const xmlSplitter: Splitter = (expression, attachPath, preserve) => ctx => {
  const parts = new Pile(partsIn(expression, ctx))
  const { count } = parts
  if (!preserve || count === 0) {
    const { soap, header, arrived, attachments } = ctx.message.body.view(envelopeView)
    if (header) checkCopies(count, nodesIn(header))
    const blocks = header && clone(header)
    return {
      count,
      make(index) {
        const branch = branchOf(ctx)
        const alone = newEnvelope(soap, clone(parts.take(index)))
        if (blocks) alone.root.insert(0, clone(blocks))
        branch.message.body.replace(envelopeView, new Envelope(alone.document, arrived, attachments))
        return branch
      },
    }
  }
  const stripped = branchOf(ctx)
  const rest = stripped.message.body.edit(envelopeView)
  for (const part of partsIn(expression, stripped)) remove(part)
  checkCopies(count, nodesIn(rest.root))
  return {
    count,
    make(index) {
      const branch = branchOf(ctx, stripped.message.fork())
      const { body } = branch.message.body.edit(envelopeView)
      const place = attachPath ? partsIn(attachPath, branch)[0] : body
      if (place?.kind !== 'element') {
        throw new IntegrationError(
          'MEDIATION_FAILED',
          `Error in attaching the split elements: the path ${attachPath!.source} selects no element`,
        )
      }
      place.append(clone(parts.take(index)))
      return branch
    },
  }
}

function partsIn(expression: Expression, ctx: MessageContext): readonly Part[] {
  const value = expression.value(ctx)
  if (value === undefined || value === '') return []
  const isPart = (node: unknown): node is Part => {
    const { kind } = (node ?? {}) as { kind?: unknown }
    return kind === 'element' || kind === 'text'
  }
  if (Array.isArray(value) && value.every(isPart)) {
    checkOverlap(value)
    return value
  }
  throw new IntegrationError('MEDIATION_FAILED', `the expression ${expression.source} selects no elements`)
}

// ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const jsonSplitter: Splitter = (expression, attachPath, preserve) => {
  const partsPath = bodyPathOf(expression)
  const placePath = attachPath && bodyPathOf(attachPath)
  return ctx => {
    const parts = expression.value(ctx) ?? []
    if (!Array.isArray(parts)) {
      throw new IntegrationError(
        'MEDIATION_FAILED',
        `the expression ${expression.source} selects no JSON array that could be split`,
      )
    }
    const items = new Pile(parts as readonly JsonValue[])
    const { count } = items
    if (!preserve || count === 0) {
      return {
        count,
        make(index) {
          const branch = branchOf(ctx)
          branch.message.body.replace(jsonView, { value: cloneJson(items.take(index)) })
          return branch
        },
      }
    }
    const stripped = ctx.message.fork()
    const rest = stripped.body.edit(jsonView)
    if (partsPath?.definite) for (const match of partsPath.matches(rest)) setAt(match, [])
    else if (partsPath) removeAt(partsPath.matches(rest), rest)
    checkCopies(count, valuesIn(rest.value ?? null))
    return {
      count,
      make(index) {
        const branch = branchOf(ctx, stripped.fork())
        const root = branch.message.body.edit(jsonView)
        const item = cloneJson(items.take(index))
        if (!placePath) {
          root.value = item
          return branch
        }
        const [place] = placePath.places(root)
        if (!place) {
          throw new IntegrationError(
            'MEDIATION_FAILED',
            `Error in attaching the split elements: the path ${attachPath!.source} selects nothing`,
          )
        }
        setAt(place, item)
        return branch
      },
    }
  }
}
