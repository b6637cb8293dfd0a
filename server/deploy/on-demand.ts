import type { Endpoint, LocalEntry, Log, Registry, RoleName, Roles } from '../kernel/contracts.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { QUARANTINE_SUFFIX } from '../kernel/stored-message.ts'
import { decodeFile } from '../schema/decode.ts'
import { SYNAPSE_NS, type DecodeEnv } from '../schema/element-site.ts'
import type { Services } from '../schema/services.ts'
import type { ArtifactNode } from '../schema/structure.ts'
import { parseXml } from '../xml/reader.ts'
import { printXml } from '../xml/writer.ts'
import { XmlError } from '../xml/xml-error.ts'
import { buildArtifact } from './build.ts'
import { isResourceKey } from './resources.ts'

/** What a snapshot asks for a name that is not deployed. */
export type Missing = (role: RoleName, key: string, registry: Registry) => Roles[RoleName] | undefined

interface Built {
  readonly text: string
  readonly instance: Roles[RoleName] | undefined
}

/**
 * Sequences and endpoints kept as local entries or registry resources, made when first used and again when their text
 * has changed (synapse-language B.3); and registry resources as entries.
 */
export function onDemand(env: DecodeEnv, services: Services, log: Log): Missing {
  const built = new Map<string, Built>()
  return (role, key, registry) => {
    if (role === 'local-entry') return mayBeResource(key) ? resourceEntry(key, services) : undefined
    if (role !== 'sequence' && role !== 'endpoint' && role !== 'message-store') return undefined
    const text = role === 'message-store' ? quarantineText(key, services) : textOf(key, registry, services)
    const slot = `${role}:${key}`
    if (text === undefined) {
      built.delete(slot)
      return undefined
    }
    const known = built.get(slot)
    if (known?.text === text) return known.instance
    const instance = build(role, key, text, env, services, log)
    built.set(slot, { text, instance })
    return instance
  }
}

/** What was set aside is in the journal, and looked at like any store. */
function quarantineText(key: string, { journal }: Services): string | undefined {
  return key.endsWith(QUARANTINE_SUFFIX) && journal.queueNames().includes(key) ? JOURNAL_STORE : undefined
}

const JOURNAL_STORE = `<messageStore xmlns="${SYNAPSE_NS}"/>`

/** Every property that is not set is looked for here: only what looks like a path is worth a look at the disk. */
function mayBeResource(key: string): boolean {
  return isResourceKey(key) || key.includes('/')
}

function textOf(key: string, registry: Registry, services: Services): string | undefined {
  const entry = registry.find('local-entry', key)
  if (entry) return entry.text()
  const found = services.resources.read(key)
  return found && Buffer.from(found.bytes).toString('utf8')
}

function resourceEntry(key: string, { resources }: Services): LocalEntry | undefined {
  const found = resources.read(key)
  return found && { key, contentType: found.contentType, text: () => Buffer.from(found.bytes).toString('utf8') }
}

function build(
  role: RoleName,
  key: string,
  text: string,
  env: DecodeEnv,
  services: Services,
  log: Log,
): Roles[RoleName] | undefined {
  const found = decoded(role, key, text, env)
  if (typeof found !== 'string') return buildArtifact(found, services)
  log.error(`the ${role} kept under the key ${key} cannot be used: ${found}`)
  return undefined
}

/** Makes an endpoint from XML while messages flow: what templates are for. Throws what is wrong with it. */
export function endpointMaker(env: DecodeEnv, services: () => Services): Services['makeEndpoint'] {
  return (xml, name) => {
    const found = decoded('endpoint', name, xml, env)
    if (typeof found !== 'string') return buildArtifact(found, services()) as Endpoint
    throw new IntegrationError('NOT_SUPPORTED', `the endpoint ${name} cannot be made from its template: ${found}`)
  }
}

/** The artifact in the text, or what is wrong with it. */
function decoded(role: RoleName, key: string, text: string, env: DecodeEnv): ArtifactNode | string {
  const { artifacts, diagnostics } = decodeFile(named(text, key), key, env)
  const [artifact] = artifacts
  if (artifact?.node && artifact.role === role) return artifact.node
  const problem = [...diagnostics, ...(artifact?.diagnostics ?? [])].find(({ severity }) => severity === 'error')
  return problem ? `${problem.at.line}:${problem.at.column}: ${problem.message}` : `its root is not a ${role}`
}

/** An artifact kept under a key need not have a name of its own. */
function named(text: string, key: string): string {
  try {
    const { root } = parseXml(text)
    if (root.attribute('name') !== undefined) return text
    root.setAttribute('name', key)
    return printXml(root)
  } catch (thrown) {
    if (thrown instanceof XmlError) return text
    throw thrown
  }
}
