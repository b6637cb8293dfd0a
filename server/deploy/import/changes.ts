/** What behaves differently here on purpose, told where it is used; each row is one of `server/docs/differences.md`. */
import type { XmlElement } from '../../xml/tree.ts'

export interface Change {
  readonly code: string
  readonly message: string
  /** Words of its row on the page of differences. */
  readonly row: string
  applies(element: XmlElement): boolean
}

const named =
  (local: string, more: (element: XmlElement) => boolean = () => true) =>
  (element: XmlElement): boolean =>
    element.local === local && more(element)
const ofClass =
  (pattern: RegExp) =>
  (element: XmlElement): boolean =>
    pattern.test(element.attribute('class') ?? '')
const parameter = (element: XmlElement, name: string): string | undefined =>
  element.childElements.find(one => one.local === 'parameter' && one.attribute('name') === name)?.text.trim()
const transports = (element: XmlElement): string => element.attribute('transports') ?? ''

export const changes: readonly Change[] = [
  {
    code: 'store-on-disk',
    message: 'a store without a class is a journal on disk, and survives a restart',
    row: 'without a class keeps messages in memory',
    applies: named('messageStore', element => element.attribute('class') === undefined),
  },
  {
    code: 'stored-as-text',
    message: 'messages at the broker are text or bytes with properties, not serialised Java objects',
    row: 'JMS: messages are serialised Java objects',
    applies: named('messageStore', ofClass(/JmsStore$/)),
  },
  {
    code: 'accepted-means-stored',
    message: 'if nothing can store the message, the caller gets a fault and not 202',
    row: '`FORCE_SC_ACCEPTED` answers 202',
    applies: named('property', element => element.attribute('name') === 'FORCE_SC_ACCEPTED'),
  },
  {
    code: 'attempts-are-sends',
    message: 'a suspended endpoint costs no attempt, and attempts survive a restart',
    row: 'A suspended endpoint costs attempts',
    applies: named('messageProcessor', ofClass(/(?<!Failover)(?:Scheduled)?MessageForwardingProcessor$/)),
  },
  {
    code: 'never-sent-again',
    message: 'whatever the reply sequence does, a message the back end has taken is not sent again',
    row: 'A reply sequence that ends in',
    applies: named('messageProcessor', element => parameter(element, 'message.processor.reply.sequence') !== undefined),
  },
  {
    code: 'members-share',
    message: 'each worker has its own message; in memory, none is sent twice',
    row: '`member.count` above 1',
    applies: named('messageProcessor', element => Number(parameter(element, 'member.count') ?? 1) > 1),
  },
  {
    code: 'sampled-then-removed',
    message: 'a message leaves the store when its sequence has ended, not before it begins',
    row: 'The sampling processor takes a message out',
    applies: named('messageProcessor', ofClass(/SamplingProcessor$/)),
  },
  {
    code: 'task-after-start',
    message: 'it begins once the server can be called; runs do not pile up without end',
    row: 'A first run may come before',
    applies: named('task'),
  },
  {
    code: 'files-settled',
    message: 'files are read once they are whole; one that failed stays unless ActionAfterFailure says otherwise',
    row: 'A file whose flow has failed is deleted',
    applies: element =>
      (element.local === 'proxy' && /\bvfs\b/.test(transports(element))) ||
      (element.local === 'inboundEndpoint' && element.attribute('protocol') === 'file'),
  },
  {
    code: 'files-confined',
    message: 'files are those of HOME/files and of the folders in the setting files.folders',
    row: 'Any folder of the machine',
    applies: element => element.local === 'address' && /^vfs:/i.test(element.attribute('uri') ?? ''),
  },
  {
    code: 'own-certificate',
    message: 'a key store is a PKCS #12 or PEM file; only Java reads a JKS',
    row: '`https` takes a Java key store (JKS)',
    applies: named('inboundEndpoint', element => element.attribute('protocol') === 'https'),
  },
]
