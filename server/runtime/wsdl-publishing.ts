/** The WSDL a proxy service publishes: which one, and how it is served. */
import type { Proxy } from '../kernel/contracts.ts'
import { IntegrationError, textOf } from '../kernel/errors.ts'
import {
  address,
  attr,
  children,
  flag,
  inlineXml,
  ref,
  text,
  type ArtifactEnv,
  type ConfigOf,
} from '../schema/index.ts'
import { parseXml } from '../xml/reader.ts'
import type { XmlElement } from '../xml/tree.ts'

export const publishing = {
  uri: attr(address(), { doc: 'Where the WSDL is read from at deploy.' }),
  key: attr(ref('local-entry'), { doc: 'Local entry or registry resource with the WSDL.' }),
  endpoint: attr(ref('endpoint'), { doc: 'Endpoint whose WSDL is published.' }),
  preservePolicy: attr(flag(), { doc: 'Keeps policies of the WSDL.', ignored: 'The WSDL is served as it is.' }),
  resources: children(
    'resource',
    {
      location: attr(text(), { required: true, doc: 'The document as the WSDL calls it.' }),
      key: attr(text(), { required: true, doc: 'Registry resource or file that holds it.' }),
    },
    { doc: 'Where a document is that the WSDL imports.' },
  ),
  wsdl: inlineXml({ doc: 'The WSDL, written in place.' }),
}

/** A WSDL and the documents it takes in. */
interface WsdlDocuments {
  print(addresses: readonly string[], part: string, keepAddresses: boolean): Uint8Array | null
}

export interface WsdlFormats {
  readonly generic: (service: string, addresses: readonly string[]) => string
  /** Rejects if it is none. */
  readonly load: (
    root: XmlElement,
    source: {
      readonly base: string
      readonly resources: ReadonlyMap<string, string>
      read(location: string): Promise<Uint8Array>
    },
  ) => Promise<WsdlDocuments>
}

export interface Publishing {
  readonly publishWSDL: ConfigOf<typeof publishing> | undefined
  readonly safeMode: boolean
  readonly modifyPorts: boolean
}

/** Undefined: it names none. */
export function wsdlSourceOf({ uri, key, endpoint, wsdl }: ConfigOf<typeof publishing>): unknown {
  return uri ?? key ?? endpoint ?? wsdl
}

/** A WSDL named by URI or written in place is read at deploy; one that other artifacts hold, whenever it is asked for. */
export function publisherOf(
  { publishWSDL, safeMode, modifyPorts }: Publishing,
  env: ArtifactEnv,
  formats: WsdlFormats,
): Proxy['wsdl'] {
  const generic = (addresses: readonly string[]): Uint8Array => Buffer.from(formats.generic(env.name, addresses))
  if (!publishWSDL || wsdlSourceOf(publishWSDL) === undefined)
    return (addresses, part = '') => Promise.resolve(part === '' ? generic(addresses) : null)
  const { uri, key, endpoint, wsdl } = publishWSDL
  const { documents, registry } = env.services
  const resources = new Map(publishWSDL.resources.map(({ location, key }) => [location ?? '', key ?? '']))
  const at = (base: string) => ({ base, resources, read: (location: string) => documents.read(location) })
  const load = async (): Promise<WsdlDocuments> => {
    if (wsdl) return formats.load(wsdl, at(''))
    if (key) return formats.load(parseXml(registry().get(key).text()).root, at(key.name))
    const location = uri ?? registry().get(endpoint!).wsdlLocation
    if (location === undefined) {
      throw new IntegrationError('ENTRY_UNKNOWN', `the endpoint ${endpoint!.name} does not say where its WSDL is`)
    }
    return formats.load(parseXml(await documents.read(location)).root, at(location))
  }
  let loaded: WsdlDocuments | undefined
  if (wsdl || uri !== undefined) {
    env.prepare(async () => {
      try {
        loaded = await load()
      } catch (thrown) {
        const why = `the WSDL it publishes cannot be read${uri === undefined ? '' : ` from ${uri}`}: ${textOf(thrown)}`
        if (!safeMode) throw new IntegrationError('NOT_SUPPORTED', why, { cause: thrown })
        env.log.warn(`${why}; a generic one is served (enablePublishWSDLSafeMode)`)
      }
    })
  }
  return async (addresses, part = '') => {
    try {
      return (loaded ?? (await load())).print(addresses, part, !modifyPorts)
    } catch (thrown) {
      env.log.warn(`the WSDL it publishes cannot be read: ${textOf(thrown)}; a generic one is served`)
      return part === '' ? generic(addresses) : null
    }
  }
}
