import type { MessageContext } from '../../kernel/context.ts'
import type { Mediator } from '../../kernel/contracts.ts'
import {
  attr,
  child,
  defineMediator,
  dynamicRef,
  expression,
  resolveRef,
  steps,
  wholeRegex,
  type KindEnv,
} from '../../schema/index.ts'

const branch = {
  sequence: attr(dynamicRef('sequence'), { doc: 'A named sequence to run instead of mediators written here.' }),
  steps: steps({ doc: 'The mediators of this branch.' }),
}

export default defineMediator({
  tag: 'filter',
  summary: 'Runs one branch if a condition holds, another if it does not.',
  details: `
    The condition is an XPath taken as a boolean, or a source whose text must match a regular expression from
    beginning to end. Beware of \`xpath="get-property('flag')"\`: any text is true, even "false"; use \`source\` and
    \`regex\`. Without \`<then>\` the mediators written directly inside are the branch for true.`,
  fields: {
    xpath: attr(expression(), { doc: 'The condition, as a boolean.' }),
    source: attr(expression(), { doc: 'Gives the text that `regex` is matched against.' }),
    regex: attr(wholeRegex(), { doc: 'Must match the whole text.' }),
    // oxlint-disable-next-line unicorn/no-thenable -- this is what the element is called
    then: child('then', branch, { doc: 'Runs if the condition holds.' }),
    else: child('else', branch, { doc: 'Runs if it does not.' }),
    steps: steps({ doc: 'Runs if the condition holds and there is no `<then>`.' }),
  },
  examples: [
    {
      title: 'By header',
      xml: `<filter source="$trp:X-Kind" regex="gold|silver"><then><log/></then><else><drop/></else></filter>`,
    },
    { title: 'By body', xml: '<filter xpath="//m:order" xmlns:m="urn:m"><log/></filter>' },
  ],
  check({ xpath, source, regex, then, steps }, site) {
    if (xpath === undefined && (source === undefined || regex === undefined)) {
      site.missing('attribute "xpath", or "source" and "regex"')
    }
    if (then !== undefined && steps.length > 0) {
      site.error(
        'one-too-many',
        'mediators beside <then> would never run',
        site.element.offset,
        'Move them into <then> or <else>.',
      )
    }
  },
  create({ xpath, source, regex, then, else: otherwise, steps }, env) {
    const whenTrue = then ? branchOf(then, env) : env.flow(steps)
    const whenFalse = otherwise ? branchOf(otherwise, env) : undefined
    const holds = (ctx: MessageContext): boolean => (xpath ? xpath.boolean(ctx) : regex!.test(source!.string(ctx)))
    return {
      needsBody: (xpath ?? source)!.needsBody,
      mediate: ctx => (holds(ctx) ? whenTrue.mediate(ctx) : (whenFalse?.mediate(ctx) ?? 'next')),
    }
  },
})

type Branch = {
  readonly [K in keyof typeof branch]: (typeof branch)[K] extends { decode(...args: never[]): infer T } ? T : never
}

function branchOf({ sequence, steps }: Branch, env: KindEnv): Mediator {
  if (sequence === undefined) return env.flow(steps)
  return { mediate: ctx => ctx.runtime.get(resolveRef(sequence, ctx)).mediate(ctx) }
}
