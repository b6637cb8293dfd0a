import { child, content, defineEndpointLayer, int, intList, milliseconds } from '../../schema/index.ts'

export default defineEndpointLayer({
  tag: 'markForSuspension',
  summary: 'Failures that are tried again a few times before the endpoint rests.',
  details: `
    Meant for timeouts: with three retries the fourth consecutive one suspends. A success in between starts the count
    anew. Without this element the codes are 101504 and 101505 and there is no retry.`,
  fields: {
    errorCodes: child(
      'errorCodes',
      { value: content(intList(), { doc: 'Codes separated by commas.' }) },
      { doc: 'Which failures; absent: timeouts.' },
    ),
    retriesBeforeSuspension: child(
      'retriesBeforeSuspension',
      { value: content(int({ min: 0 }), { doc: 'How many.' }) },
      { doc: 'Retries before the rest; absent: 0.' },
    ),
    retryDelay: child(
      'retryDelay',
      { value: content(milliseconds(), { doc: 'Milliseconds.' }) },
      { doc: 'Pause before each retry; absent: 0.' },
    ),
  },
  examples: [
    {
      title: 'Three more tries after a timeout',
      xml: '<markForSuspension><errorCodes>101504,101505</errorCodes><retriesBeforeSuspension>3</retriesBeforeSuspension><retryDelay>100</retryDelay></markForSuspension>',
    },
  ],
  apply: ({ errorCodes, retriesBeforeSuspension, retryDelay }, policy) => ({
    ...policy,
    mark: {
      errorCodes: errorCodes?.value ?? policy.mark.errorCodes,
      retriesBeforeSuspension: retriesBeforeSuspension?.value ?? 0,
      retryDelay: retryDelay?.value ?? 0,
    },
  }),
})
