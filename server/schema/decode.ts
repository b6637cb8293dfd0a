import { createHash } from 'node:crypto'
import type { Diagnostic, Ref, RoleName, SourceRef } from '../kernel/contracts.ts'
import { parseXml } from '../xml/reader.ts'
import type { XmlDocument, XmlElement } from '../xml/tree.ts'
import { printXml } from '../xml/writer.ts'
import { XmlError } from '../xml/xml-error.ts'
import { compileTracked } from './namespaces.ts'
import { attributeOf, ElementSite, isSynapse, type DecodeEnv, type Decoding } from './element-site.ts'
import { decodeArtifact, type ArtifactNode } from './structure.ts'

/** One artifact as found in a file: decoded as far as possible, with everything that is wrong with it. */
export interface DecodedArtifact {
  /** Undefined when there are errors: a faulty artifact never runs. */
  readonly node: ArtifactNode | undefined
  readonly role: RoleName | undefined
  /** As far as it can be told. */
  readonly name: string
  readonly at: SourceRef
  /** Of the element as written and the prefixes it uses: the same digest means the same artifact. */
  readonly digest: string
  readonly refs: readonly Ref[]
  readonly diagnostics: readonly Diagnostic[]
  readonly element: XmlElement
}

export interface DecodedFile {
  readonly file: string
  /** It is a folder that could not be listed, and stands for every file in it. */
  readonly isFolder?: boolean
  readonly artifacts: readonly DecodedArtifact[]
  /** Where a `<registry>` in it finds keys without prefix: a `file:` key. */
  readonly registryRoot?: string
  /** What is wrong with the file as a whole: not XML, not an artifact. */
  readonly diagnostics: readonly Diagnostic[]
}

/** Decodes a file holding one artifact, or a whole configuration (`definitions`). Never throws on user input. */
export function decodeFile(source: Uint8Array | string, file: string, env: DecodeEnv): DecodedFile {
  let document: XmlDocument
  try {
    document = parseXml(source, { file })
  } catch (thrown) {
    if (!(thrown instanceof XmlError)) throw thrown
    return { file, artifacts: [], diagnostics: [thrown.diagnostic(file)] }
  }
  const { root } = document
  // The Synapse layout has `registry.xml` and `task-manager.xml` beside its folders of artifacts.
  const elements = root.local === 'definitions' && isSynapse(root) ? root.childElements : [root]
  const artifacts: DecodedArtifact[] = []
  const diagnostics: Diagnostic[] = []
  const registryRoot = elements.map(rootOfRegistry).find(found => found !== undefined)
  for (const element of elements) {
    if (rootOfRegistry(element) !== undefined) continue
    const why = isSynapse(element) ? OF_THE_ENGINE.get(element.local) : undefined
    if (why === undefined) artifacts.push(decodeOne(element, document, file, env))
    else if (why !== '') {
      diagnostics.push({
        code: 'no-effect',
        severity: 'hint',
        message: `<${element.local}> has no effect`,
        at: { file, ...document.positionOf(element.offset) },
        hint: why,
      })
    }
  }
  return { file, artifacts, diagnostics, ...(registryRoot !== undefined && { registryRoot }) }
}

/** A registry of files has a folder of its own; every other one is the folder of the home (synapse-language G.3). */
function rootOfRegistry(element: XmlElement): string | undefined {
  if (element.local !== 'registry' || !isSynapse(element)) return undefined
  if (!/\bSimpleURLRegistry$/.test(element.attribute('provider') ?? '')) return undefined
  const root = element.childElements.find(child => child.local === 'parameter' && child.attribute('name') === 'root')
  const folder = root?.text.trim()
  return folder?.startsWith('file:') ? folder : undefined
}

/** Parts of a configuration that describe the Java engine, not a flow, and what to tell somebody who has them. */
const OF_THE_ENGINE: ReadonlyMap<string, string> = new Map([
  ['registry', 'The registry is the folder HOME/registry.'],
  ['import', 'Connectors are Java and do not run here; where an operation of one is used it is said what is missing.'],
  ['priorityExecutor', 'Sequences that are enqueued run by their priority, 20 at once for each executor.'],
  ['taskManager', 'Nothing has to be configured here for tasks.'],
  ['description', ''],
])

function decodeOne(element: XmlElement, document: XmlDocument, file: string, env: DecodeEnv): DecodedArtifact {
  const diagnostics: Diagnostic[] = []
  const refs: Ref[] = []
  const at = (offset: number): SourceRef => ({ file, ...document.positionOf(Math.max(0, offset)) })
  const decoding: Decoding = {
    env: {
      ...env,
      compile: (source, namespace, where) =>
        compileTracked(source, namespace, (text, resolve) => env.compile(text, resolve, where)),
    },
    diagnostics,
    refs,
    at,
    offsetIn: (attribute, index) => document.offsetIn(attribute, index),
  }
  const node = decodeArtifact(new ElementSite(element, decoding), element)
  const faulty = diagnostics.some(diagnostic => diagnostic.severity === 'error')
  return {
    node: faulty ? undefined : node,
    role: env.catalog.artifact(element.local)?.role as RoleName | undefined,
    name: node?.name ?? attributeOf(element, 'name')?.value ?? attributeOf(element, 'key')?.value ?? '',
    at: at(element.offset),
    digest: digestOf(element),
    refs,
    diagnostics,
    element,
  }
}

/** Prefixes declared further out belong to it where they are used, in expressions, too. */
function digestOf(element: XmlElement): string {
  const written = printXml(element)
  const digest = createHash('sha256').update(written)
  for (let at = element.parent; at?.kind === 'element'; at = at.parent) {
    for (const { prefix, uri } of at.declarations) {
      if (prefix !== '' && written.includes(`${prefix}:`)) digest.update(`\n${prefix}=${uri}`)
    }
  }
  return digest.digest('hex')
}
