/** The unit tests people have for Synapse artifacts: `<unit-test>` files, and the mock services they name. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { SourceRef } from '../../kernel/contracts.ts'
import { textOf } from '../../kernel/errors.ts'
import { parseXml } from '../../xml/reader.ts'
import type { XmlDocument, XmlElement } from '../../xml/tree.ts'
import { printXml } from '../../xml/writer.ts'
import { XmlError } from '../../xml/xml-error.ts'

export interface Suite {
  readonly file: string
  /** What is tested: one API, proxy or sequence. */
  readonly artifact: Artifact
  readonly supportive: readonly Artifact[]
  readonly resources: readonly RegistryResource[]
  readonly connectors: readonly string[]
  readonly cases: readonly Case[]
  readonly mocks: readonly Mock[]
}

export interface Artifact {
  /** Name of its root element, and of itself. */
  readonly kind: string
  readonly name: string
  readonly xml: string
  readonly element: XmlElement
}

export interface RegistryResource {
  /** `/_system/governance/x/NAME`. */
  readonly key: string
  readonly bytes: Uint8Array
}

export interface Case {
  readonly name: string
  readonly at: SourceRef
  readonly path: string
  readonly method: string | undefined
  readonly protocol: string
  readonly payload: string | undefined
  readonly properties: readonly { readonly name: string; readonly value: string; readonly scope: string }[]
  readonly assertions: readonly Assertion[]
}

export interface Assertion {
  readonly kind: 'assertEquals' | 'assertNotNull'
  readonly actual: string
  /** Of the element that has it: prefixes mean what they mean there. */
  readonly namespace: (prefix: string) => string | undefined
  readonly expected: string
  readonly message: string
  readonly at: SourceRef
}

export interface Mock {
  /** Name of the endpoint it stands for. */
  readonly service: string
  readonly port: number
  readonly context: string
  readonly resources: readonly MockResource[]
}

export interface MockResource {
  readonly path: string
  readonly method: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly payload: string | undefined
  readonly answer: {
    readonly status: number
    readonly headers: readonly (readonly [name: string, value: string])[]
    readonly payload: string
  }
}

/** What is wrong with a suite as a whole. */
export class SuiteProblem extends Error {
  readonly at: SourceRef

  constructor(at: SourceRef, message: string) {
    super(message)
    this.at = at
  }
}

/** Throws a {@link SuiteProblem} that says where. */
export function readSuite(path: string, cwd: string): Suite {
  const file = relative(cwd, path) || path
  const document = documentOf(path, file)
  const { root } = document
  const place = placeIn(document, file)
  const near = (written: string, element: XmlElement): string => find(path, written, place(element))
  const artifacts = child(root, 'artifacts')
  const tested = artifacts && child(artifacts, 'test-artifact')
  const [first] = tested ? children(tested, 'artifact') : []
  if (!artifacts || !first) throw new SuiteProblem(place(root), 'the suite names no <test-artifact>')
  const artifactOf = (element: XmlElement): Artifact => {
    const inline = element.childElements[0]
    if (inline) return named(inline)
    const found = near(element.text.trim(), element)
    return named(documentOf(found, relative(cwd, found)).root)
  }
  return {
    file,
    artifact: artifactOf(first),
    supportive: all(artifacts, 'supportive-artifacts', 'artifact').map(artifactOf),
    resources: all(artifacts, 'registry-resources', 'registry-resource').map(one => {
      const [name, folder] = [textIn(one, 'file-name'), textIn(one, 'registry-path')]
      const source = child(one, 'artifact') ?? one
      const bytes = source.childElements[0]
        ? Buffer.from(printXml(source.childElements[0]))
        : bytesOf(source, found => near(found, source))
      return { key: `${folder.replace(/\/$/, '')}/${name}`, bytes }
    }),
    connectors: all(artifacts, 'connector-resources', 'connector-resource').map(one => one.text.trim()),
    cases: all(root, 'test-cases', 'test-case').map((one, index) => caseOf(one, index, place)),
    mocks: all(root, 'mock-services', 'mock-service').map(one => {
      if (one.childElements.length > 0) return mockOf(one)
      const found = near(one.text.trim(), one)
      return mockOf(documentOf(found, relative(cwd, found)).root)
    }),
  }
}

function bytesOf(source: XmlElement, near: (written: string) => string): Uint8Array {
  return readFileSync(near(source.text.trim()))
}

type Place = (element: XmlElement) => SourceRef

function placeIn(document: XmlDocument, file: string): Place {
  return element => ({ file, ...document.positionOf(Math.max(0, element.offset)) })
}

function documentOf(path: string, file: string): XmlDocument {
  try {
    return parseXml(readFileSync(path), { file })
  } catch (thrown) {
    if (!(thrown instanceof XmlError)) throw new SuiteProblem({ file, line: 1, column: 1 }, textOf(thrown))
    const { at, message } = thrown.diagnostic(file)
    throw new SuiteProblem(at, message)
  }
}

/** Paths in suites begin at the project, whose folder is somewhere above; tools put its name in front. */
function find(suite: string, written: string, at: SourceRef): string {
  const bare = written.replace(/^\/+/, '')
  const withoutProject = bare.replace(/^[^/]+\//, '')
  for (let folder = dirname(resolve(suite)); ; folder = dirname(folder)) {
    for (const path of [join(folder, bare), join(folder, withoutProject)]) if (existsSync(path)) return path
    if (folder === dirname(folder)) break
  }
  throw new SuiteProblem(at, `there is no ${written}, neither beside the suite nor in a folder above it`)
}

function named(element: XmlElement): Artifact {
  const name = element.attribute('name') ?? element.attribute('key') ?? ''
  return { kind: element.local, name, xml: printXml(element), element }
}

function caseOf(element: XmlElement, index: number, place: Place): Case {
  const input = child(element, 'input')
  const payload = input && child(input, 'payload')
  return {
    name: element.attribute('name') ?? `case ${index + 1}`,
    at: place(element),
    path: input ? textIn(input, 'request-path') : '',
    method: (input && textIn(input, 'request-method').toUpperCase()) || undefined,
    protocol: (input && textIn(input, 'request-protocol').toLowerCase()) || 'http',
    payload: payload && contentOf(payload),
    properties: input
      ? all(input, 'properties', 'property').map(one => ({
          name: one.attribute('name') ?? '',
          value: one.attribute('value') ?? '',
          scope: one.attribute('scope') ?? 'default',
        }))
      : [],
    assertions: (child(element, 'assertions')?.childElements ?? []).map(one => assertionOf(one, place(one))),
  }
}

function assertionOf(element: XmlElement, at: SourceRef): Assertion {
  const kind = element.local
  if (kind !== 'assertEquals' && kind !== 'assertNotNull') {
    throw new SuiteProblem(at, `<${kind}> is no assertion; there are assertEquals and assertNotNull`)
  }
  const actual = child(element, 'actual')
  const expected = child(element, 'expected')
  if (!actual || (kind === 'assertEquals' && !expected)) {
    throw new SuiteProblem(at, `<${kind}> needs <actual>${kind === 'assertEquals' ? ' and <expected>' : ''}`)
  }
  return {
    kind,
    actual: actual.text.trim(),
    namespace: prefix => actual.lookupNamespace(prefix),
    expected: expected ? contentOf(expected) : '',
    message: textIn(element, 'message'),
    at,
  }
}

/** The text, or the XML, that an element holds. */
function contentOf(element: XmlElement): string {
  const [inner] = element.childElements
  return inner ? printXml(inner) : element.text.trim()
}

function mockOf(element: XmlElement): Mock {
  return {
    service: textIn(element, 'service-name'),
    port: Number(textIn(element, 'port')) || 0,
    context: textIn(element, 'context'),
    resources: all(element, 'resources', 'resource').map(resource => {
      const request = child(resource, 'request')
      const response = child(resource, 'response')
      const payload = request && child(request, 'payload')
      return {
        path: textIn(resource, 'sub-context'),
        method: textIn(resource, 'method').toUpperCase() || 'GET',
        headers: request ? headersOf(request) : [],
        payload: payload && (contentOf(payload) || undefined),
        answer: {
          status: Number((response && textIn(response, 'status-code')) || 200),
          headers: response ? headersOf(response) : [],
          payload: response ? contentOf(child(response, 'payload') ?? response) : '',
        },
      }
    }),
  }
}

function headersOf(element: XmlElement): (readonly [string, string])[] {
  return all(element, 'headers', 'header').map(
    one => [one.attribute('name') ?? '', one.attribute('value') ?? ''] as const,
  )
}

function child(element: XmlElement, local: string): XmlElement | undefined {
  return element.childElements.find(one => one.local === local)
}

function children(element: XmlElement, local: string): XmlElement[] {
  return element.childElements.filter(one => one.local === local)
}

function all(element: XmlElement, group: string, local: string): XmlElement[] {
  const found = child(element, group)
  return found ? children(found, local) : []
}

function textIn(element: XmlElement, local: string): string {
  return child(element, local)?.text.trim() ?? ''
}
