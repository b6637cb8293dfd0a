import { Callee } from '../../extensions/call.ts'
import { warnIfMissing } from '../../extensions/java-mediator.ts'
import type { ExtensionContext, ExtensionProperties } from '../../extensions/api.ts'
import { typedValue } from '../../expr/typed-value.ts'
import type { MessageContext } from '../../kernel/context.ts'
import {
  attr,
  child,
  children,
  choice,
  defineMediator,
  expression,
  inlineXml,
  oneOf,
  text,
  type ConfigOf,
} from '../../schema/index.ts'
import { clone } from '../../xml/clone.ts'
import { printXml } from '../../xml/writer.ts'

const propertyFields = {
  name: attr(text(), { required: true, doc: 'Name of the property.' }),
  source: choice(
    {
      value: attr(text(), { doc: 'The value.' }),
      expression: attr(expression(), { doc: 'Gives the value for each message.' }),
      xml: inlineXml({ doc: 'The value as XML; the extension gets its text.' }),
    },
    { doc: 'What the extension gets.' },
  ),
}

const argumentFields = {
  name: attr(text(), { doc: 'Name of the argument, for the reader.' }),
  type: attr(oneOf('STRING', 'INTEGER', 'LONG', 'BOOLEAN', 'DOUBLE', 'FLOAT', 'JSON'), {
    fallback: 'STRING',
    doc: 'What the value is turned into.',
  }),
  source: choice(
    {
      value: attr(text(), { doc: 'The value.' }),
      expression: attr(expression(), { doc: 'Gives the value for each message.' }),
    },
    { doc: 'What the function gets.' },
  ),
}

export default defineMediator({
  tag: 'class',
  summary: 'Runs an extension: a JavaScript or TypeScript module in the place of a Java class.',
  details: `
    Java does not run here. A module in \`HOME/extensions\`, or in the folder \`extensions\` beside the artifacts, that is
    registered under the name of the class runs in its place: \`com.acme.Price.mjs\` with
    \`export function mediate(ctx, properties) { … }\`. Expressions of properties are evaluated for each message. With
    \`method\` the function of that name is called with the arguments and then the context, and what it returns goes to
    \`target\`. Without such a module the artifact is deployed with a warning, and a message that gets here is a fault
    that says so. A module that throws, or takes longer than \`extension.timeout\`, ends in the fault sequence. See
    [extensions](../../extensions.md).`,
  fields: {
    name: attr(text(), { required: true, doc: 'Java class name the module is registered under.' }),
    method: attr(text({ pattern: /^[A-Za-z_$][\w$]*$/, expected: 'the name of a function' }), {
      doc: 'Function to call instead of `mediate`.',
    }),
    target: attr(oneOf('body', 'variable', 'none'), {
      fallback: 'none',
      doc: 'Where the result of the function goes.',
    }),
    targetVariable: attr(text(), { name: 'target-variable', doc: 'The variable, for `target="variable"`.' }),
    properties: children('property', propertyFields, { doc: 'What the extension gets besides the message.' }),
    inputs: child(
      'inputs',
      { arguments: children('argument', argumentFields, { doc: 'One of them, in order.' }) },
      { doc: 'What the function is called with.' },
    ),
  },
  examples: [
    {
      title: 'In the place of a Java class',
      xml: `<class name="com.acme.Discount"><property name="percent" value="10"/><property name="customer" expression="get-property('customer')"/></class>`,
    },
    {
      title: 'One function of it, its result in a variable',
      xml: `<class name="com.acme.Prices" method="priceOf" target="variable" target-variable="price"><inputs><argument name="symbol" expression="json-eval($.symbol)"/><argument name="count" type="INTEGER" value="2"/></inputs></class>`,
    },
  ],
  check({ name, method, target, targetVariable, inputs }, site) {
    if (name !== undefined) warnIfMissing(name, `<class name="${name}">`, '', site)
    if (target === 'variable' && targetVariable === undefined) site.missing('attribute "target-variable"')
    if (method === undefined && (inputs !== undefined || target !== 'none')) {
      const hint = 'Add method="…", or use <property>.'
      site.warn('no-effect', 'inputs and target have no effect without method', site.element.offset, hint)
    }
  },
  create({ name, method, target, targetVariable, properties, inputs }, env) {
    const callee = new Callee(name, method ?? 'mediate', `<class name="${name}">`, env.services, env.at)
    const given = [...properties, ...(inputs?.arguments ?? [])]
    const put = (result: unknown, ctx: MessageContext, call: ExtensionContext): void => {
      if (result === undefined || target === 'none') return
      if (target === 'variable') ctx.variables.set(targetVariable!, result)
      else if (typeof result !== 'string') call.setJson(result)
      else if (result.trimStart().startsWith('<')) call.setXml(result)
      else call.setText(result)
    }
    return {
      needsBody: given.some(({ source }) => source?.kind === 'expression' && source.value.needsBody),
      async mediate(ctx) {
        if (method === undefined) return callee.mediate(ctx, propertiesFor(properties, ctx), env.log)
        if (callee.extension.exports['needsBody'] !== false) await ctx.message.body.collect()
        const args = (inputs?.arguments ?? []).map(argument => argumentFor(argument, ctx))
        const result = await callee.onMessage(ctx, env.log, async (run, call) => {
          const made: unknown = await run(...args, call)
          put(made, ctx, call)
          return made
        })
        return result === false && target === 'none' ? 'done' : 'next'
      },
    }
  },
})

function propertiesFor(
  properties: readonly ConfigOf<typeof propertyFields>[],
  ctx: MessageContext,
): ExtensionProperties {
  const made: Record<string, string> = {}
  for (const { name, source } of properties) {
    if (source?.kind === 'xml') made[name] = printXml(clone(source.value))
    else made[name] = source?.kind === 'expression' ? source.value.string(ctx) : (source?.value ?? '')
  }
  return made
}

function argumentFor({ type, source }: ConfigOf<typeof argumentFields>, ctx: MessageContext): unknown {
  const given = source?.kind === 'expression' ? source.value.string(ctx) : (source?.value ?? '')
  return type === 'STRING' ? given : typedValue(type, given)
}
