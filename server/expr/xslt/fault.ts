import type { SourceRef } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { ErrorName } from '../../kernel/errors.ts'
import type { XmlAttribute, XmlElement, XmlNode } from '../../xml/tree.ts'
import { whereIs } from '../../xml/where-is.ts'

/** The place of a stylesheet that an error is about: a file name there is the key it was found under. */
export function placeOf(node: XmlNode | XmlAttribute): string {
  return placeText(whereIs(node))
}

function placeText({ file, line, column }: SourceRef): string {
  return `${file === '' ? 'stylesheet' : file}:${line}:${column}`
}

/** A fault that names the line of the stylesheet. The position of the mediator is added by whoever runs it. */
export function faultAt(
  node: XmlNode | XmlAttribute,
  code: ErrorName,
  reason: string,
  cause?: unknown,
): IntegrationError {
  return new IntegrationError(code, `${placeOf(node)}: ${reason}`, { cause })
}

/** The stylesheet cannot be compiled. */
export function invalid(node: XmlNode | XmlAttribute, reason: string): IntegrationError {
  return faultAt(node, 'STYLESHEET_INVALID', reason)
}

/** For what only a processor of a later version can run. */
export function needsLaterVersion(node: XmlNode | XmlAttribute, what: string): IntegrationError {
  return faultAt(
    node,
    'NOT_SUPPORTED',
    `${what} belongs to XSLT 2.0 or later, and this server runs XSLT 1.0; rewrite it in XSLT 1.0, or use a processor such as saxon-js`,
  )
}

/** The attribute if it is there, else the element: the best place to point at. */
export function attributeOr(element: XmlElement, name: string): XmlAttribute | XmlElement {
  return element.attributeNode(name) ?? element
}
