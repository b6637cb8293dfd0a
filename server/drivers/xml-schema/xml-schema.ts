import type * as libxml2 from 'libxml2-wasm'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import { optionalPackage } from '../../kernel/optional-package.ts'

type Library = typeof libxml2

/** Compiled schemas are memory that the garbage collector does not see: dispose of what is not used any more. */
export interface XmlSchema extends Disposable {
  /** What is wrong with a document, in the order found; empty for a valid one. */
  problemsOf(xml: string): readonly string[]
}

export interface SchemaSource {
  /** How users know it, for messages. */
  readonly key: string
  readonly text: string
  readonly targetNamespace: string
}

let loading: Promise<{ library: Library; files: libxml2.XmlBufferInputProvider }> | undefined

/** The library, loaded on first use, and the only files that schemas it reads can include. */
function library(): NonNullable<typeof loading> {
  loading ??= optionalPackage('libxml2-wasm', 'validation against an XML schema', () => import('libxml2-wasm')).then(
    loaded => {
      const files = new loaded.XmlBufferInputProvider({})
      loaded.xmlRegisterInputProvider(files)
      return { library: loaded, files }
    },
    (thrown: unknown) => {
      // Somebody may install it while the server runs.
      loading = undefined
      throw thrown
    },
  )
  return loading
}

/**
 * Compiles schemas into one. `resources` are the documents they include or import, by the location written there;
 * nothing else can be read, neither files nor the network.
 */
export async function compileXmlSchema(
  sources: readonly SchemaSource[],
  resources: ReadonlyMap<string, string>,
): Promise<XmlSchema> {
  const { library: xml, files } = await library()
  const given = new Map(resources)
  for (const [index, { text }] of sources.entries()) given.set(locationOf(index), text)
  const root = sources.length === 1 ? sources[0]!.text : combined(sources, given)
  for (const [location, text] of given) files.addBuffer(location, Buffer.from(text, 'utf8'))
  try {
    return compiled(xml, root)
  } catch (cause) {
    const keys = sources.map(({ key }) => key).join(', ')
    throw new IntegrationError('MEDIATION_FAILED', `the XML schema ${keys} cannot be used: ${textOf(cause).trim()}`, {
      cause,
    })
  } finally {
    for (const location of given.keys()) files.removeBuffer(location)
  }
}

function compiled(xml: Library, schema: string): XmlSchema {
  const document = xml.XmlDocument.fromString(schema)
  let validator: libxml2.XsdValidator
  try {
    validator = xml.XsdValidator.fromDoc(document)
  } finally {
    document.dispose()
  }
  return {
    problemsOf(text) {
      const instance = xml.XmlDocument.fromString(text)
      try {
        validator.validate(instance)
        return []
      } catch (thrown) {
        if (!(thrown instanceof xml.XmlValidateError)) throw thrown
        return thrown.details.map(({ message }) => message.trim())
      } finally {
        instance.dispose()
      }
    },
    [Symbol.dispose]: () => validator.dispose(),
  }
}

const XS = 'http://www.w3.org/2001/XMLSchema'

function locationOf(index: number): string {
  return `holdfast-${index}.xsd`
}

/**
 * A schema that imports all of them. The library takes one import a namespace, so that schemas of the same one are
 * included by a document made for it.
 */
function combined(sources: readonly SchemaSource[], given: Map<string, string>): string {
  const byNamespace = new Map<string, number[]>()
  for (const [index, { targetNamespace }] of sources.entries())
    byNamespace.set(targetNamespace, [...(byNamespace.get(targetNamespace) ?? []), index])
  let imports = ''
  for (const [namespace, indexes] of byNamespace) {
    const of = namespace === '' ? '' : ` namespace="${escaped(namespace)}"`
    let location = locationOf(indexes[0]!)
    if (indexes.length > 1) {
      location = `holdfast-of-${indexes[0]!}.xsd`
      const target = namespace === '' ? '' : ` targetNamespace="${escaped(namespace)}"`
      const includes = indexes.map(index => `<xs:include schemaLocation="${locationOf(index)}"/>`).join('')
      given.set(location, `<xs:schema xmlns:xs="${XS}"${target}>${includes}</xs:schema>`)
    }
    imports += `<xs:import${of} schemaLocation="${location}"/>`
  }
  return `<xs:schema xmlns:xs="${XS}" targetNamespace="urn:holdfast:all">${imports}</xs:schema>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
