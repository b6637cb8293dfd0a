/** The services under traffic while artifacts change, and the artifacts in all the ways they change. */

const NS = 'xmlns="http://ws.apache.org/ns/synapse"'
const FORWARDING = 'org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor'

/** Paths under traffic. */
export const PATHS = {
  /** Stored, forwarded later: every accepted order must arrive, once. */
  store: '/services/Keep',
  /** Passed through and answered by the back end, some after a while: requests that outlive a deployment. */
  pass: '/services/Pass',
  /** Answered by a sequence of its own, with the number of the deployment. */
  version: '/services/Version',
} as const

/** What is at the moment. Every change makes another one of it; {@link artifactsOf} writes it down. */
export interface State {
  /** Named in every artifact that changes with it. */
  readonly number: number
  /** Which of two endpoints, and which of two stores, is in use. The other one may come and go. */
  readonly endpoint: 'a' | 'b'
  readonly store: 'a' | 'b'
  readonly spareEndpoint: boolean
  readonly spareStore: boolean
  /** Files that say nonsense at the moment; what they said before goes on. */
  readonly broken: ReadonlySet<string>
}

export const FIRST: State = {
  number: 0,
  endpoint: 'a',
  store: 'a',
  spareEndpoint: true,
  spareStore: true,
  broken: new Set(),
}

const other = (one: 'a' | 'b'): 'a' | 'b' => (one === 'a' ? 'b' : 'a')

/** One change, made to the state; the number is the deployment it belongs to. */
export type Change = (state: State, number: number) => State

/** By name, as the report counts them. */
export const CHANGES: Readonly<Record<string, Change>> = {
  'change everything in use': (state, number) => ({ ...state, number }),
  'break the endpoint in use': state => ({ ...state, broken: new Set([`endpoint-${state.endpoint}.xml`]) }),
  'break the sequence in use': state => ({ ...state, broken: new Set(['route.xml']) }),
  'break the store in use': state => ({ ...state, broken: new Set([`store-${state.store}.xml`]) }),
  'break the services': state => ({ ...state, broken: new Set(['keep.xml', 'pass.xml']) }),
  mend: (state, number) => ({ ...state, broken: new Set(), number }),
  'use another endpoint': state =>
    state.spareEndpoint ? { ...state, endpoint: other(state.endpoint), broken: new Set() } : state,
  'use another store': state => (state.spareStore ? { ...state, store: other(state.store), broken: new Set() } : state),
  'remove the endpoint out of use': state => ({ ...state, spareEndpoint: false }),
  'remove the store out of use': state => ({ ...state, spareStore: false }),
  'add them again': state => ({ ...state, spareEndpoint: true, spareStore: true }),
}

/** Every file, by name. A broken one begins well and ends nowhere. */
export function artifactsOf(state: State, backend: number): ReadonlyMap<string, string> {
  const { number } = state
  const files = new Map<string, string>()
  for (const name of ['a', 'b'] as const) {
    if (name === state.endpoint || state.spareEndpoint)
      files.set(`endpoint-${name}.xml`, endpoint(name, number, backend))
    if (name === state.store || state.spareStore) {
      files.set(`store-${name}.xml`, `<messageStore name="store-${name}" ${NS}><!-- ${number} --></messageStore>\n`)
      files.set(`forward-${name}.xml`, forwarding(name, state.endpoint, number))
    }
  }
  files.set('keep.xml', keeping(state))
  files.set('pass.xml', passing(number))
  files.set('route.xml', routing(state))
  for (const name of state.broken) files.set(name, files.get(name)!.slice(0, -12))
  return files
}

/** Tells that a deployment is in force: written last, and looked for by {@link PATHS.version}. */
export function versionOf(number: number): string {
  return `<proxy name="Version" transports="http" ${NS}>
  <target><inSequence>
    <payloadFactory media-type="json"><format>{"version": ${number}}</format><args/></payloadFactory>
    <property name="messageType" value="application/json" scope="axis2"/>
    <respond/>
  </inSequence></target>
</proxy>
`
}

function endpoint(name: string, number: number, backend: number): string {
  const uri = `http://127.0.0.1:${backend}/services/SimpleStockQuoteService`
  return `<endpoint name="endpoint-${name}" ${NS}><address uri="${uri}"><timeout><duration>${60_000 + number}</duration><responseAction>fault</responseAction></timeout></address></endpoint>\n`
}

function forwarding(store: string, target: string, number: number): string {
  return `<messageProcessor name="forward-${store}" class="${FORWARDING}" targetEndpoint="endpoint-${target}" messageStore="store-${store}" ${NS}>
  <parameter name="interval">1</parameter>
  <parameter name="client.retry.interval">${100 + (number % 100)}</parameter>
</messageProcessor>
`
}

function keeping({ store, number }: State): string {
  return `<proxy name="Keep" transports="http" ${NS}>
  <target><inSequence>
    <property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/>
    <property name="OUT_ONLY" value="true"/>
    <property name="deployment" value="${number}"/>
    <store messageStore="store-${store}"/>
  </inSequence></target>
</proxy>
`
}

function passing(number: number): string {
  return `<proxy name="Pass" transports="http" ${NS}>
  <target>
    <inSequence><property name="deployment" value="${number}"/><sequence key="route"/></inSequence>
    <outSequence><send/></outSequence>
  </target>
</proxy>
`
}

function routing({ endpoint, number }: State): string {
  return `<sequence name="route" ${NS}><property name="route" value="${number}"/><send><endpoint key="endpoint-${endpoint}"/></send></sequence>\n`
}
