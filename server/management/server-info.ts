/** `/`, `/server` and `/logging`, and the health check. */
import os from 'node:os'
import process from 'node:process'
import { maskText } from '../kernel/secrets.ts'
import type { Level } from '../observe/levels.ts'
import { ROOT } from '../observe/levels.ts'
import type { ApiAnswer, ApiRequest, Managed, Resource } from './api.ts'
import { audit, isAnswer, iso, ok, refusal, textsOf } from './api.ts'
import { observedInbound } from './inbound-endpoints.ts'
import { faultyArtifacts } from './listings.ts'
import { observed } from './processors.ts'
import { asideIn } from './stores.ts'

export function serverResources(managed: Managed): Resource[] {
  return [
    { path: '/', methods: { GET: () => ok({ Holdfast: managed.version, ManagementApi: 'Active' }) } },
    { path: '/server', methods: { GET: () => ok(server(managed)) } },
    {
      path: '/logging',
      methods: { GET: request => loggers(managed, request), PATCH: request => setLevel(managed, request) },
    },
  ]
}

/** MI's fields, so that its tools show something sensible, and ours. */
function server({ version, journalUse }: Managed): object {
  const journal = journalUse?.()
  return {
    productName: 'Holdfast',
    productVersion: version,
    carbonHome: '',
    javaHome: '',
    javaVersion: '',
    javaVendor: '',
    nodeVersion: process.version,
    osName: os.type(),
    osVersion: os.release(),
    memoryBytes: process.memoryUsage.rss(),
    uptimeSeconds: Math.floor(process.uptime()),
    ...(journal && {
      journal: {
        segments: journal.segments,
        bytes: journal.bytes,
        liveBytes: journal.liveBytes,
        messages: journal.live,
        commits: journal.groups,
        records: journal.records,
      },
    }),
  }
}

const LEVELS: ReadonlySet<string> = new Set(['off', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'])
const ROOT_NAMES: ReadonlySet<string> = new Set([ROOT, 'rootLogger'])

function loggers({ levels }: Managed, request: ApiRequest): ApiAnswer {
  if (!levels) return refusal(404, 'There are no loggers')
  const { loggerName, searchKey = '' } = request.query
  const item = (name: string, level: Level): object => ({
    loggerName: name === ROOT ? 'rootLogger' : name,
    componentName: name === ROOT ? 'root' : 'Holdfast',
    level: level.toUpperCase(),
  })
  if (loggerName !== undefined) {
    const name = ROOT_NAMES.has(loggerName) ? ROOT : loggerName
    return levels.has(name) ? ok(item(name, levels.get(name))) : refusal(404, `Logger ('${loggerName}') not found`)
  }
  const part = searchKey.toLowerCase()
  const list = levels.list().filter(({ name }) => name.toLowerCase().includes(part))
  return ok({ count: list.length, list: list.map(({ name, level }) => item(name, level)) })
}

function setLevel({ levels, log }: Managed, request: ApiRequest): ApiAnswer {
  if (!levels) return refusal(404, 'There are no loggers')
  const texts = textsOf(request.body, 'loggerName', 'loggingLevel')
  if (isAnswer(texts)) return texts
  const [loggerName, level] = [texts[0]!, texts[1]!.toLowerCase()]
  if (!LEVELS.has(level)) return refusal(400, `Invalid log level ${texts[1]}`)
  levels.set(ROOT_NAMES.has(loggerName) ? ROOT : loggerName, level as Level)
  audit(log, { by: request.user, action: 'updated', type: 'log_level', info: { loggerName, level } })
  return {
    status: 200,
    body: { message: `Successfully updated the log level of logger ${loggerName} to ${level.toUpperCase()}` },
  }
}

/** Of a journal, told by the health check; the log names them all. */
const MOST_DAMAGE = 20

/** 200 once deployed, 503 before. A faulty artifact, a broker that is away or a stopped processor are told, not fatal. */
export function health(managed: Managed): ApiAnswer {
  const registry = managed.registry()
  const { ready, journal } = managed.report()
  const stores = registry.names('message-store').flatMap(name => {
    const store = registry.find('message-store', name)
    if (!store) return []
    const { state, reason, since } = store.status
    return [{ name, state, since: iso(since), ...(reason !== undefined && { reason: maskText(reason) }) }]
  })
  const processors = registry.names('message-processor').flatMap(name => {
    const processor = registry.find('message-processor', name)
    return processor ? [{ name, ...observed(processor) }] : []
  })
  const inboundEndpoints = registry.names('inbound-endpoint').flatMap(name => {
    const inbound = registry.find('inbound-endpoint', name)
    return inbound ? [{ name, ...observedInbound(inbound) }] : []
  })
  const quarantined = asideIn(managed).map(({ name, held }) => ({ name, size: held }))
  const body = {
    status: ready ? 'ready' : 'starting',
    version: managed.version,
    faultyArtifacts: faultyArtifacts(managed),
    stores,
    ...(quarantined.length > 0 && { quarantined }),
    processors,
    ...(inboundEndpoints.length > 0 && { inboundEndpoints }),
    ...(journal && {
      journal: {
        state: journal.state,
        since: iso(journal.since),
        ...(journal.reason !== undefined && { reason: journal.reason }),
        ...(journal.damage?.length && {
          damage: journal.damage.slice(0, MOST_DAMAGE).map(({ file, offset, what }) => ({ file, offset, what })),
        }),
      },
    }),
  }
  return { status: ready ? 200 : 503, body }
}
