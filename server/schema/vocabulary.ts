/**
 * Words of the Synapse language this server knows of without offering them: a user who writes one is told "not
 * supported" rather than "unknown" (synapse-language A.1, A.2). A word that gets a kind of its own leaves this list.
 */
export const MEDIATOR_TAGS: ReadonlySet<string> = new Set([
  'xquery',
  'dblookup',
  'dbreport',
  'class',
  'throttle',
  'datamapper',
  'jsontransform',
  'cache',
  'transaction',
  'rule',
  'spring',
  'smooks',
  'dataServiceCall',
  'scatter-gather',
  'ejb',
  'eventPublisher',
  'publishEvent',
  'enqueue',
  'bean',
  'pojoCommand',
  'entitlementService',
  'oauthService',
  'NTLM',
  'event',
  'bam',
  'RMSequence',
  'sampler',
])

export const ARTIFACT_TAGS: ReadonlySet<string> = new Set([
  'task',
  'inboundEndpoint',
  'registry',
  'taskManager',
  'eventSource',
  'priorityExecutor',
  'import',
])

/** Classes of stores and processors. */
export const CLASSES: ReadonlySet<string> = new Set([
  'org.apache.synapse.message.store.impl.rabbitmq.RabbitMQStore',
  'org.apache.synapse.message.store.impl.rabbitmq.RabbitmqStore',
  'org.apache.synapse.message.store.impl.jdbc.JDBCMessageStore',
  'org.apache.synapse.message.store.impl.resequencer.ResequenceMessageStore',
  'org.apache.synapse.message.processors.resequence.ResequencingProcessor',
])
