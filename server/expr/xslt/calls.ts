import type { XmlElement } from '../../xml/tree.ts'
import { stringOf } from '../xpath/values.ts'
import type { XPathNode } from '../xpath/values.ts'
import { nodesAt } from './expressions.ts'
import { attributeOr, faultAt, invalid, needsLaterVersion } from './fault.ts'
import type { Mode } from './rules.ts'
import { expandName, requiredName } from './site.ts'
import type { Site } from './site.ts'
import { sorterOf } from './sort.ts'
import type { Instruction, Parameters, Transformation } from './transformation.ts'
import { parametersOf } from './variables.ts'
import { XSL } from './vocabulary.ts'

export function applyTemplates(element: XmlElement, site: Site): Instruction {
  const mode = site.sheet.mode(modeName(element))
  const select = nodesAt(element.attribute('select') ?? 'node()', site, 'select')
  const params = parametersOf(element, site)
  const sort = sorterOf(
    element.childElements.filter(child => child.is('sort', XSL)),
    site,
  )
  const wrong = element.children.find(
    child => child.kind === 'element' && !child.is('sort', XSL) && !child.is('with-param', XSL),
  )
  if (wrong) throw invalid(wrong, '<xsl:apply-templates> takes only xsl:sort and xsl:with-param')
  return run => {
    const found = select(run)
    if (found.length === 0) return
    const nodes = sort ? sort(found, run) : found
    applyAll(nodes, mode, params ? params(run) : null, run)
  }
}

/** The mode a `mode` attribute names; later versions have words there that mean several. */
export function modeName(element: XmlElement): string {
  const given = element.attribute('mode')
  if (given === undefined) return ''
  if (/^\s*#|\S\s+\S/.test(given)) throw needsLaterVersion(attributeOr(element, 'mode'), `mode="${given}"`)
  return expandName(element, given, 'mode')
}

/** Runs for each node the rule that fits it, with the nodes as current node list. */
export function applyAll(
  nodes: readonly XPathNode[],
  mode: Mode,
  params: Parameters | null,
  run: Transformation,
): void {
  const { focus, rule, mode: outer } = run
  const { node, position, size } = focus
  run.mode = mode.name
  for (let index = 0; index < nodes.length; index++) {
    focus.node = nodes[index]!
    focus.position = index + 1
    focus.size = nodes.length
    apply(mode, params, run)
  }
  run.rule = rule
  run.mode = outer
  focus.node = node
  focus.position = position
  focus.size = size
}

function apply(mode: Mode, params: Parameters | null, run: Transformation): void {
  const found = mode.find(run.node, run)
  if (found === undefined) {
    builtIn(mode, run)
    return
  }
  run.rule = found
  run.invoke(found.template, params)
}

/** The rules every stylesheet has (XSLT 1.0 §5.8): go on inside, or copy text. */
function builtIn(mode: Mode, run: Transformation): void {
  const { node } = run
  switch (node.kind) {
    case 'element':
    case 'document':
      run.budget.work.spend(node.children.length)
      run.nested(() => applyAll(childNodes(node.children), mode, null, run))
      return
    case 'text':
    case 'attribute':
      run.out.text(stringOf(node, run.budget.work))
  }
}

/** Of texts next to one another only the first is a node. */
function childNodes(children: readonly XPathNode[]): readonly XPathNode[] {
  for (let index = 1; index < children.length; index++) {
    if (children[index]!.kind === 'text' && children[index - 1]!.kind === 'text')
      return children.filter((child, place) => child.kind !== 'text' || children[place - 1]?.kind !== 'text')
  }
  return children
}

export function applyImports(element: XmlElement, site: Site): Instruction {
  // What mode is in force is known only when it runs.
  const { sheet } = site
  return run => {
    const { rule, node } = run
    if (rule === null)
      throw faultAt(
        element,
        'TRANSFORM_FAILED',
        '<xsl:apply-imports> needs a current rule; inside xsl:for-each there is none',
      )
    const mode = sheet.mode(run.mode)
    const found = mode.findImported(node, rule, run)
    if (found === undefined) {
      builtIn(mode, run)
      return
    }
    run.rule = found
    run.invoke(found.template, null)
    run.rule = rule
  }
}

export function callTemplate(element: XmlElement, site: Site, tail: boolean): Instruction {
  const name = requiredName(element, 'name')
  const template = site.sheet.named(name)
  if (!template) throw invalid(attributeOr(element, 'name'), `there is no template with the name ${name}`)
  const params = parametersOf(element, site)
  if (tail) {
    return run => {
      run.tail = { template, params: params ? params(run) : null }
    }
  }
  return run => run.invoke(template, params ? params(run) : null)
}
