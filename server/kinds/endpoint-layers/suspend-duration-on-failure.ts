import { content, defineEndpointLayer, seconds } from '../../schema/index.ts'

export default defineEndpointLayer({
  tag: 'suspendDurationOnFailure',
  summary: 'The old way to write how long the endpoint rests after a failure, in seconds.',
  details: 'Use `suspendOnFailure` instead: it counts in milliseconds and can name error codes.',
  fields: { seconds: content(seconds(), { required: true, doc: 'Length of every rest.' }) },
  examples: [{ title: 'Rest for a minute', xml: '<suspendDurationOnFailure>60</suspendDurationOnFailure>' }],
  apply: ({ seconds }, policy) => ({
    ...policy,
    suspend: { ...policy.suspend, initialDuration: (seconds ?? 0) * 1000, progressionFactor: 1 },
  }),
})
