import type { IntegrationError } from '../../kernel/errors.ts'
import type { XmlElement } from '../../xml/tree.ts'
import { XPathSyntaxError } from '../xpath/ast.ts'
import { Compiler } from '../xpath/compile.ts'
import { booleanOf, numberOf, textOf } from '../xpath/core-functions.ts'
import type { Part } from '../xpath/focus.ts'
import { parseXPath } from '../xpath/parser.ts'
import type { XPathNode, XPathValue } from '../xpath/values.ts'
import type { XPathFunction, XPathLibrary } from '../xpath/xpath.ts'
import { attributeOr, faultAt, needsLaterVersion } from './fault.ts'
import { xsltFunction } from './functions.ts'
import { expanded, findVariable } from './site.ts'
import type { Site } from './site.ts'
import type { Transformation } from './transformation.ts'

type Library = XPathLibrary<Transformation>

/** What expressions of a stylesheet may name. */
export function libraryAt(site: Site, variables = true): Library {
  const { element, sheet } = site
  return {
    namespace: prefix => (prefix === '' ? undefined : element.lookupNamespace(prefix)),
    variableHint: 'Declare it with xsl:variable or xsl:param before it is used.',
    variable(prefix, local) {
      const uri = prefix === '' ? '' : element.lookupNamespace(prefix)
      if (!variables || uri === undefined) return undefined
      const name = expanded(uri, local)
      const slot = findVariable(site.variables, name)
      if (slot !== undefined) return { needsBody: true, read: run => run.frame[slot]! }
      const global = sheet.global(name)
      return global && { needsBody: true, read: run => run.global(global) }
    },
    function(prefix, local) {
      const uri = prefix === '' ? '' : element.lookupNamespace(prefix)
      return (uri === undefined ? undefined : xsltFunction(uri, local, site)) ?? (prefix === '' ? 'core' : undefined)
    },
  }
}

/** Functions that are not there may stand where they are never called. */
function tolerant(library: Library, site: Site): Library {
  if (!site.sheet.asksForFeatures) return library
  return {
    ...library,
    function(prefix, local) {
      const found = library.function!(prefix, local)
      if (found !== undefined && found !== 'core') return found
      if (prefix === '' && !site.forward) return found
      return found ?? missingFunction(prefix === '' ? local : `${prefix}:${local}`, site.element)
    },
  }
}

function missingFunction(name: string, element: XmlElement): XPathFunction<Transformation> {
  return {
    min: 0,
    max: Number.POSITIVE_INFINITY,
    returns: 'any',
    bind: () => ({
      needsBody: true,
      call() {
        throw faultAt(element, 'NOT_SUPPORTED', `the function ${name}() does not exist here`)
      },
    }),
  }
}

/** An expression in an attribute, compiled; `null` if the fault is to come when it is reached. */
export function partOf(source: string, site: Site, attribute: string, variables = true): Part {
  return compilePart(source, site, attribute, compiler => compiler.compile(parseXPath(source)), variables)
}

/** Compiles something made of XPath, with the place in the stylesheet for what is wrong with it. */
export function compilePart(
  source: string,
  site: Site,
  attribute: string,
  compile: (compiler: Compiler<Transformation>) => Part,
  variables = true,
): Part {
  try {
    return compile(new Compiler(tolerant(libraryAt(site, variables), site)))
  } catch (thrown) {
    if (!(thrown instanceof XPathSyntaxError)) throw thrown
    const fault = explained(thrown, source, site, attribute)
    if (!site.forward || !site.sheet.asksForFeatures) throw fault
    return {
      type: 'any',
      needsBody: true,
      usesNode: true,
      positional: false,
      run() {
        throw fault
      },
    }
  }
}

export function explained(error: XPathSyntaxError, source: string, site: Site, attribute: string): IntegrationError {
  const where = attributeOr(site.element, attribute)
  const unknown = /^(?:the function ([^ ]+)\(\) is not known|.* is expected where)/.exec(error.message)
  if (unknown && site.later) {
    const what =
      unknown[1] === undefined ? `"${source.trim()}" is not an expression of XPath 1.0; it` : `${unknown[1]}()`
    return needsLaterVersion(where, what)
  }
  if (unknown?.[1]?.includes(':')) {
    return faultAt(
      where,
      'NOT_SUPPORTED',
      `the extension function ${unknown[1]}() does not exist here; of extensions only node-set() of EXSLT is known, and none written in Java`,
    )
  }
  const hint = error.hint === undefined || unknown?.[1] !== undefined ? '' : ` ${error.hint}`
  return faultAt(
    where,
    'STYLESHEET_INVALID',
    `${error.message} (at character ${error.offset + 1} of "${source.trim()}").${hint}`,
    error,
  )
}

// ── evaluation: every closure notes what it evaluates first, so that a fault can name the line ────────────────────

export function valueOf(source: string, site: Site, attribute: string): (run: Transformation) => XPathValue {
  const { element } = site
  const part = partOf(source, site, attribute)
  return run => {
    run.at = element
    return part.run(run.focus)
  }
}

export function textAt(source: string, site: Site, attribute: string): (run: Transformation) => string {
  const { element } = site
  const text = textOf(partOf(source, site, attribute))
  return run => {
    run.at = element
    return text(run.focus)
  }
}

export function numberAt(source: string, site: Site, attribute: string): (run: Transformation) => number {
  const { element } = site
  const number = numberOf(partOf(source, site, attribute))
  return run => {
    run.at = element
    return number(run.focus)
  }
}

export function testAt(source: string, site: Site, attribute: string): (run: Transformation) => boolean {
  const { element } = site
  const test = booleanOf(partOf(source, site, attribute))
  return run => {
    run.at = element
    return test(run.focus)
  }
}

/** Nodes to go through. Anything else is a fault: a loop over a text is a mistake. */
export function nodesAt(source: string, site: Site, attribute: string): (run: Transformation) => readonly XPathNode[] {
  const { element } = site
  const part = partOf(source, site, attribute)
  const wrong = (): IntegrationError =>
    faultAt(attributeOr(element, attribute), 'STYLESHEET_INVALID', `${attribute}="${source.trim()}" must select nodes`)
  if (part.type !== 'nodes' && part.type !== 'any') throw wrong()
  return run => {
    run.at = element
    const value = part.run(run.focus)
    if (!Array.isArray(value)) throw wrong()
    return value
  }
}
