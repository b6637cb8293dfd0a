import type { LocalEntry, Log, Registry, RoleName, Roles } from '../kernel/contracts.ts'
import { decodeFile } from '../schema/decode.ts'
import type { DecodeEnv } from '../schema/element-site.ts'
import type { Services } from '../schema/services.ts'
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
    if (role === 'local-entry') return isResourceKey(key) ? resourceEntry(key, services) : undefined
    if (role !== 'sequence' && role !== 'endpoint') return undefined
    const text = textOf(key, registry, services)
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
  const { artifacts, diagnostics } = decodeFile(named(text, key), key, env)
  const [artifact] = artifacts
  if (artifact?.node && artifact.role === role) return buildArtifact(artifact.node, services)
  const [problem] = [...diagnostics, ...(artifact?.diagnostics ?? [])]
  const what = problem ? `${problem.at.line}:${problem.at.column}: ${problem.message}` : `its root is not a ${role}`
  log.error(`the ${role} kept under the key ${key} cannot be used: ${what}`)
  return undefined
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
