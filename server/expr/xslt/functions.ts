import type { StaticType } from '../xpath/focus.ts'
import { coreFunctions } from '../xpath/core-functions.ts'
import { stringOf, toNumber, toText } from '../xpath/values.ts'
import type { XPathNode, XPathValue } from '../xpath/values.ts'
import type { Work } from '../xpath/work.ts'
import type { XPathFunction } from '../xpath/xpath.ts'
import { loadDocument } from './documents.ts'
import { faultAt } from './fault.ts'
import { formatNumber } from './format-number.ts'
import { keyedNodes } from './keys.ts'
import { expanded, splitName } from './site.ts'
import type { Site } from './site.ts'
import type { Transformation } from './transformation.ts'
import { INSTRUCTIONS, NODE_SET_NAMESPACES, XSL } from './vocabulary.ts'

type Function = XPathFunction<Transformation>

interface Call {
  readonly run: Transformation
  readonly args: readonly XPathValue[]
  readonly work: Work
  readonly node: XPathNode
}

const XPATH_FUNCTIONS = 'http://www.w3.org/2005/xpath-functions'

/** The functions XSLT adds to XPath (XSLT 1.0 §12), and node-set(). */
export function xsltFunction(uri: string, local: string, site: Site): Function | 'core' | undefined {
  if (uri === XPATH_FUNCTIONS) return 'core'
  if (NODE_SET_NAMESPACES.has(uri) && (local === 'node-set' || local === 'nodeset')) return NODE_SET
  if (uri !== '') return undefined
  return makers.get(local)?.(site)
}

function of(
  min: number,
  max: number,
  returns: StaticType,
  call: (call: Call) => XPathValue,
  more: { onContext?: true } = {},
): Function {
  return {
    min,
    max,
    returns,
    ...more,
    bind: () => ({
      needsBody: true,
      call: (run, args, work, node) => call({ run, args, work, node: node ?? run.node }),
    }),
  }
}

/** A tree made by a template is a node-set here anyway; a text becomes nothing that has nodes. */
const NODE_SET = of(1, 1, 'nodes', ({ args }) => (Array.isArray(args[0]) ? args[0] : []))

const makers: ReadonlyMap<string, (site: Site) => Function> = new Map<string, (site: Site) => Function>([
  ['current', () => of(0, 0, 'nodes', ({ run }) => [run.node], { onContext: true })],
  ['key', keyFunction],
  ['document', documentFunction],
  ['format-number', formatNumberFunction],
  ['generate-id', () => of(0, 1, 'string', generateId, { onContext: true })],
  ['system-property', systemProperty],
  ['element-available', elementAvailable],
  ['function-available', functionAvailable],
  // No DTD is ever read, so that there are no unparsed entities.
  ['unparsed-entity-uri', () => of(1, 1, 'string', () => '')],
])

/** The expanded form of a name that a function is given as a text. */
function nameFrom(text: string, site: Site, useDefault = false): { uri: string; local: string } {
  const name = splitName(text.trim())
  const uri =
    name &&
    (name.prefix === ''
      ? useDefault
        ? (site.element.lookupNamespace('') ?? '')
        : ''
      : site.element.lookupNamespace(name.prefix))
  if (!name || uri === undefined) {
    throw faultAt(site.element, 'TRANSFORM_FAILED', `"${text}" is not a name whose prefix is declared here`)
  }
  return { uri, local: name.local }
}

function keyFunction(site: Site): Function {
  return of(
    2,
    2,
    'nodes',
    ({ run, args: [name, value], work, node }) => {
      const { uri, local } = nameFrom(toText(name!, work), site)
      const definitions = site.sheet.key(expanded(uri, local))
      if (!definitions) {
        throw faultAt(site.element, 'TRANSFORM_FAILED', `there is no <xsl:key name="${toText(name!, work)}">`)
      }
      return keyedNodes(run, definitions, value!, node)
    },
    { onContext: true },
  )
}

function documentFunction(site: Site): Function {
  return of(1, 2, 'nodes', ({ run, args: [what, near], work }) => {
    const [nearNode] = Array.isArray(near) ? near : []
    const load = (uri: string, node: XPathNode | undefined): XPathNode => loadDocument(run, uri, node, site)
    if (!Array.isArray(what)) return [load(toText(what!, work), nearNode)]
    const found = new Set(what.map(node => load(stringOf(node, work), nearNode ?? node)))
    return [...found]
  })
}

function formatNumberFunction(site: Site): Function {
  return of(2, 3, 'string', ({ args: [value, pattern, format], work }) => {
    let name = ''
    if (format !== undefined) {
      const { uri, local } = nameFrom(toText(format, work), site)
      name = expanded(uri, local)
    }
    const symbols = site.sheet.decimalFormat(name)
    if (!symbols)
      throw faultAt(
        site.element,
        'TRANSFORM_FAILED',
        `there is no <xsl:decimal-format name="${toText(format!, work)}">`,
      )
    const text = toText(pattern!, work)
    const formatted = formatNumber(toNumber(value!, work), text, symbols)
    if (formatted === undefined) {
      throw faultAt(
        site.element,
        'TRANSFORM_FAILED',
        `"${text}" is not a pattern for format-number(), such as #,##0.00`,
      )
    }
    return formatted
  })
}

const IDS = {}

function generateId({ run, args, node }: Call): string {
  const first = args.length === 0 ? node : (args[0] as XPathNode[])[0]
  if (first === undefined) return ''
  const ids = run.remembered(IDS, () => new Map<XPathNode, string>())
  // Namespace nodes are made anew by each look.
  const owner = first.kind === 'namespace' ? first.parent : first
  let id = ids.get(owner)
  if (id === undefined) ids.set(owner, (id = `N${ids.size + 1}`))
  return first.kind === 'namespace' ? `${id}.${first.prefix}` : id
}

function systemProperty(site: Site): Function {
  return of(1, 1, 'any', ({ args, work }) => {
    const { uri, local } = nameFrom(toText(args[0]!, work), site)
    if (uri !== XSL) return ''
    if (local === 'version') return 1
    return local === 'vendor' ? 'Holdfast' : ''
  })
}

function elementAvailable(site: Site): Function {
  return of(1, 1, 'boolean', ({ args, work }) => {
    const { uri, local } = nameFrom(toText(args[0]!, work), site, true)
    return uri === XSL && INSTRUCTIONS.has(local)
  })
}

function functionAvailable(site: Site): Function {
  return of(1, 1, 'boolean', ({ args, work }) => {
    const { uri, local } = nameFrom(toText(args[0]!, work), site)
    const found = xsltFunction(uri, local, site)
    if (found === undefined) return uri === '' && coreFunctions.has(local)
    return found !== 'core' || coreFunctions.has(local)
  })
}
