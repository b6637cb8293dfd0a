import { injectedPayload, type InjectedPayload } from '../../codecs/injected-payload.ts'
import { extensionTask } from '../../extensions/task.ts'
import { Body, HeaderMap, Message } from '../../kernel/message.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { nearest } from '../../kernel/nearest.ts'
import { Injector, type Entrance } from '../../runtime/injection.ts'
import { RecurringTask, type RecurringParts } from '../../runtime/recurring.ts'
import { checkTrigger, timetableOf, triggerField } from '../../runtime/task-trigger.ts'
import { isSynapse, type ElementSite } from '../../schema/element-site.ts'
import type { Field } from '../../schema/fields.ts'
import {
  address,
  attr,
  child,
  content,
  defineArtifact,
  inlineXml,
  text,
  words,
  type ArtifactEnv,
  type ConfigOf,
} from '../../schema/index.ts'
import type { ValueType } from '../../schema/types.ts'
import { printXml } from '../../xml/writer.ts'

const INJECTOR = 'org.apache.synapse.startup.tasks.MessageInjector'
/** What WSO2's tools write properties in. */
const TASKS_NS = 'http://www.wso2.org/products/wso2commons/tasks'

/** Text in which `$SYSTEM:X`, `$FILE:x` and `${configs.x}` are replaced at deploy. */
function replaceable(): ValueType<string> {
  return { ...address(), name: 'text', expected: 'text' }
}

const propertyFields = {
  name: attr(text(), { required: true, doc: 'Which setting of the injector.' }),
  value: attr(replaceable(), { doc: 'Its value.' }),
  xml: inlineXml({ doc: 'XML, for the message.' }),
  text: content(text(), { doc: 'Text or JSON, for the message.' }),
}
type Property = ConfigOf<typeof propertyFields>

/** `<property>` in the namespace of Synapse or of WSO2's tasks. Must be the last field: it takes what is left. */
const properties: Field<readonly Property[]> = {
  shape: {
    kind: 'child',
    tag: 'property',
    fields: propertyFields,
    many: true,
    min: 0,
    doc: 'Settings of the injector: message, registryKey, to, soapAction, format, injectTo, sequenceName, proxyName, isSequential.',
  },
  decode(site) {
    const found: Property[] = []
    for (const element of site.remainingElements()) {
      if (element.local === 'property' && (isSynapse(element) || element.uri === TASKS_NS))
        found.push(site.nested(element, propertyFields))
      else site.error('unknown-element', `<task> cannot contain <${element.local}>`, element.offset, 'Remove it.')
    }
    return found
  },
  encode(value, draft) {
    for (const one of value) draft.child('property', propertyFields, one)
  },
  present: site => site.hasChild('property'),
}

const KNOWN = [
  'message',
  'registryKey',
  'to',
  'soapAction',
  'format',
  'injectTo',
  'sequenceName',
  'proxyName',
  'isSequential',
  'invokeHandlers',
]
const FORMATS = ['soap11', 'soap12', 'pox', 'get'] as const
const ENTRANCES = ['main', 'sequence', 'proxy']

export default defineArtifact({
  role: 'task',
  tag: 'task',
  nameAttribute: 'name',
  nameOf: ({ name }) => name ?? '',
  summary: 'Puts a message into a flow by a timetable.',
  details: `
    The message goes into the sequence \`main\`, a named sequence, or a proxy. A task begins once the server can be called,
    for it may call the server itself. Times are those of the clock: a run that takes long does not delay the next one,
    and runs may overlap, up to 20, unless \`isSequential\` is true. A run that fails is logged and counted; the next one
    comes all the same. \`message\` may be XML, or text that is taken for JSON if it is JSON; XML goes out as SOAP 1.1, into a
    proxy as SOAP 1.2, unless \`format\` says otherwise. Operators see every task with its last and next run, can stop it for
    longer than a restart, and can run it now. In the place of another Java class an
    [extension](../../extensions.md) with a function \`execute\` runs; without one every run fails and says so.`,
  fields: {
    name: attr(text(), { required: true, doc: 'How operators refer to it.' }),
    class: attr(text(), {
      fallback: INJECTOR,
      doc: 'What runs: the message injector, or an extension registered under that name.',
    }),
    group: attr(text(), { fallback: 'synapse.simple.quartz', doc: 'Shown to operators.' }),
    pinnedServers: attr(words(), {
      doc: 'Server names it runs on.',
      ignored: 'One server runs everything it is given.',
    }),
    trigger: triggerField,
    description: child('description', { text: content(text(), { doc: 'Free text.' }) }, { doc: 'Free text.' }),
    properties,
  },
  examples: [
    {
      title: 'Ask for a quote every five seconds',
      xml: `<task name="CheckPrice" class="org.apache.synapse.startup.tasks.MessageInjector">
  <trigger interval="5"/>
  <property name="injectTo" value="sequence"/>
  <property name="sequenceName" value="askForQuote"/>
  <property name="message"><getQuote xmlns="http://services.samples"><symbol>IBM</symbol></getQuote></property>
</task>`,
    },
    {
      title: 'JSON into a proxy, at a quarter to every hour',
      xml: `<task name="Nightly"><trigger cron="0 45 * * * ?"/>
  <property name="injectTo" value="proxy"/>
  <property name="proxyName" value="Report"/>
  <property name="message">{"report": "daily"}</property>
</task>`,
    },
  ],
  check(config, site) {
    checkClass(config.class, site)
    checkTrigger(config.trigger, site)
    if (config.class === INJECTOR) checkInjector(settingsOf(config.properties), site)
  },
  create(config, env) {
    const settings = settingsOf(config.properties)
    const shownSettings = Object.fromEntries([...settings].map(([name, property]) => [name, shown(property)]))
    const work = config.class === INJECTOR ? injection(settings, env) : extensionTask(config.class, shownSettings, env)
    return new RecurringTask({
      name: env.name,
      group: config.group,
      className: config.class,
      properties: shownSettings,
      timetable: timetableOf(config.trigger, env.log),
      oneByOne: textOf(settings, 'isSequential').toLowerCase() === 'true',
      services: env.services,
      log: env.log,
      work,
    })
  },
})

// ── what is written ──

type Settings = ReadonlyMap<string, Property>

function settingsOf(all: readonly Property[]): Settings {
  return new Map(all.flatMap(property => (property.name === undefined ? [] : [[property.name, property] as const])))
}

function textOf(settings: Settings, name: string): string {
  const property = settings.get(name)
  return property?.value ?? property?.text ?? ''
}

function shown(property: Property): string {
  return property.xml ? printXml(property.xml) : (property.value ?? property.text ?? '')
}

function checkClass(name: string, site: ElementSite): void {
  if (name === INJECTOR) return
  const meant = name.endsWith('.MessageInjector') ? `Did you mean ${INJECTOR}? ` : ''
  if (site.decoding.env.hasExtension?.(name) === true) return
  site.warn(
    'extension-missing',
    `the class ${name} of this task is Java, which cannot run here, and no extension is registered under that name`,
    site.attribute('class')?.offset ?? site.element.offset,
    `${meant}Put ${name}.mjs with a function execute(task, properties) into HOME/extensions, or let ${INJECTOR} put a message into a sequence that does the work. Every run fails until then.`,
  )
}

function checkInjector(settings: Settings, site: ElementSite): void {
  const elements = site.element.childElements.filter(({ local }) => local === 'property')
  const at = (name: string): number =>
    elements.find(element => element.attribute('name') === name)?.offset ?? site.element.offset
  for (const name of settings.keys()) {
    if (KNOWN.includes(name)) continue
    const near = nearest(name, KNOWN)
    const meant = near === undefined ? 'Remove it.' : `Did you mean "${near}"?`
    site.warn(
      'unknown-property',
      `the message injector has no property "${name}"`,
      at(name),
      `It has no effect. ${meant}`,
    )
  }
  for (const [role, name] of [
    ['sequence', 'sequenceName'],
    ['proxy', 'proxyName'],
  ] as const) {
    const wanted = textOf(settings, name)
    const place = site.decoding.at(at(name))
    if (textOf(settings, 'injectTo') === role && wanted !== '')
      site.decoding.refs.push({ role, name: wanted, at: place })
  }
  const wrong = (name: string, why: string, what: string): void => site.error('invalid-value', why, at(name), what)
  const entrance = textOf(settings, 'injectTo')
  if (entrance !== '' && !ENTRANCES.includes(entrance)) {
    wrong('injectTo', `"${entrance}" is nothing to inject into`, `Write one of ${ENTRANCES.join(', ')}.`)
  }
  if (entrance === 'sequence' && textOf(settings, 'sequenceName') === '') {
    wrong('injectTo', 'the task does not say into which sequence', 'Add <property name="sequenceName" value="…"/>.')
  }
  if (entrance === 'proxy' && textOf(settings, 'proxyName') === '') {
    wrong('injectTo', 'the task does not say into which proxy', 'Add <property name="proxyName" value="…"/>.')
  }
  const format = textOf(settings, 'format')
  if (format !== '' && !FORMATS.some(known => known === format)) {
    wrong('format', `"${format}" is no format`, `Write one of ${FORMATS.join(', ')}.`)
  }
  if (!settings.has('message') && !settings.has('registryKey')) {
    site.warn(
      'missing',
      'the task has no message: an empty one is injected',
      site.element.offset,
      'Add <property name="message">…</property> or registryKey.',
    )
  }
  if (settings.has('invokeHandlers')) {
    site.hint('no-effect', '"invokeHandlers" has no effect', at('invokeHandlers'), 'There are no Java handlers here.')
  }
}

// ── what runs ──

/** What the message injector does at every run. */
function injection(settings: Settings, env: ArtifactEnv): RecurringParts['work'] {
  const injector = new Injector(
    { label: `task:${env.name}`, kind: 'task', name: env.name },
    entranceOf(settings, env),
    env.services,
    env.log,
  )
  const make = messageMaker(settings, env)
  return async () => (await injector.inject(make())).fault
}

function entranceOf(settings: Settings, env: ArtifactEnv): Entrance {
  const into = textOf(settings, 'injectTo')
  if (into === 'sequence') {
    return { kind: 'sequence', ref: { role: 'sequence', name: textOf(settings, 'sequenceName'), at: env.at } }
  }
  if (into === 'proxy')
    return { kind: 'proxy', ref: { role: 'proxy', name: textOf(settings, 'proxyName'), at: env.at } }
  return { kind: 'main' }
}

/** What a run injects. The bytes are made once, except for a message of the registry, which may change. */
function messageMaker(settings: Settings, env: ArtifactEnv): () => Message {
  const to = textOf(settings, 'to')
  const action = textOf(settings, 'soapAction')
  const wanted = textOf(settings, 'format') || (textOf(settings, 'injectTo') === 'proxy' ? 'soap12' : 'soap11')
  const property = settings.get('message')
  const key = textOf(settings, 'registryKey')
  const written = property && injectedPayload(property.xml ?? shown(property), wanted)
  return () => {
    const { bytes, contentType, format } = written ?? fromRegistry(key, wanted, env)
    const message = new Message({
      body: bytes.length === 0 ? Body.empty(contentType) : Body.ofBytes(bytes, contentType),
      headers: HeaderMap.of({ 'Content-Type': contentType }),
      addressing: { ...(to !== '' && { to }), ...(action !== '' && { action }) },
      format,
    })
    if (wanted === 'get') {
      // The children of the payload become the query (synapse-language D.2).
      message.axis2.set('HTTP_METHOD', 'GET')
      message.axis2.set('messageType', 'application/x-www-form-urlencoded')
    }
    return message
  }
}

function fromRegistry(key: string, wanted: string, { services, at }: ArtifactEnv): InjectedPayload {
  if (key === '') return injectedPayload('', wanted)
  const entry = services.registry().find('local-entry', key)
  if (entry) return injectedPayload(entry.text(), wanted)
  throw new IntegrationError('ENTRY_UNKNOWN', `the message of the task is to be "${key}", which is not there`, { at })
}
