import type { XmlElement } from '../../xml/tree.ts'
import { attributeOr, invalid } from './fault.ts'
import { expandName, wordsOf } from './site.ts'
import type { Site } from './site.ts'
import type { Instruction } from './transformation.ts'

/** All `xsl:attribute-set` elements of one name, least important first. */
export interface AttributeSet {
  readonly name: string
  /** Set once the stylesheet is compiled. */
  run: Instruction
}

/** What puts the attributes of the sets named in a list on the open element; null without any. */
export function attributeSetsOf(list: string | undefined, element: XmlElement, site: Site): Instruction | null {
  const sets = wordsOf(list).map(word => {
    const set = site.sheet.attributeSet(expandName(element, word, 'use-attribute-sets'))
    if (!set)
      throw invalid(attributeOr(element, 'use-attribute-sets'), `there is no <xsl:attribute-set name="${word}">`)
    return set
  })
  if (sets.length === 0) return null
  return run => {
    for (const set of sets) set.run(run)
  }
}
