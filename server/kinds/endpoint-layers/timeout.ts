import { child, content, defineEndpointLayer, expression, milliseconds, oneOf } from '../../schema/index.ts'
import type { Expression } from '../../kernel/contracts.ts'
import type { ValueType } from '../../schema/types.ts'

const plain = milliseconds({ min: 0 })
const computed = expression()
/** A number, or an expression in braces evaluated for each message. */
const duration: ValueType<number | Expression> = {
  name: 'duration',
  expected: 'a time in milliseconds, or an expression in braces',
  xsd: 'xs:string',
  parse: (given, site) =>
    given.startsWith('{') && given.endsWith('}') ? computed.parse(given.slice(1, -1), site) : plain.parse(given, site),
  print: value => (typeof value === 'number' ? String(value) : `{${value.source}}`),
}

export default defineEndpointLayer({
  tag: 'timeout',
  summary: 'How long the endpoint waits for a reply.',
  details: `
    When the time is over the connection is cut. \`fault\` hands the message to the fault handlers with ERROR_CODE 101504;
    \`discard\` drops it silently. Without an action it faults, too: an engine that drops a message without a word is of
    no help. The server's global endpoint timeout is the upper bound.`,
  fields: {
    duration: child(
      'duration',
      { value: content(duration, { required: true, doc: 'Milliseconds, or `{expression}`.' }) },
      { required: true, doc: 'How long to wait.' },
    ),
    responseAction: child(
      'responseAction',
      { value: content(oneOf('fault', 'discard', 'none'), { doc: '`fault` or `discard`.' }) },
      { doc: 'What happens then.' },
    ),
  },
  examples: [
    {
      title: 'Fault after ten seconds',
      xml: '<timeout><duration>10000</duration><responseAction>fault</responseAction></timeout>',
    },
  ],
  apply: ({ duration, responseAction }, policy) => ({
    ...policy,
    timeout: { duration: duration?.value ?? 0, action: responseAction?.value ?? 'fault' },
  }),
})
