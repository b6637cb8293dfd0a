import { canonicalXml } from '../xml/canonical.ts'
import type { XmlElement } from '../xml/tree.ts'
import type { ArtifactDescription } from './api.ts'

/** What the management API shows of an artifact's XML. */
export function describe(element: XmlElement | undefined): ArtifactDescription | undefined {
  if (!element) return undefined
  const parameters: Record<string, string> = {}
  for (const child of element.childElements) {
    const name = child.local === 'parameter' ? child.attribute('name') : undefined
    if (name !== undefined) parameters[name] = child.text.trim()
  }
  const kind = element.childElements.find(({ local }) => local !== 'description' && local !== 'property')?.local
  return { configuration: canonicalXml(element), parameters, ...(kind !== undefined && { type: kind }) }
}
