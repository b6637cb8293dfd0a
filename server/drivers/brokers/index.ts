/** Brokers over the network: what is spoken where, and one set of connections for everybody in a server. */
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/contracts.ts'
import { dialAmqp } from '../amqp/index.ts'
import { JmsConnections } from '../jms/connection.ts'
import type { Dial, Dialer } from '../jms/contracts.ts'
import { OtherProtocol } from '../jms/other-protocol.ts'
import { addressOf, type BrokerTarget } from '../jms/target.ts'
import type { Journal, Json } from '../journal/contracts.ts'
import { dialOpenWire, Identity, NO_NOTES, type SentNote, type SentNotes } from '../openwire/index.ts'
import { probe } from './probe.ts'

/** What to write where the answer of the port is not to be relied on. */
const WITHOUT_ASKING = {
  openwire:
    'To speak OpenWire without asking the port, write <parameter name="store.jms.protocol">openwire</parameter> in the store',
  amqp: 'To speak AMQP 1.0 without asking the port, begin the address with amqp:// (amqps:// for TLS), or write <parameter name="store.jms.protocol">amqp</parameter> in the store',
} as const

/** The way to a broker over the network: by what the address says, or else by what the port says. */
export function networkDialer(log: Log, notesFor: (target: BrokerTarget) => SentNotes = () => NO_NOTES): Dialer {
  return () => {
    let identity: Identity | null = null
    /** Not asked again, as long as it works. */
    const found = new Map<string, 'amqp' | 'openwire'>()
    const say = (place: string, what: string, spoken: keyof typeof WITHOUT_ASKING): void =>
      log.info(`${place} ${what}`, { hint: WITHOUT_ASKING[spoken] })
    const dial: Dial = async (host, target, clock, deadlineMs, signal) => {
      const way = { host, target, clock, deadlineMs, signal }
      const place = addressOf(host)
      const own = (identity ??= new Identity(notesFor(target)))
      const protocol = target.protocol === 'auto' ? found.get(place) : target.protocol
      try {
        if (protocol === 'amqp') return await dialAmqp(host, target, clock, deadlineMs, signal)
        if (protocol === 'openwire') return await dialOpenWire(way, own)
        const until = clock.monotonic() + deadlineMs
        const left = (): number => Math.max(1, until - clock.monotonic())
        const greeted = await probe(way)
        if (greeted) {
          say(place, 'greets by OpenWire', 'openwire')
          found.set(place, 'openwire')
          return await dialOpenWire(way, own, greeted)
        }
        try {
          const live = await dialAmqp(host, target, clock, left(), signal)
          say(place, 'waits for its caller, and answers AMQP 1.0', 'amqp')
          found.set(place, 'amqp')
          return live
        } catch (thrown) {
          if (!(thrown instanceof OtherProtocol)) throw thrown
          // It was only slow: a broker that has just been started takes its time.
          say(place, 'greets by OpenWire, late', 'openwire')
          found.set(place, thrown.spoken)
          return await dialOpenWire({ ...way, deadlineMs: left() }, own)
        }
      } catch (thrown) {
        // Asked again at the next connection: it may be another broker by then, or one that has come to itself.
        found.delete(place)
        throw thrown
      }
    }
    return dial
  }
}

/** Shared by whoever has the same owner: stores, endpoints and listeners at the same broker use one connection. */
const shared = new WeakMap<object, JmsConnections>()

export function brokerConnections(
  owner: { readonly clock: Clock; readonly log: Log; readonly journal?: Pick<Journal, 'ledger'> },
  {
    dialer = networkDialer(owner.log, notesIn(owner)),
    random = Math.random,
  }: { dialer?: Dialer; random?: () => number } = {},
): JmsConnections {
  const known = shared.get(owner)
  if (known) return known
  const { clock, log } = owner
  const made = new JmsConnections({ clock, log, random, dialer })
  shared.set(owner, made)
  return made
}

/** As many as brokers remember, and as long as an outage should last at most. */
const NOTES = { count: 20_000, ageMs: 24 * 3_600_000 }

function notesIn({ clock, journal }: Parameters<typeof brokerConnections>[0]): (target: BrokerTarget) => SentNotes {
  if (!journal) return () => NO_NOTES
  return ({ hosts }) => {
    const ledger = journal.ledger(`openwire:${hosts.map(addressOf).sort().join(' ')}`, NOTES)
    return {
      get: key => (ledger.get(key)?.note as unknown as SentNote | null | undefined) ?? undefined,
      note: (key, note) => ledger.remember(key, note as unknown as Json, clock.now()),
      forget: key => ledger.remember(key, null, clock.now()),
    }
  }
}
