import { DeferredValue, type MessageContext } from '../../kernel/context.ts'
import type { Expression, Mediator, Outcome, Template } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { withHandler } from '../../kernel/flow.ts'
import { attr, children, defineMediator, dynamicText, ref, text } from '../../schema/index.ts'
import type { ValueType } from '../../schema/types.ts'

type Given =
  | { readonly literal: string }
  | { readonly expression: Expression }
  | { readonly expression: Expression; readonly deferred: true }

const plainValue = dynamicText()

/** A fixed text, `{…}` computed by the caller, or `{{…}}` computed in the template whenever it is read. */
const given: ValueType<Given> = {
  ...plainValue,
  name: 'parameterValue',
  expected: 'text, or an expression in one or two pairs of braces',
  parse(value, site) {
    const inner = /^\{\{([\s\S]*)\}\}$/.exec(value.trim())?.[1]
    if (inner === undefined) return plainValue.parse(value, site)
    const compiled = site.expression(inner.trim())
    return compiled ? { value: { expression: compiled, deferred: true } } : { problem: '' }
  },
  print(value) {
    return 'deferred' in value ? `{{${value.expression.source}}}` : plainValue.print(value)
  },
}

export default defineMediator({
  tag: 'call-template',
  summary: 'Runs a template with parameters.',
  details: `
    \`{expression}\` is computed here and passed as text; \`{{expression}}\` is passed as it is and computed in the template
    each time \`$func:name\` is read, on the message as it is then. A mandatory parameter that is not passed is a fault
    with ERROR_CODE 500101.`,
  fields: {
    target: attr(ref('template'), { required: true, doc: 'The template to run.' }),
    onError: attr(ref('sequence'), { doc: 'Runs when something in the template fails.' }),
    params: children(
      'with-param',
      {
        name: attr(text(), { required: true, doc: 'Name of the parameter.' }),
        value: attr(given, { doc: 'Its value.' }),
      },
      { doc: 'The parameters.' },
    ),
  },
  examples: [
    {
      title: 'A fixed and a computed parameter',
      xml: `<call-template target="say"><with-param name="what" value="hello"/><with-param name="whom" value="{get-property('user')}"/></call-template>`,
    },
    {
      title: 'Computed inside the template',
      xml: `<call-template target="split"><with-param name="by" value="{{//m:order}}" xmlns:m="urn:m"/></call-template>`,
    },
  ],
  create({ target, onError, params }, env) {
    const call: Mediator = {
      mediate(ctx) {
        const template = ctx.runtime.get(target!)
        const { sequence } = template
        if (!sequence) {
          throw new IntegrationError(
            'MEDIATION_FAILED',
            `the template ${template.name} is for endpoints, not for a flow`,
            {
              at: env.at,
            },
          )
        }
        const outside = ctx.functionParams
        const { place } = ctx
        const back = (flow: MessageContext): void => {
          flow.functionParams = outside
        }
        const passed = parametersFor(template, ctx)
        ctx.functionParams = passed
        ctx.place = { outer: place, steps: [], index: 0, leave: back }
        return within(ctx, () => sequence.mediate(ctx), back)
      },
    }
    return {
      needsBody: params.some(({ value }) => value !== undefined && 'expression' in value && value.expression.needsBody),
      mediate: onError ? withHandler(call, onError).mediate : call.mediate,
    }

    function parametersFor({ name, parameters }: Template, ctx: MessageContext): ReadonlyMap<string, unknown> {
      const passed = new Map<string, unknown>()
      for (const parameter of parameters) {
        const written = params.find(param => param.name === parameter.name)
        if (written) passed.set(parameter.name, valueOf(written.value ?? { literal: '' }, ctx))
        else if (parameter.mandatory) {
          throw new IntegrationError(
            'MEDIATION_FAILED',
            `the template ${name} needs the parameter "${parameter.name}", which is not passed`,
            { at: env.at, errorCode: 500101 },
          )
        } else if (parameter.fallback !== undefined) passed.set(parameter.name, parameter.fallback)
      }
      return passed
    }
  },
})

function valueOf(value: Given, ctx: MessageContext): unknown {
  if ('literal' in value) return value.literal
  const { expression } = value
  if (!('deferred' in value)) return expression.string(ctx)
  const outside = ctx.functionParams
  // `$func:…` in it means a parameter of the caller.
  return new DeferredValue(reader => {
    const inside = reader.functionParams
    reader.functionParams = outside
    try {
      return expression.value(reader)
    } finally {
      reader.functionParams = inside
    }
  })
}

/** Runs `work`; whatever becomes of it, `back` is called afterwards. */
function within(
  ctx: MessageContext,
  work: () => Outcome | Promise<Outcome>,
  back: (ctx: MessageContext) => void,
): Outcome | Promise<Outcome> {
  let pending: Outcome | Promise<Outcome> | undefined
  try {
    pending = work()
    return typeof pending === 'string' ? pending : pending.finally(() => back(ctx))
  } finally {
    if (typeof pending !== 'object') back(ctx)
  }
}
