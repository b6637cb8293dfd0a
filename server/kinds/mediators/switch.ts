import { attr, child, children, defineMediator, expression, steps, wholeRegex } from '../../schema/index.ts'

export default defineMediator({
  tag: 'switch',
  summary: 'Runs the first case whose regular expression matches a text of the message.',
  details: `
    The text must match from beginning to end; \`.\` does not match a line break. No case matches: \`<default>\` runs,
    if there is one.`,
  fields: {
    source: attr(expression(), { required: true, doc: 'Gives the text to compare.' }),
    cases: children(
      'case',
      {
        regex: attr(wholeRegex(), { required: true, doc: 'Must match the whole text.' }),
        steps: steps({ doc: 'Runs if it does.' }),
      },
      { doc: 'Tried in the order written.' },
    ),
    default: child('default', { steps: steps({ doc: 'Runs if no case matched.' }) }, { doc: 'When no case matched.' }),
  },
  examples: [
    {
      title: 'Route by symbol',
      xml: '<switch source="//m:symbol" xmlns:m="http://services.samples"><case regex="IBM"><send/></case><default><drop/></default></switch>',
    },
  ],
  create({ source, cases, default: otherwise }, env) {
    const branches = cases.map(({ regex, steps }) => ({ regex, flow: env.flow(steps) }))
    const fallback = otherwise && env.flow(otherwise.steps)
    return {
      needsBody: source.needsBody,
      mediate(ctx) {
        const text = source.string(ctx)
        for (const { regex, flow } of branches) if (regex.test(text)) return flow.mediate(ctx)
        return fallback ? fallback.mediate(ctx) : 'next'
      },
    }
  },
})
