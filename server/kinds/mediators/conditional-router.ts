import type { Outcome } from '../../kernel/contracts.ts'
import { targetFields, targetOf } from '../../runtime/branch-target.ts'
import { condition, conditionNeedsBody, holds } from '../../runtime/conditions.ts'
import { parseUrl } from '../../runtime/url-fragments.ts'
import { attr, child, children, defineMediator, flag } from '../../schema/index.ts'

export default defineMediator({
  tag: 'conditionalRouter',
  summary: 'Runs the targets whose conditions hold.',
  details: `
    Routes are looked at in order; the target of one whose condition holds runs, and unless \`breakRoute="false"\` no
    further one is looked at. The flow ends afterwards unless \`continueAfter\`.`,
  fields: {
    continueAfter: attr(flag(), { fallback: false, doc: 'True: the flow goes on after the router.' }),
    routes: children(
      'conditionalRoute',
      {
        breakRoute: attr(flag(), { fallback: true, doc: 'False: further routes are looked at, too.' }),
        asynchronous: attr(flag(), { doc: 'Java engine detail.', ignored: 'A target never holds up other messages.' }),
        condition: child(
          'condition',
          { condition: condition({ doc: 'One of `<equal>`, `<match>`, `<and>`, `<or>`, `<not>`.' }) },
          { required: true, doc: 'When the route is taken.' },
        ),
        target: child('target', targetFields, { required: true, doc: 'What to do.' }),
      },
      { min: 1, doc: 'The routes.' },
    ),
  },
  examples: [
    {
      title: 'By header',
      xml: '<conditionalRouter><conditionalRoute><condition><equal type="header" source="X-Kind" value="gold"/></condition><target sequence="gold"/></conditionalRoute></conditionalRouter>',
    },
  ],
  create({ continueAfter, routes }, env) {
    const made = routes.map(({ breakRoute, condition, target }) => ({
      breakRoute,
      condition: condition.condition!,
      work: targetOf(target, env),
    }))
    const needsBody = made.some(({ condition }) => conditionNeedsBody(condition))
    return {
      needsBody,
      async mediate(ctx): Promise<Outcome> {
        const url = parseUrl(String(ctx.message.flag('TransportInURL') ?? ctx.message.addressing.to ?? ''))
        for (const { breakRoute, condition, work } of made) {
          // The target of an earlier route may have left another message.
          if (needsBody) await ctx.message.body.collect()
          if (!holds(condition, ctx, url)) continue
          if ((await work.mediate(ctx)) === 'done') return 'done'
          if (breakRoute) break
        }
        return continueAfter ? 'next' : 'done'
      },
    }
  },
})
