import { isInMemory, name, parameterElement, type Rule } from './world.ts'

const FAILOVER = 'store.failover.message.store.name'

const failoverKept: Rule = {
  code: 'failover-never-emptied',
  severity: 'warning',
  why: 'What a failover store has taken stays there unless a processor brings it back.',
  instead:
    'A `<messageProcessor class="…FailoverScheduledMessageForwardingProcessor" messageStore="FAILOVER">` with the parameter `message.target.store.name`',
  *find(world) {
    const taken = new Set(world.of('message-processor').map(element => element.attribute('messageStore')))
    for (const store of world.of('message-store')) {
      const at = parameterElement(store, FAILOVER)
      const wanted = at?.text.trim()
      const failover = world.named('message-store', wanted)
      if (!at || !failover || taken.has(wanted)) continue
      yield {
        element: at,
        message: `nothing brings back what the failover store "${wanted}" has taken`,
        hint: `Write <messageProcessor name="…" class="org.apache.synapse.message.processor.impl.failover.FailoverScheduledMessageForwardingProcessor" messageStore="${wanted}"> with the parameter message.target.store.name = ${name(store)}.`,
      }
    }
  },
}

const failoverInMemory: Rule = {
  code: 'failover-in-memory',
  severity: 'warning',
  why: 'A failover store in memory is empty after a restart: the guarantee lasts as long as the process.',
  instead: '`<messageStore name="…"/>` without a class: a journal on disk',
  *find(world) {
    for (const store of world.of('message-store')) {
      const at = parameterElement(store, FAILOVER)
      if (!at || !isInMemory(world.named('message-store', at.text.trim()))) continue
      yield {
        element: at,
        message: `the failover store "${at.text.trim()}" keeps messages in memory: a restart loses them`,
        hint: `Write <messageStore name="${at.text.trim()}"/> without a class: it is kept on disk.`,
      }
    }
  },
}

const sharedBroker: Rule = {
  code: 'failover-same-broker',
  severity: 'warning',
  why: 'A failover store at the broker of its original store is away whenever that one is: nothing takes the messages.',
  instead: '`<messageStore name="…"/>` without a class: a journal on disk, or a store at another broker',
  *find(world) {
    for (const store of world.of('message-store')) {
      const at = parameterElement(store, FAILOVER)
      if (!at) continue
      const failover = at.text.trim()
      const own = world.hostsOf(name(store))
      const shared = world.hostsOf(failover).find(host => own.includes(host))
      if (shared === undefined || failover === name(store)) continue
      yield {
        element: at,
        message: `store "${name(store)}" and its failover store "${failover}" are at the same broker, ${shared}`,
        hint: `Write <messageStore name="${failover}"/> without a class, or give it another broker: when this one is away, neither takes a message.`,
      }
    }
  },
}

export const storeRules: readonly Rule[] = [failoverKept, failoverInMemory, sharedBroker]
