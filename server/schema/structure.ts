import type { SourceRef } from '../kernel/contracts.ts'
import type { XmlElement } from '../xml/tree.ts'
import { ElementDraft, encodeElement } from './element-draft.ts'
import { decodeElement, ElementSite, isSynapse } from './element-site.ts'
import { onlyOne } from './endpoint-structure.ts'
import type { AnyField, Field } from './fields.ts'
import type { AnyArtifactKind, AnyClassKind, AnyLayerKind, AnyMediatorKind } from './kinds.ts'
import { nearest } from '../kernel/nearest.ts'
import type { ClassRole } from './shape.ts'
import { text } from './types.ts'
import { CLASSES } from './vocabulary.ts'

/** A mediator as written: which kind, with what configuration, where. */
export interface StepNode {
  readonly kind: AnyMediatorKind
  readonly config: unknown
  readonly at: SourceRef
}

/** A layer around a leaf endpoint: timeout, suspension, retry. */
export interface LayerNode {
  readonly kind: AnyLayerKind
  readonly config: unknown
  readonly at: SourceRef
}

/** A store or processor: the class decides which fields its parameters have. */
export interface ClassNode {
  readonly kind: AnyClassKind
  /** The class as written; empty where it was left out. */
  readonly className: string
  readonly config: unknown
}

/** An artifact as written. */
export interface ArtifactNode {
  readonly kind: AnyArtifactKind
  readonly name: string
  readonly config: unknown
  readonly at: SourceRef
}

/** The mediators inside this element, in order. Must be the last field: it takes every child no other field has read. */
export function steps(options: { doc: string }): Field<readonly StepNode[]> {
  return {
    shape: { kind: 'steps', doc: options.doc },
    decode: site => decodeSteps(site, site.remainingElements()),
    encode(value, draft) {
      for (const step of value) draft.append(encodeStep(step))
    },
    present: site => site.peekAnyElement() !== undefined,
  }
}

function decodeSteps(site: ElementSite, elements: readonly XmlElement[]): readonly StepNode[] {
  const nodes: StepNode[] = []
  for (const element of elements) {
    const node = decodeStep(site, element)
    if (node) nodes.push(node)
  }
  return nodes
}

function decodeStep(site: ElementSite, element: XmlElement): StepNode | undefined {
  const { catalog } = site.decoding.env
  const kind = isSynapse(element) ? catalog.mediator(element.local) : undefined
  if (!kind) {
    const name = element.uri === '' ? element.local : `{${element.uri}}${element.local}`
    const near = isSynapse(element) ? nearest(element.local, catalog.mediatorTags()) : undefined
    site.error(
      'unknown-mediator',
      `Unknown mediator referenced by configuration element : ${name}`,
      element.offset,
      near === undefined
        ? 'The artifact is not deployed. Remove the mediator or replace it.'
        : `Did you mean <${near}>?`,
    )
    return undefined
  }
  const inner = new ElementSite(element, site.decoding, ['name'])
  const config = decodeElement(inner, kind.fields)
  inner.checkWith(() => kind.check?.(config, inner))
  return { kind, config, at: inner.at }
}

export function encodeStep(step: StepNode): XmlElement {
  const draft = new ElementDraft(step.kind.tag)
  encodeElement(draft, step.kind.fields, step.config as Record<string, unknown>)
  return draft.element
}

/** Timeout, suspension and retry settings of a leaf endpoint. */
export function layers(options: { doc: string }): Field<readonly LayerNode[]> {
  return {
    shape: { kind: 'layers', doc: options.doc },
    decode(site) {
      const nodes: LayerNode[] = []
      for (const kind of site.decoding.env.catalog.layers()) {
        const element = onlyOne(site, kind.tag)
        if (!element) continue
        const inner = new ElementSite(element, site.decoding)
        const config = decodeElement(inner, kind.fields)
        inner.checkWith(() => kind.check?.(config, inner))
        nodes.push({ kind, config, at: inner.at })
      }
      return nodes
    },
    encode(value, draft) {
      for (const layer of value) draft.child(layer.kind.tag, layer.kind.fields, layer.config as Record<string, unknown>)
    },
    present: site => site.peekAnyElement() !== undefined,
  }
}

/** `class="…"` and the `<parameter>`s of a store or processor. */
export function byClass(
  role: Exclude<ClassRole, 'inbound-endpoint'>,
  options: { doc: string },
): Field<ClassNode | undefined> {
  return {
    shape: { kind: 'byClass', role, attribute: 'class', doc: options.doc },
    decode(site) {
      const { catalog } = site.decoding.env
      const attribute = site.attribute('class')
      const className = attribute?.value.trim() ?? ''
      const kind = catalog.byClass(role, className)
      if (!kind) {
        const known = CLASSES.has(className)
        const near = known ? undefined : nearest(className, catalog.classes(role))
        const message = className === '' ? `a ${role} needs a class` : `the class "${className}" is not supported`
        site.error(
          known ? 'not-supported' : 'unknown-class',
          message,
          attribute ? site.placeOf(attribute).offset : site.element.offset,
          near === undefined ? `Offered: ${catalog.classes(role).join(', ')}.` : `Did you mean "${near}"?`,
        )
        site.otherParameters()
        return undefined
      }
      const config = decodeFields(site, kind.fields)
      site.checkWith(() => kind.check?.(config, site))
      return { kind, className, config }
    },
    encode(value, draft) {
      if (!value) return
      if (value.className !== '') draft.attribute('class', text(), value.className)
      encodeElement(draft, value.kind.fields, value.config as Record<string, unknown>)
    },
    present: () => true,
  }
}

export function decodeFields(site: ElementSite, fields: Readonly<Record<string, AnyField>>): Record<string, unknown> {
  const config: Record<string, unknown> = {}
  for (const [key, field] of Object.entries(fields)) config[key] = field.decode(site, key) as unknown
  return config
}

/** Decodes one artifact element, reporting an element that is none. */
export function decodeArtifact(site: ElementSite, element: XmlElement): ArtifactNode | undefined {
  const { catalog } = site.decoding.env
  const kind = isSynapse(element) ? catalog.artifact(element.local) : undefined
  if (!kind) {
    site.error(
      'unknown-artifact',
      `<${element.local}> is not an artifact; one of ${catalog.artifactTags().join(', ')} is expected`,
      element.offset,
      'Move it to a folder that is not deployed, or remove it.',
    )
    return undefined
  }
  const inner = new ElementSite(element, site.decoding)
  const config = decodeElement(inner, kind.fields)
  inner.checkWith(() => kind.check?.(config, inner))
  const name = kind.nameOf(config, element)
  if (name === '') {
    inner.missing(`attribute "${kind.nameAttribute}"`)
    return undefined
  }
  return { kind, name, config, at: inner.at }
}

export function encodeArtifact(node: ArtifactNode): XmlElement {
  const draft = new ElementDraft(node.kind.tag)
  encodeElement(draft, node.kind.fields, node.config as Record<string, unknown>)
  return draft.element
}
