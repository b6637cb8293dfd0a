/** Small stand-ins for what is deployed: enough of each contract for tests of those who look at it from outside. */
import { newMessageId } from '../kernel/stored-message.ts'
import type {
  Actor,
  Artifact,
  BrowsedMessage,
  Endpoint,
  EndpointStatus,
  InboundEndpoint,
  InboundState,
  MessageProcessor,
  MessageStore,
  ProcessorState,
  Registry,
  RoleName,
  Roles,
  StoredMessage,
  StoreState,
  Task,
  TaskState,
} from '../kernel/contracts.ts'

export function storedMessage(changes: Partial<StoredMessage> & { text?: string } = {}): StoredMessage {
  const { text = '<order/>', ...rest } = changes
  return {
    id: newMessageId(),
    storedAt: Date.UTC(2026, 0, 31),
    contentType: 'text/xml',
    body: Buffer.from(text),
    headers: [],
    envelope: { properties: {}, axis2: {} },
    ...rest,
  }
}

export interface FakeStore extends MessageStore {
  readonly held: BrowsedMessage[]
  readonly state: { -readonly [K in keyof StoreState]: StoreState[K] }
  /** Puts fail with this while it is set. */
  refuseWith: Error | undefined
  /** Called before a remove does anything. */
  beforeRemove: ((id: string) => void) | undefined
  add(message: StoredMessage, rest?: Partial<BrowsedMessage>): void
}

export function fakeStore(name: string, changes: Partial<MessageStore> = {}): FakeStore {
  const held: BrowsedMessage[] = []
  const state: FakeStore['state'] = { state: 'ready', since: 0 }
  const store: FakeStore = {
    name,
    type: 'in-memory-message-store',
    traits: { durable: false, ordered: true, browsable: true, sharedBetweenNodes: false },
    held,
    state,
    status: state,
    refuseWith: undefined,
    beforeRemove: undefined,
    add: (message, rest) => void held.push({ message, attempts: 0, inFlight: false, ...rest }),
    producer: {
      async put(message) {
        if (store.refuseWith) throw store.refuseWith
        store.add(message)
      },
    },
    consumer: () => Promise.reject(new Error('nobody takes from this store')),
    async *browse(page = {}) {
      const from = page.after === undefined ? 0 : held.findIndex(({ message }) => message.id === page.after) + 1
      yield* held.slice(from, from + (page.limit ?? held.length))
    },
    find: id => Promise.resolve(held.find(({ message }) => message.id === id)),
    async remove(id) {
      store.beforeRemove?.(id)
      const index = held.findIndex(({ message, inFlight }) => message.id === id && !inFlight)
      if (index < 0) return false
      held.splice(index, 1)
      return true
    },
    clear: async () => held.splice(0, held.length).length,
    depth: async () => held.length,
    onReady: () => () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
    ...changes,
  }
  return store
}

export interface FakeProcessor extends MessageProcessor {
  state: ProcessorState
  /** What operators asked for, in order. */
  readonly asked: string[]
}

export function fakeProcessor(name: string, store: string, changes: Partial<MessageProcessor> = {}): FakeProcessor {
  const asked: string[] = []
  const processor: FakeProcessor = {
    name,
    store,
    type: 'Scheduled-message-forwarding-processor',
    parameters: {},
    state: { wanted: 'active', observed: 'idle', since: 0 },
    asked,
    start: async () => undefined,
    async activate(by: Actor) {
      asked.push(`activate by ${by.by}`)
      processor.state = { wanted: 'active', observed: 'idle', since: 0 }
    },
    async deactivate(by: Actor, reason: string) {
      asked.push(`deactivate by ${by.by}`)
      processor.state = { wanted: 'inactive', observed: 'stopped', since: 0, reason }
    },
    [Symbol.asyncDispose]: async () => undefined,
    ...changes,
  }
  return processor
}

export interface FakeTask extends Task {
  state: TaskState
  /** What operators asked for, in order. */
  readonly asked: string[]
}

export function fakeTask(name: string, changes: Partial<Task> = {}): FakeTask {
  const asked: string[] = []
  const state: TaskState = { wanted: 'active', observed: 'waiting', since: 0, runs: 0, failures: 0 }
  const task: FakeTask = {
    name,
    group: 'synapse.simple.quartz',
    className: 'org.apache.synapse.startup.tasks.MessageInjector',
    timetable: { kind: 'interval', interval: 5000 },
    properties: {},
    state,
    asked,
    start: async () => undefined,
    async activate({ by }) {
      asked.push(`activate by ${by}`)
      task.state = { ...state, wanted: 'active', observed: 'waiting' }
    },
    async deactivate({ by }, reason) {
      asked.push(`deactivate by ${by}`)
      task.state = { ...state, wanted: 'inactive', observed: 'stopped', reason }
    },
    async run({ by }) {
      asked.push(`run by ${by}`)
      return undefined
    },
    [Symbol.asyncDispose]: async () => undefined,
    ...changes,
  }
  return task
}

export interface FakeInbound extends InboundEndpoint {
  state: InboundState
  /** What operators asked for, in order. */
  readonly asked: string[]
}

export function fakeInbound(name: string, changes: Partial<InboundEndpoint> = {}): FakeInbound {
  const asked: string[] = []
  const inbound: FakeInbound = {
    name,
    protocol: 'jms',
    sequence: 'take',
    onError: undefined,
    parameters: {},
    state: { wanted: 'active', observed: 'listening', since: 0 },
    asked,
    start: async () => undefined,
    async activate({ by }) {
      asked.push(`activate by ${by}`)
      inbound.state = { wanted: 'active', observed: 'listening', since: 0 }
    },
    async deactivate({ by }, reason) {
      asked.push(`deactivate by ${by}`)
      inbound.state = { wanted: 'inactive', observed: 'stopped', since: 0, reason }
    },
    [Symbol.asyncDispose]: async () => undefined,
    ...changes,
  }
  return inbound
}

export function fakeEndpoint(name: string, withState = true): Endpoint {
  const status = {
    state: 'active' as EndpointStatus['state'],
    since: 0,
    switchOn: () => void (status.state = 'active'),
    switchOff: () => void (status.state = 'off'),
  }
  return { name, send: async () => null, ...(withState && { status }) }
}

type Deployed = { readonly [R in RoleName]?: readonly (Roles[R] & { readonly name?: string; readonly key?: string })[] }

export function fakeRegistry(deployed: Deployed): Registry {
  const of = (role: RoleName): Map<string, unknown> =>
    new Map((deployed[role] ?? []).map(thing => [thing.name ?? thing.key ?? '', thing]))
  const artifactsOf = (role: RoleName): Artifact[] =>
    [...of(role).keys()].map(name => ({
      role,
      name,
      at: { file: `${name}.xml`, line: 1, column: 1 },
      digest: name,
      config: undefined,
      refs: [],
    }))
  return {
    revision: 1,
    get: ref => of(ref.role).get(ref.name) as never,
    find: (role, name) => of(role).get(name) as never,
    names: role => [...of(role).keys()],
    list: role => (role ? [role] : (Object.keys(deployed) as RoleName[])).flatMap(artifactsOf),
    enter: () => undefined,
    leave: () => undefined,
  }
}
