import { fromBuffer, type Entry, type ZipFile } from 'yauzl'
import type { Diagnostic } from '../kernel/contracts.ts'
import { textOf } from '../kernel/errors.ts'
import { toObject } from '../xml/mapping.ts'
import { contentTypeOf, type Resource } from './resources.ts'

/** What a carbon application holds for us (synapse-language B.4). */
export interface CarContents {
  /** Artifact files by their path inside the archive. */
  readonly artifacts: readonly { readonly path: string; readonly bytes: Uint8Array }[]
  /** Registry resources by their full key, such as `/_system/governance/xslt/t.xslt`. */
  readonly resources: ReadonlyMap<string, Resource>
  readonly diagnostics: readonly Diagnostic[]
}

/** Inflated; more is no application but an attack or a mistake. */
const LARGEST = 256 * 1024 * 1024

/** The parts of an archive, or what is wrong with it as an error diagnostic: then nothing of it is used. */
export async function readCar(archive: Uint8Array, shown: string): Promise<CarContents> {
  const diagnostics: Diagnostic[] = []
  const say = (severity: Diagnostic['severity'], code: string, message: string, path = '', hint?: string): void => {
    const file = path === '' ? shown : `${shown}/${path}`
    diagnostics.push({ code, severity, message, at: { file, line: 1, column: 1 }, ...(hint !== undefined && { hint }) })
  }
  const artifacts: CarContents['artifacts'][number][] = []
  const resources = new Map<string, Resource>()
  try {
    const files = await unzip(archive)
    const members = membersOf(files)
    for (const dependency of dependenciesOf(files)) {
      const member = members.get(`${dependency.name}:${dependency.version}`)
      if (!member) {
        const hint = 'Build the archive again; nothing of it is deployed.'
        say(
          'error',
          'car-incomplete',
          `Some dependencies were not satisfied in cApp: ${dependency.name} ${dependency.version}`,
          'artifacts.xml',
          hint,
        )
      } else if (member.type === 'registry/resource') {
        for (const [key, resource] of resourcesOf(member, files)) resources.set(key, resource)
      } else if (member.type.startsWith('synapse/') && !SKIPPED.has(member.type)) {
        for (const file of member.files)
          artifacts.push({ path: `${member.folder}/${file}`, bytes: required(files, `${member.folder}/${file}`) })
      } else {
        say(
          'hint',
          'no-effect',
          `${member.name} of type ${member.type} is skipped`,
          `${member.folder}/artifact.xml`,
          'Only Synapse artifacts and registry resources are used.',
        )
      }
    }
  } catch (thrown) {
    say(
      'error',
      'car-unreadable',
      `the archive cannot be used: ${textOf(thrown)}`,
      '',
      'Build it again; nothing of it is deployed.',
    )
  }
  return { artifacts, resources, diagnostics }
}

/** Parts for the Java engine: libraries and what describes services to its tools. */
const SKIPPED = new Set(['synapse/lib', 'synapse/metadata'])

interface Member {
  readonly name: string
  readonly type: string
  readonly folder: string
  readonly files: readonly string[]
}

type Files = ReadonlyMap<string, Buffer>
type Mapped = Readonly<Record<string, unknown>>

/** Every `FOLDER/artifact.xml`, by name and version. */
function membersOf(files: Files): Map<string, Member> {
  const members = new Map<string, Member>()
  for (const [path, bytes] of files) {
    const [, folder] = /^([^/]+)\/artifact\.xml$/.exec(path) ?? []
    if (folder === undefined) continue
    const [artifact] = elements(toObject(bytes), 'artifact')
    if (!artifact) continue
    const name = attribute(artifact, 'name')
    members.set(`${name}:${attribute(artifact, 'version')}`, {
      name,
      type: attribute(artifact, 'type'),
      folder,
      files: texts(artifact, 'file'),
    })
  }
  return members
}

function dependenciesOf(files: Files): { name: string; version: string }[] {
  const [artifacts] = elements(toObject(required(files, 'artifacts.xml')), 'artifacts')
  const [application] = artifacts ? elements(artifacts, 'artifact') : []
  if (!application) throw new TypeError('artifacts.xml names no application')
  return elements(application, 'dependency').map(one => ({
    name: attribute(one, 'artifact'),
    version: attribute(one, 'version'),
  }))
}

function* resourcesOf(member: Member, files: Files): Iterable<[key: string, resource: Resource]> {
  for (const file of member.files) {
    const [list] = elements(toObject(required(files, `${member.folder}/${file}`)), 'resources')
    for (const item of list ? elements(list, 'item') : []) {
      const [name = ''] = texts(item, 'file')
      const [path = ''] = texts(item, 'path')
      const [mediaType] = texts(item, 'mediaType')
      const bytes = required(files, `${member.folder}/resources/${name}`)
      const properties = new Map(
        elements(item, 'properties').flatMap(all =>
          elements(all, 'property').map(one => [attribute(one, 'key'), attribute(one, 'value')] as const),
        ),
      )
      yield [
        `${path.replace(/\/$/, '')}/${name}`,
        { contentType: mediaType ?? contentTypeOf(name), bytes, ...(properties.size > 0 && { properties }) },
      ]
    }
  }
}

function required(files: Files, path: string): Buffer {
  const found = files.get(path)
  if (!found) throw new TypeError(`${path} is missing`)
  return found
}

function elements(parent: Mapped, name: string): Mapped[] {
  const found = parent[name]
  return Array.isArray(found) ? found.filter((one): one is Mapped => typeof one === 'object' && one !== null) : []
}

function texts(parent: Mapped, name: string): string[] {
  const found = parent[name]
  return Array.isArray(found) ? found.filter((one): one is string => typeof one === 'string') : []
}

function attribute(element: Mapped, name: string): string {
  const found = element[`@${name}`]
  return typeof found === 'string' ? found : ''
}

/** Every file of the archive. Names that lead out of it are refused by yauzl. */
async function unzip(archive: Uint8Array): Promise<Files> {
  const zip = await new Promise<ZipFile>((resolve, reject) => {
    fromBuffer(
      Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength),
      { lazyEntries: true },
      (error, opened) => (error ? reject(error) : resolve(opened)),
    )
  })
  const files = new Map<string, Buffer>()
  let size = 0
  await new Promise<void>((resolve, reject) => {
    zip.on('error', reject)
    zip.on('end', () => resolve())
    zip.on('entry', (entry: Entry) => {
      if (entry.fileName.endsWith('/')) return zip.readEntry()
      zip.openReadStream(entry, (error, stream) => {
        if (error) return reject(error)
        const chunks: Buffer[] = []
        stream.on('error', reject)
        stream.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > LARGEST) stream.destroy(new RangeError(`its content is larger than ${LARGEST} bytes`))
          else chunks.push(chunk)
        })
        stream.on('end', () => {
          files.set(entry.fileName, Buffer.concat(chunks))
          zip.readEntry()
        })
      })
    })
    zip.readEntry()
  })
  return files
}
