/**
 * Words of the Synapse language this server knows of without offering them: a user who writes one is told "not
 * supported" rather than "unknown" (synapse-language A.1, A.2). A word that gets a kind of its own leaves this list.
 */

/** Protocols of inbound endpoints. */
export const PROTOCOLS: ReadonlySet<string> = new Set([
  'kafka',
  'mqtt',
  'ws',
  'wss',
  'httpws',
  'httpswss',
  'hl7',
  'grpc',
  'feed',
  'cxf_ws_rm',
])

/** Classes of stores and processors. */
export const CLASSES: ReadonlySet<string> = new Set([
  'org.apache.synapse.message.store.impl.resequencer.ResequenceMessageStore',
  'org.apache.synapse.message.processors.resequence.ResequencingProcessor',
])
