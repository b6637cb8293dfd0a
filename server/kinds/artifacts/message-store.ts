import type { MessageStore, Ref } from '../../kernel/contracts.ts'
import { textOf } from '../../kernel/errors.ts'
import { setAside } from '../../kernel/stored-message.ts'
import { patientProducer, type Patience } from '../../runtime/patient-producer.ts'
import {
  attr,
  byClass,
  decimal,
  defineArtifact,
  flag,
  int,
  milliseconds,
  oneOf,
  param,
  parameters,
  ref,
  text,
  type ArtifactEnv,
} from '../../schema/index.ts'
import type { AnyStoreKind, StoreEnv } from '../../schema/kinds.ts'

/** A store with a deadline of its own speaks first: it knows better what went wrong. */
const AFTER_ITS_OWN = 500

export default defineArtifact({
  role: 'message-store',
  tag: 'messageStore',
  nameAttribute: 'name',
  nameOf: ({ name }) => name ?? '',
  summary: 'A place where messages wait for a processor.',
  details: `
    The class decides where. Without a class it is the embedded journal. If storing fails for whatever reason, and
    \`store.producer.guaranteed.delivery.enable\` is true, the message goes to the store named by
    \`store.failover.message.store.name\`; that one may name a further store.`,
  fields: {
    name: attr(text(), { required: true, doc: 'How mediators and processors refer to it.' }),
    sequence: attr(text(), {
      doc: 'Once planned by Synapse.',
      ignored: 'Synapse never reads it either; use <store sequence="…">.',
    }),
    guaranteed: param('store.producer.guaranteed.delivery.enable', flag(), {
      fallback: false,
      doc: 'True: the failover store takes what this store does not.',
    }),
    failover: param('store.failover.message.store.name', ref('message-store', { chain: true }), {
      doc: 'The store that takes what this one does not.',
    }),
    quarantine: param('store.quarantine.message.store.name', ref('message-store'), {
      advanced: true,
      doc: 'Where messages go that cannot be read. Absent: `NAME.quarantine` in the journal.',
    }),
    retries: param('store.producer.retry.count', int({ min: -1 }), {
      fallback: 0,
      advanced: true,
      doc: 'How often storing is tried again before the failover store is used; -1: until the caller goes away.',
    }),
    retryInterval: param('store.producer.retry.interval', milliseconds(), {
      fallback: 1000,
      advanced: true,
      doc: 'First pause between these tries.',
    }),
    retryMaxInterval: param('store.producer.retry.max.interval', milliseconds(), {
      fallback: 30_000,
      advanced: true,
      doc: 'Longest pause.',
    }),
    retryBackoff: param('store.producer.retry.backoff', oneOf('exponential', 'linear', 'fixed'), {
      fallback: 'exponential',
      advanced: true,
      doc: 'How the pauses grow. Linear: the first retry comes at once, and each pause is longer by interval × factor than the one before.',
    }),
    retryFactor: param('store.producer.retry.factor', decimal({ min: 1 }), {
      fallback: 2,
      advanced: true,
      doc: 'How much the pauses grow: each is so many times the one before, or longer by so many intervals (linear).',
    }),
    store: byClass('message-store', { doc: 'What kind of store it is.' }),
    others: parameters({ doc: 'Parameters this kind of store does not know.' }),
  },
  examples: [
    { title: 'The embedded journal', xml: '<messageStore name="failover"/>' },
    {
      title: 'Fall back to the journal',
      xml: `<messageStore name="orders" class="org.apache.synapse.message.store.impl.memory.InMemoryStore">
  <parameter name="store.producer.guaranteed.delivery.enable">true</parameter>
  <parameter name="store.failover.message.store.name">failover</parameter>
</messageStore>`,
    },
  ],
  check({ guaranteed, failover, retries, others }, site) {
    const place = (name: string): number => site.parameter(name)?.offset ?? site.element.offset
    if (failover && !guaranteed) {
      site.warn(
        'failover-off',
        `failover store "${failover.name}" is named but never used`,
        place('store.failover.message.store.name'),
        'Set the parameter store.producer.guaranteed.delivery.enable to true, or remove the name.',
      )
    }
    if (guaranteed && !failover) {
      site.hint(
        'failover-missing',
        'guaranteed delivery is on, but no failover store is named: what this store does not take is a fault',
        place('store.producer.guaranteed.delivery.enable'),
        'Name one with the parameter store.failover.message.store.name, for example a store without a class.',
      )
    }
    if (guaranteed && failover && retries < 0) {
      site.warn(
        'failover-off',
        `the failover store "${failover.name}" is used only when the caller has gone away: storing is tried again without end`,
        place('store.producer.retry.count'),
        'Give store.producer.retry.count a number.',
      )
    }
    for (const name of Object.keys(others)) {
      site.hint(
        'no-effect',
        `parameter "${name}" has no effect on this store`,
        place(name),
        'Remove it, or check its spelling.',
      )
    }
  },
  create(config, env): MessageStore {
    const { kind, config: own } = config.store!
    const storeEnv: StoreEnv = {
      ...env,
      quarantine: (record, reason) => quarantine(record, reason, config.quarantine, env),
    }
    const store = (kind as AnyStoreKind).create(own as never, storeEnv)
    const patience: Patience = {
      deadlineMs: env.services.settings.storeConfirmDeadline + AFTER_ITS_OWN,
      retries: config.retries,
      backoff: {
        interval: config.retryInterval,
        maxInterval: config.retryMaxInterval,
        growth: config.retryBackoff,
        factor: config.retryFactor,
      },
    }
    return {
      name: env.name,
      type: store.type,
      get traits() {
        return store.traits
      },
      producer: patientProducer(env.name, store.producer, patience, env.services.clock),
      ...(store.enlist && { enlist: (message, transaction) => store.enlist!(message, transaction) }),
      ...(config.guaranteed && config.failover && { failover: config.failover.name }),
      get status() {
        return store.status
      },
      consumer: options => store.consumer(options),
      browse: page => store.browse(page),
      find: id => store.find(id),
      remove: id => store.remove(id),
      clear: () => store.clear(),
      depth: () => store.depth(),
      onReady: listener => store.onReady(listener),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    }
  },
})

/** Into the store the user named, if it is there and takes it; else where the server keeps such things. */
async function quarantine(
  record: Uint8Array,
  reason: string,
  named: Ref<'message-store'> | undefined,
  { name, services, log }: ArtifactEnv,
): Promise<void> {
  const target = named && services.registry().find('message-store', named.name)
  if (!target) return services.quarantine(name, record, reason)
  try {
    await target.producer.put(setAside(record, name, reason, services.clock.now()))
    log.warn(`a message of store ${name} cannot be used; it is kept in store ${target.name}`, { reason })
  } catch (thrown) {
    log.warn(`store ${target.name} does not take what store ${name} sets aside`, { reason: textOf(thrown) })
    await services.quarantine(name, record, reason)
  }
}
