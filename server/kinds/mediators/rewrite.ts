import { readAddressed } from '../../codecs/addressing.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Expression, Outcome } from '../../kernel/contracts.ts'
import { guardedRegExp } from '../../kernel/guarded-regex.ts'
import { condition, conditionNeedsBody, holds } from '../../runtime/conditions.ts'
import {
  fragmentOf,
  FRAGMENTS,
  parseUrl,
  printUrl,
  withFragment,
  withoutParameter,
  type Url,
} from '../../runtime/url-fragments.ts'
import {
  attr,
  child,
  children,
  choice,
  defineMediator,
  expression,
  oneOf,
  text,
  type ConfigOf,
} from '../../schema/index.ts'
import type { ValueType } from '../../schema/types.ts'

const sources = new WeakMap<RegExp, string>()
/** Found anywhere in the fragment, each time. */
const anywhere: ValueType<RegExp> = {
  ...text(),
  name: 'regex',
  expected: 'a regular expression',
  parse(given) {
    try {
      const compiled = guardedRegExp(given, 'g')
      sources.set(compiled, given)
      return { value: compiled }
    } catch (cause) {
      return { problem: `not a regular expression: ${cause instanceof Error ? cause.message : String(cause)}` }
    }
  },
  print: value => sources.get(value) ?? value.source,
}

const actionFields = {
  type: attr(oneOf('set', 'append', 'prepend', 'replace', 'remove', 'remove-query-param'), {
    fallback: 'set',
    doc: 'What to do with the fragment.',
  }),
  fragment: attr(oneOf(...FRAGMENTS), { fallback: 'full', doc: 'Which part of the URL.' }),
  regex: attr(anywhere, { doc: 'What is replaced, wherever it is found; `$1` in the value is its first group.' }),
  source: choice(
    {
      value: attr(text(), { doc: 'The text.' }),
      xpath: attr(expression(), { doc: 'Gives the text for each message.' }),
    },
    { doc: 'What to put in; for remove-query-param the name.' },
  ),
}

type Action = ConfigOf<typeof actionFields>

export default defineMediator({
  tag: 'rewrite',
  summary: 'Changes the address of the message, or a URL in a property, by rules.',
  details: `
    Rules run in order, each on what the one before has made; one with a condition only if that holds. Without
    \`inProperty\` and \`outProperty\` it is the \`To\` address that is read and written.`,
  fields: {
    inProperty: attr(text(), { doc: 'Property the URL is read from.' }),
    outProperty: attr(text(), { doc: 'Property the URL is written to.' }),
    rules: children(
      'rewriterule',
      {
        condition: child(
          'condition',
          { condition: condition({ doc: 'One of `<equal>`, `<match>`, `<and>`, `<or>`, `<not>`.' }) },
          { doc: 'When the rule applies; absent: always.' },
        ),
        actions: children('action', actionFields, { min: 1, doc: 'What to change.' }),
      },
      { doc: 'The rules.' },
    ),
  },
  examples: [
    {
      title: 'Another path',
      xml: '<rewrite><rewriterule><action type="replace" fragment="path" regex="^/old" value="/new"/></rewriterule></rewrite>',
    },
    {
      title: 'Another host for some',
      xml: '<rewrite><rewriterule><condition><and><equal type="url" source="protocol" value="http"/><match type="header" source="X-Kind" regex="test.*"/></and></condition><action fragment="host" value="test.local"/></rewriterule></rewrite>',
    },
  ],
  check({ rules }, site) {
    for (const { actions } of rules)
      for (const { type, source, regex } of actions) {
        if (type !== 'remove' && source === undefined) site.missing('attribute "value" or "xpath" on <action>')
        if (type === 'replace' && regex === undefined) site.missing('attribute "regex" on <action type="replace">')
      }
  },
  create({ inProperty, outProperty, rules }) {
    const needsBody = rules.some(
      ({ condition, actions }) =>
        (condition?.condition && conditionNeedsBody(condition.condition)) ||
        actions.some(({ source }) => source?.kind === 'xpath' && source.value.needsBody),
    )
    return {
      needsBody,
      async mediate(ctx): Promise<Outcome> {
        if (inProperty === undefined) await readAddressed(ctx.message)
        const { addressing } = ctx.message
        const given = inProperty === undefined ? addressing.to : ctx.properties.get(inProperty)
        if (inProperty !== undefined && given === undefined) return 'next'
        let url = parseUrl(String(given ?? ''))
        for (const { condition, actions } of rules) {
          if (condition?.condition && !holds(condition.condition, ctx, url)) continue
          for (const action of actions) url = changed(url, action, ctx)
        }
        const made = printUrl(url)
        if (outProperty !== undefined) ctx.properties.set(outProperty, made)
        else if (made !== '') addressing.to = made
        return 'next'
      },
    }
  },
})

function changed(url: Url, { type, fragment, regex, source }: Action, ctx: MessageContext): Url {
  const known = fragmentOf(url, fragment)
  const value = textOf(source, ctx)
  switch (type) {
    case 'set':
      return withFragment(url, fragment, value)
    case 'append':
      return withFragment(url, fragment, `${known ?? ''}${value}`)
    case 'prepend':
      return withFragment(url, fragment, `${value}${known ?? ''}`)
    case 'replace':
      return known === undefined ? url : withFragment(url, fragment, known.replace(regex!, value))
    case 'remove':
      return withFragment(url, fragment, undefined)
    default:
      return withoutParameter(url, value)
  }
}

function textOf(
  source: { kind: 'value'; value: string } | { kind: 'xpath'; value: Expression } | undefined,
  ctx: MessageContext,
): string {
  return source === undefined ? '' : source.kind === 'value' ? source.value : source.value.string(ctx)
}
