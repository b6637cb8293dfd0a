/** What brings messages to a proxy service besides HTTP: files, and queues at JMS brokers and at RabbitMQ. */
import type { MessageSource } from '../kernel/contracts.ts'
import type { ElementSite } from '../schema/element-site.ts'
import { param, type ArtifactEnv } from '../schema/index.ts'
import type { ValueType } from '../schema/types.ts'
import { FileSource, type FileSourceParts } from './file-source.ts'
import { checkQueue, type QueueDrivers } from './jms/check.ts'
import {
  isTransacted,
  jmsFields,
  throttleFields,
  type JmsParameters,
  type ThrottleParameters,
} from './jms/parameters.ts'
import { ProxySources, type ProxySource } from './proxy-sources.ts'
import { checkRabbit } from './rabbitmq/check.ts'
import { isOptionalArgument, rabbitOf, rabbitProxyFields, type RabbitProxyParameters } from './rabbitmq/parameters.ts'
import { checkVfs, vfsFields, type VfsConfig } from './vfs-parameters.ts'

export const listeningFields = {
  pollInterval: param('transport.PollInterval', pollInterval(), {
    fallback: 300_000,
    doc: 'Seconds between two looks for files, or milliseconds as `200ms`.',
  }),
  ...vfsFields,
  ...jmsFields,
  ...throttleFields,
  ...rabbitProxyFields,
}

/** Seconds, or milliseconds with the unit behind them. */
function pollInterval(): ValueType<number> {
  const expected = 'seconds, or milliseconds as "200ms"'
  return {
    name: 'seconds',
    expected,
    xsd: 'xs:string',
    parse(given) {
      const [, number, unit] = /^(\d+)(ms)?$/.exec(given.trim()) ?? []
      const value = Number(number) * (unit === undefined ? 1000 : 1)
      return value > 0 ? { value } : { problem: `expected ${expected}` }
    },
    print: value => (value % 1000 === 0 ? String(value / 1000) : `${value}ms`),
  }
}

interface Listening extends VfsConfig, JmsParameters, ThrottleParameters, RabbitProxyParameters {
  readonly parameters: Readonly<Record<string, string>>
  readonly transports: readonly string[] | undefined
  readonly pollInterval: number
  readonly startOnLoad: boolean
}

/** Over the transports it names. What is only one of several leaves the service callable, and is a warning. */
export function checkListening(config: Listening, site: ElementSite, drivers: QueueDrivers): void {
  const { transports = [] } = config
  if (transports.includes('vfs')) checkVfs(config, site)
  const others = (own: string): boolean => transports.some(transport => transport !== own)
  if (transports.includes('jms'))
    checkQueue(config, config.parameters, site, { ...drivers, gentle: true, otherCallers: others('jms') })
  if (transports.includes('rabbitmq')) checkRabbit(rabbitOf(config), site, others('rabbitmq'))
}

type FileFormats = Pick<FileSourceParts, 'formatDate' | 'formatOf' | 'write'>

export function sourcesOf(config: Listening, env: ArtifactEnv, formats: FileFormats): ProxySources | undefined {
  const { transports = [], startOnLoad } = config
  const sources: ProxySource[] = []
  if (transports.includes('vfs')) sources.push({ transport: 'vfs', source: fileSource(config, env, formats) })
  if (transports.includes('jms')) sources.push({ transport: 'jms', source: jmsSource(config, env) })
  if (transports.includes('rabbitmq')) sources.push({ transport: 'rabbitmq', source: rabbitSource(config, env) })
  return sources.length > 0 && startOnLoad ? new ProxySources(env.name, sources, env.log) : undefined
}

/** As if somebody had called the service. */
function callerOf({ name, at }: ArtifactEnv) {
  return {
    origin: { label: `proxy:${name}`, kind: 'proxy', name },
    entrance: { kind: 'proxy', ref: { role: 'proxy', name, at } },
  } as const
}

function jmsSource(config: Listening, env: ArtifactEnv): MessageSource {
  return env.services.jms.listener({
    ...callerOf(env),
    called: `proxy service ${env.name}`,
    parameters: config,
    jndi: config.parameters,
    transacted: isTransacted(config, true),
    least: 1,
    throttle: config,
    properties: {},
    log: env.log,
  })
}

function rabbitSource(config: Listening, env: ArtifactEnv): MessageSource {
  return env.services.rabbitmq.listener({
    ...callerOf(env),
    called: `proxy service ${env.name}`,
    parameters: rabbitOf(config),
    optional: Object.fromEntries(Object.entries(config.parameters).filter(([name]) => isOptionalArgument(name))),
    properties: {},
    log: env.log,
  })
}

function fileSource(config: Listening, env: ArtifactEnv, formats: FileFormats): MessageSource {
  const { services, log } = env
  return new FileSource({ ...callerOf(env), config, intervalMs: config.pollInterval, services, log, ...formats })
}
