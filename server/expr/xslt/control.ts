import type { XmlElement } from '../../xml/tree.ts'
import { nodesAt, testAt } from './expressions.ts'
import { faultAt, invalid } from './fault.ts'
import { inside, isYes, required } from './site.ts'
import type { Site } from './site.ts'
import { sorterOf } from './sort.ts'
import { textContent } from './text-content.ts'
import type { Instruction } from './transformation.ts'
import { XSL } from './vocabulary.ts'

export function ifInstruction(element: XmlElement, site: Site, tail: boolean): Instruction {
  const test = testAt(required(element, 'test'), site, 'test')
  const body = site.sheet.body(element.children, site, tail)
  return run => {
    if (test(run)) body(run)
  }
}

export function choose(element: XmlElement, site: Site, tail: boolean): Instruction {
  const branches: { test: ReturnType<typeof testAt>; body: Instruction }[] = []
  let otherwise: Instruction | null = null
  for (const child of element.childElements) {
    const place = inside(site, child)
    if (child.is('when', XSL)) {
      if (otherwise) throw invalid(child, '<xsl:when> stands before <xsl:otherwise>')
      branches.push({
        test: testAt(required(child, 'test'), place, 'test'),
        body: site.sheet.body(child.children, place, tail),
      })
    } else if (child.is('otherwise', XSL)) {
      if (otherwise) throw invalid(child, '<xsl:otherwise> may stand only once')
      otherwise = site.sheet.body(child.children, place, tail)
    } else throw invalid(child, `<${child.name}> cannot stand in <xsl:choose>; it takes xsl:when and xsl:otherwise`)
  }
  if (branches.length === 0) throw invalid(element, '<xsl:choose> needs an <xsl:when>')
  return run => {
    for (const branch of branches) {
      if (branch.test(run)) {
        branch.body(run)
        return
      }
    }
    if (otherwise !== null) otherwise(run)
  }
}

export function forEach(element: XmlElement, site: Site): Instruction {
  const select = nodesAt(required(element, 'select'), site, 'select')
  const sort = sorterOf(
    element.childElements.filter(child => child.is('sort', XSL)),
    site,
  )
  const body = site.sheet.body(element.children, site, false)
  return run => {
    const found = select(run)
    const nodes = sort ? sort(found, run) : found
    const { focus, rule } = run
    const { node, position, size } = focus
    run.rule = null
    focus.size = nodes.length
    for (let index = 0; index < nodes.length; index++) {
      run.budget.work.spend(2)
      focus.node = nodes[index]!
      focus.position = index + 1
      focus.size = nodes.length
      body(run)
    }
    run.rule = rule
    focus.node = node
    focus.position = position
    focus.size = size
  }
}

export function message(element: XmlElement, site: Site): Instruction {
  const text = textContent(element.children, site)
  const terminate = isYes(element, 'terminate')
  return run => {
    const said = text(run)
    run.outside.message?.(said)
    if (terminate) throw faultAt(element, 'TRANSFORM_FAILED', `the stylesheet ended itself: ${said}`)
  }
}
