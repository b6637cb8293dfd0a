import { parseXml } from '../../xml/reader.ts'
import type { XmlDocument, XmlElement } from '../../xml/tree.ts'
import { XmlError } from '../../xml/xml-error.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { attributeOr, invalid } from './fault.ts'
import { required } from './site.ts'
import type { Resolve } from './transformation.ts'
import { XSL } from './vocabulary.ts'

/** A top-level element with its rank among the modules of the stylesheet (XSLT 1.0 §2.6.2). */
export interface Declaration {
  readonly element: XmlElement
  /** The module it stands in. */
  readonly module: Module
  readonly precedence: number
  /** Least precedence of what its module imports. */
  readonly lowest: number
}

/** One document of a stylesheet. */
export interface Module {
  readonly key: string
  readonly document: XmlDocument
  readonly root: XmlElement
  /** The text is one literal result element (§2.3). */
  readonly simplified: boolean
}

/** A text the stylesheet was made from besides its own: compiled again when it changes. */
export interface Dependency {
  readonly uri: string
  readonly base: string
  readonly text: string
}

export interface Modules {
  readonly main: Module
  /** Least important first. */
  readonly declarations: readonly Declaration[]
  readonly dependencies: readonly Dependency[]
  /** Some expression asks what the processor can do. */
  readonly asksForFeatures: boolean
}

const MOST_MODULES = 200
const ASKS = /\b(?:system-property|element-available|function-available)\s*\(/

/** Reads a stylesheet with everything it imports and includes. */
export function readModules(text: string, key: string, resolve: Resolve): Modules {
  const dependencies: Dependency[] = []
  const declarations: Declaration[] = []
  const open: string[] = []
  let modules = 0
  let precedence = 0

  const load = (element: XmlElement, base: string): Module => {
    const uri = required(element, 'href').trim()
    const found = resolve(uri, base)
    if (!found) {
      throw invalid(
        attributeOr(element, 'href'),
        `"${uri}" finds nothing; stylesheets come from local entries and the registry: add <resource location="${uri}" key="…"/> to the mediator`,
      )
    }
    if (open.includes(found.key)) throw invalid(attributeOr(element, 'href'), `"${found.key}" leads back to itself`)
    if (++modules > MOST_MODULES) throw invalid(element, `more than ${MOST_MODULES} stylesheets are included`)
    dependencies.push({ uri, base, text: found.text })
    return readModule(found.text, found.key)
  }

  /** An included document stands in place of its xsl:include, its imports behind those of the including one. */
  const expand = (module: Module): { imports: [XmlElement, Module][]; own: [XmlElement, Module][] } => {
    if (module.simplified) return { imports: [], own: [[module.root, module]] }
    const imports: [XmlElement, Module][] = []
    const late: [XmlElement, Module][] = []
    const own: [XmlElement, Module][] = []
    open.push(module.key)
    for (const element of module.root.childElements) {
      if (element.is('import', XSL)) {
        if (own.length > 0) throw invalid(element, '<xsl:import> stands before everything else')
        imports.push([element, module])
      } else if (element.is('include', XSL)) {
        const included = expand(load(element, module.key))
        late.push(...included.imports)
        own.push(...included.own)
      } else own.push([element, module])
    }
    open.pop()
    return { imports: [...imports, ...late], own }
  }

  const add = (module: Module): void => {
    const { imports, own } = expand(module)
    const lowest = precedence
    open.push(module.key)
    for (const [element, from] of imports) add(load(element, from.key))
    open.pop()
    const rank = precedence++
    for (const [element, from] of own) declarations.push({ element, module: from, precedence: rank, lowest })
  }

  const main = readModule(text, key)
  add(main)
  const asksForFeatures = [text, ...dependencies.map(one => one.text)].some(one => ASKS.test(one))
  return { main, declarations, dependencies, asksForFeatures }
}

function readModule(text: string, key: string): Module {
  let document: XmlDocument
  try {
    document = parseXml(text, { file: key })
  } catch (thrown) {
    if (!(thrown instanceof XmlError)) throw thrown
    throw new IntegrationError(
      'STYLESHEET_INVALID',
      `${key}:${thrown.line}:${thrown.column}: the stylesheet is not well-formed XML: ${thrown.reason}`,
      { cause: thrown },
    )
  }
  const { root } = document
  if (root.is('stylesheet', XSL) || root.is('transform', XSL)) {
    versionOf(root, root.attribute('version'))
    return { key, document, root, simplified: false }
  }
  if (root.attribute('version', XSL) === undefined) {
    const hint = root.local === 'stylesheet' ? `; its namespace must be ${XSL}` : ''
    throw invalid(root, `<${root.name}> is neither <xsl:stylesheet> nor an element with xsl:version${hint}`)
  }
  versionOf(root, root.attribute('version', XSL))
  return { key, document, root, simplified: true }
}

/** The version as a number. */
export function versionOf(element: XmlElement, given: string | undefined): number {
  if (given === undefined) throw invalid(element, `<${element.name}> needs the attribute version`)
  const version = Number(given)
  if (Number.isNaN(version)) throw invalid(attributeOr(element, 'version'), `version="${given}" is not a number`)
  return version
}
