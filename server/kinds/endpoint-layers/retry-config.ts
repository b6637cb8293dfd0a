import { child, content, defineEndpointLayer, intList } from '../../schema/index.ts'

const codes = { value: content(intList(), { doc: 'Codes separated by commas.' }) }

export default defineEndpointLayer({
  tag: 'retryConfig',
  summary: 'Which failures let a group try its next member.',
  details:
    'Matters inside `failover` and `loadbalance` only. Name the codes that must not be tried elsewhere, or the only ones that may.',
  fields: {
    disabledErrorCodes: child('disabledErrorCodes', codes, { doc: 'Failures that are not tried elsewhere.' }),
    enabledErrorCodes: child('enabledErrorCodes', codes, { doc: 'The only failures that are.' }),
  },
  examples: [
    {
      title: 'Do not repeat after a timeout',
      xml: '<retryConfig><disabledErrorCodes>101504,101505</disabledErrorCodes></retryConfig>',
    },
  ],
  apply: ({ disabledErrorCodes, enabledErrorCodes }, policy) => ({
    ...policy,
    retry: { disabled: disabledErrorCodes?.value ?? [], enabled: enabledErrorCodes?.value ?? [] },
  }),
})
