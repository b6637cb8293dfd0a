import type { Outcome } from '../../kernel/contracts.ts'
import { targetFields, targetOf } from '../../runtime/branch-target.ts'
import { attr, child, children, defineMediator, expression, flag, wholeRegex } from '../../schema/index.ts'

export default defineMediator({
  tag: 'router',
  summary: 'Runs the targets whose expressions hold.',
  details: `
    Routes are looked at in order: one is taken if its expression is true, or with \`match\` if its text matches from
    beginning to end. Unless \`breakRouter="false"\` no further one is looked at. The flow ends afterwards unless
    \`continueAfter\`.`,
  fields: {
    continueAfter: attr(flag(), { fallback: false, doc: 'True: the flow goes on after the router.' }),
    routes: children(
      'route',
      {
        expression: attr(expression(), { required: true, doc: 'What decides.' }),
        match: attr(wholeRegex(), { doc: 'What the text of the expression has to match.' }),
        breakRouter: attr(flag(), { fallback: true, doc: 'False: further routes are looked at, too.' }),
        target: child('target', targetFields, { required: true, doc: 'What to do.' }),
      },
      { min: 1, doc: 'The routes.' },
    ),
  },
  examples: [
    {
      title: 'By body',
      xml: '<router><route expression="//m:symbol" match="IBM|SUN" xmlns:m="urn:m"><target sequence="big"/></route></router>',
    },
  ],
  create({ continueAfter, routes }, env) {
    const made = routes.map(route => ({ ...route, work: targetOf(route.target, env) }))
    return {
      needsBody: made.some(({ expression }) => expression.needsBody),
      async mediate(ctx): Promise<Outcome> {
        for (const { expression, match, breakRouter, work } of made) {
          // The target of an earlier route may have left another message.
          if (expression.needsBody) await ctx.message.body.collect()
          if (!(match ? match.test(expression.string(ctx)) : expression.boolean(ctx))) continue
          if ((await work.mediate(ctx)) === 'done') return 'done'
          if (breakRouter) break
        }
        return continueAfter ? 'next' : 'done'
      },
    }
  },
})
