import { child, content, decimal, defineEndpointLayer, intList, milliseconds } from '../../schema/index.ts'

const ms = { value: content(milliseconds({ min: -1 }), { doc: 'Milliseconds.' }) }

export default defineEndpointLayer({
  tag: 'suspendOnFailure',
  summary: 'How long the endpoint rests after a failure.',
  details: `
    While it rests nothing is sent: a message that needs it faults with ERROR_CODE 303001, and a message processor waits
    without using up an attempt. Without any settings every failure suspends for 30 seconds; the error code -1 alone
    switches suspension off. An initial duration of -1 does not: it means the 30 seconds.`,
  fields: {
    errorCodes: child(
      'errorCodes',
      { value: content(intList(), { doc: 'Codes separated by commas.' }) },
      { doc: 'Failures that suspend; absent: all.' },
    ),
    initialDuration: child('initialDuration', ms, { doc: 'Length of the first rest.' }),
    progressionFactor: child(
      'progressionFactor',
      { value: content(decimal({ min: 0 }), { doc: 'Each rest is so many times as long as the one before.' }) },
      { doc: 'Growth of further rests; absent: 1.' },
    ),
    maximumDuration: child('maximumDuration', ms, { doc: 'No rest is longer.' }),
  },
  examples: [
    { title: 'Never suspend', xml: '<suspendOnFailure><errorCodes>-1</errorCodes></suspendOnFailure>' },
    {
      title: 'One second, then twice as long each time, up to a minute',
      xml: '<suspendOnFailure><initialDuration>1000</initialDuration><progressionFactor>2</progressionFactor><maximumDuration>60000</maximumDuration></suspendOnFailure>',
    },
  ],
  apply: ({ errorCodes, initialDuration, progressionFactor, maximumDuration }, policy) => ({
    ...policy,
    suspend: {
      errorCodes: errorCodes?.value ?? [],
      ...(initialDuration?.value !== undefined &&
        initialDuration.value >= 0 && { initialDuration: initialDuration.value }),
      progressionFactor: progressionFactor?.value ?? 1,
      maximumDuration: maximumDuration?.value ?? Number.MAX_SAFE_INTEGER,
    },
  }),
})
