import { indexOf, replace, XmlElement, XmlText, type XmlAttribute, type XmlNode } from './tree.ts'

export type Graft = 'replace' | 'child' | 'sibling'

/** Puts nodes, none of which has a parent, in place of `target`, into it or after it. False where that makes no sense. */
export function graft(target: XmlNode | XmlAttribute, nodes: readonly XmlNode[], how: Graft): boolean {
  if (target.kind === 'attribute') {
    if (how !== 'replace') return false
    target.value = nodes.map(textOf).join('')
    return true
  }
  const { parent } = target
  switch (how) {
    case 'child':
      if (target.kind !== 'element') return false
      target.append(...nodes)
      return true
    case 'sibling':
      if (parent?.kind !== 'element') return false
      for (const [offset, node] of nodes.entries()) parent.insert(indexOf(target) + 1 + offset, node)
      return true
    default:
      // A text put in the place of an element fills it.
      if (target.kind === 'element' && nodes.length > 0 && nodes.every(node => node.kind === 'text')) {
        target.setText(nodes.map(textOf).join(''))
        return true
      }
      if (parent?.kind !== 'element') return false
      replace(target, ...nodes)
      return true
  }
}

function textOf(node: XmlNode): string {
  return node instanceof XmlElement ? node.text : node instanceof XmlText ? node.value : ''
}
