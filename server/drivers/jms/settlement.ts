/** What becomes of a delivery. */
export type Settlement =
  /** Done: it leaves the queue. */
  | { readonly kind: 'accepted' }
  /** Given back as if it had never been delivered, where the broker can. */
  | { readonly kind: 'released' }
  /** Given back, and counted. */
  | { readonly kind: 'modified'; readonly deliveryFailed: boolean; readonly undeliverableHere: boolean }
  /** Not to be delivered again: to the broker's dead-letter queue, or away, as the broker is configured. */
  | { readonly kind: 'rejected'; readonly condition: string; readonly description: string }

export const accepted: Settlement = { kind: 'accepted' }
export const released: Settlement = { kind: 'released' }
