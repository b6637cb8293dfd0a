import type { Expression, Ref, SourceRef } from '../kernel/contracts.ts'
import type { XmlElement } from '../xml/tree.ts'
import { ElementDraft, encodeElement } from './element-draft.ts'
import { decodeElement, ElementSite, isSynapse } from './element-site.ts'
import { attr, child, children, content, type AnyField, type Field } from './fields.ts'
import type { AnyArtifactKind, AnyClassKind, AnyEndpointKind, AnyLayerKind, AnyMediatorKind } from './kinds.ts'
import { nearest } from '../kernel/nearest.ts'
import type { ClassRole } from './shape.ts'
import { address, dynamicRef, expression, milliseconds, oneOf, ref, text, type DynamicRef } from './types.ts'
import { ARTIFACT_TAGS, CLASSES } from './vocabulary.ts'

/** A mediator as written: which kind, with what configuration, where. */
export interface StepNode {
  readonly kind: AnyMediatorKind
  readonly config: unknown
  readonly at: SourceRef
}

/** An endpoint as written: a reference, or a kind with its configuration. */
export interface EndpointNode {
  readonly at: SourceRef
  /** Absent for an anonymous endpoint. */
  readonly name?: string
  readonly target: DynamicRef<'endpoint'> | { readonly kind: AnyEndpointKind; readonly config: unknown } | TemplateUse
  readonly properties: readonly EndpointProperty[]
  readonly session?: SessionNode
}

/** An endpoint made from a template. */
export interface TemplateUse {
  readonly template: Ref<'template'>
  readonly uri: string | undefined
  readonly parameters: readonly { readonly name: string; readonly value: string | undefined }[]
}

/** Messages of one session stay at one member of a load-balance group. */
export interface SessionNode {
  readonly type: 'http' | 'soap' | 'simpleClientSession'
  readonly timeoutMs: number
}

export interface EndpointProperty {
  readonly name: string
  readonly value: string | undefined
  readonly expression: Expression | undefined
  readonly scope: string | undefined
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
    const known = isSynapse(element) && catalog.isKnownMediator(element.local)
    const near = isSynapse(element) ? nearest(element.local, catalog.mediatorTags()) : undefined
    site.error(
      known ? 'not-supported' : 'unknown-mediator',
      known
        ? `the mediator <${element.local}> is not supported`
        : `Unknown mediator referenced by configuration element : ${name}`,
      element.offset,
      near === undefined || known
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

/** An `<endpoint>` child: by key, by key expression, or written in place. */
export function endpoint(options: { doc: string; required: true }): Field<EndpointNode>
export function endpoint(options: { doc: string }): Field<EndpointNode | undefined>
export function endpoint(options: { doc: string; required?: true }): Field<EndpointNode | undefined> {
  return {
    shape: { kind: 'endpoint', doc: options.doc, required: options.required ?? false },
    decode(site) {
      const element = onlyOne(site, 'endpoint')
      if (!element) {
        if (options.required) site.missing('element <endpoint>')
        return undefined
      }
      return decodeEndpoint(new ElementSite(element, site.decoding))
    },
    encode(value, draft) {
      if (value !== undefined) draft.append(encodeEndpoint(value))
    },
    present: site => site.hasChild('endpoint'),
  }
}

/** The child element of that name; further ones are reported. */
function onlyOne(site: ElementSite, tag: string): XmlElement | undefined {
  const [first, second] = site.children(tag)
  if (second) site.error('repeated-element', `<${tag}> may stand here only once`, second.offset, 'Remove all but one.')
  return first
}

/** The inside of an `<endpoint>` element: what the artifact kind of that name consists of. */
export function endpointBody(options: { doc: string }): Field<EndpointNode | undefined> {
  return {
    shape: { kind: 'endpointBody', doc: options.doc },
    decode: site => decodeEndpoint(site, false),
    encode(value, draft) {
      if (value) encodeEndpointInto(value, draft)
    },
    present: () => true,
  }
}

/** Any number of `<endpoint>` children: the members of a group. */
export function endpoints(options: { doc: string }): Field<readonly EndpointNode[]> {
  return {
    shape: { kind: 'endpoint', doc: options.doc, required: true },
    decode: site =>
      site.children('endpoint').flatMap(element => decodeEndpoint(new ElementSite(element, site.decoding)) ?? []),
    encode(value, draft) {
      for (const one of value) draft.append(encodeEndpoint(one))
    },
    present: site => site.hasChild('endpoint'),
  }
}

const endpointProperties = children(
  'property',
  {
    name: attr(text(), { required: true, doc: 'Name of the property.' }),
    value: attr(text(), { doc: 'Its value.' }),
    expression: attr(expression(), { doc: 'Computed before each send.' }),
    scope: attr(text(), { doc: 'default, axis2, transport …' }),
  },
  { doc: 'Set on the message before each send.' },
)
const keyField = attr(dynamicRef('endpoint'), { name: 'key', doc: 'The endpoint to use.' })
const keyExpressionField = attr(expression(), {
  name: 'key-expression',
  doc: 'Gives the name of the endpoint for each message.',
})

/** What Synapse keeps a session for when nothing is said. */
const SESSION_MS = 120_000
const sessionField = child(
  'session',
  {
    type: attr(oneOf('http', 'soap', 'simpleClientSession'), { required: true, doc: 'By what a session is known.' }),
    timeout: child(
      'sessionTimeout',
      { value: content(milliseconds({ min: 0 }), { required: true, doc: 'Milliseconds.' }) },
      { doc: 'How long a session that is not used is kept; absent: two minutes.' },
    ),
    timeoutShort: attr(milliseconds({ min: 0 }), { name: 'sessionTimeout', doc: 'The same as an attribute.' }),
  },
  { doc: 'Keeps messages of a session at one member of a group.' },
)

const templateFields = {
  template: attr(ref('template'), { doc: 'The template the endpoint is made from.' }),
  uri: attr(address(), { doc: 'With a template: what stands for `$uri`.' }),
  parameter: children(
    'parameter',
    {
      name: attr(text(), { required: true, doc: 'Name of the parameter.' }),
      value: attr(address(), { doc: 'What stands in its place.' }),
    },
    { doc: 'With a template: what stands for its parameters.' },
  ),
}

/** What an `<endpoint>` carries besides the element of its kind; read by {@link decodeEndpoint}, walked by generators. */
export const ENDPOINT_FIELDS = {
  name: attr(text(), { doc: 'Name in log lines; others cannot refer to it.' }),
  key: keyField,
  'key-expression': keyExpressionField,
  ...templateFields,
  session: sessionField,
  property: endpointProperties,
}

function decodeEndpoint(site: ElementSite, anonymous = true): EndpointNode | undefined {
  const { catalog } = site.decoding.env
  const { at } = site
  const name = site.attribute('name')?.value
  const properties = endpointProperties.decode(site, 'property')
  site.children('description')
  const session = decodeSession(site)
  const named = { ...(anonymous && name !== undefined && { name }), ...(session && { session }) }
  // Inside an artifact the artifact's own decoding reports what is left over.
  const finish = (node: EndpointNode | undefined): EndpointNode | undefined => {
    if (anonymous) site.reportRest(ENDPOINT_FIELDS)
    return node
  }
  if (site.hasAttribute('key')) {
    const target = keyField.decode(site, 'key')
    return finish(target && { at, ...named, target, properties })
  }
  if (site.hasAttribute('key-expression')) {
    const computed = keyExpressionField.decode(site, 'key-expression')
    return finish(computed && { at, ...named, target: { role: 'endpoint', expression: computed, at }, properties })
  }
  if (site.hasAttribute('template')) {
    const template = templateFields.template.decode(site, 'template')
    const uri = templateFields.uri.decode(site, 'uri')
    const parameters = templateFields.parameter.decode(site, 'parameter')
    return finish(template && { at, ...named, target: { template, uri, parameters }, properties })
  }
  for (const kind of catalog.endpoints()) {
    const element = onlyOne(site, kind.tag)
    if (!element) continue
    const inner = new ElementSite(element, site.decoding)
    const config = decodeElement(inner, kind.fields)
    inner.checkWith(() => kind.check?.(config, inner))
    return finish({ at, ...named, target: { kind, config }, properties })
  }
  const [stranger] = site.remainingElements()
  const offered = catalog.endpoints().map(kind => `<${kind.tag}>`)
  if (stranger) {
    site.error(
      'not-supported',
      `the endpoint <${stranger.local}> is not supported`,
      stranger.offset,
      `Use ${offered.join(', ')} or key="…".`,
    )
  } else {
    site.error(
      'missing',
      'the endpoint says neither where to send nor which endpoint to use',
      site.element.offset,
      `Add ${offered.join(', ')} or key="…".`,
    )
  }
  return undefined
}

export function encodeEndpoint(node: EndpointNode): XmlElement {
  const draft = new ElementDraft('endpoint')
  if (node.name !== undefined) draft.attribute('name', text(), node.name)
  encodeEndpointInto(node, draft)
  return draft.element
}

function decodeSession(site: ElementSite): SessionNode | undefined {
  const written = sessionField.decode(site, 'session')
  if (written?.type === undefined) return undefined
  return { type: written.type, timeoutMs: written.timeout?.value ?? written.timeoutShort ?? SESSION_MS }
}

function encodeEndpointInto(node: EndpointNode, draft: ElementDraft): void {
  const { target, session } = node
  if (session) {
    const { type, timeoutMs } = session
    sessionField.encode({ type, timeout: { value: timeoutMs }, timeoutShort: undefined }, draft, 'session')
  }
  if ('template' in target) {
    templateFields.template.encode(target.template, draft, 'template')
    templateFields.uri.encode(target.uri, draft, 'uri')
    templateFields.parameter.encode(target.parameters, draft, 'parameter')
  } else if ('kind' in target)
    draft.child(target.kind.tag, target.kind.fields, target.config as Record<string, unknown>)
  else if ('name' in target) keyField.encode(target, draft, 'key')
  else keyExpressionField.encode(target.expression, draft, 'key-expression')
  endpointProperties.encode(node.properties, draft, 'property')
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
export function byClass(role: ClassRole, options: { doc: string }): Field<ClassNode | undefined> {
  return {
    shape: { kind: 'byClass', role, doc: options.doc },
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

function decodeFields(site: ElementSite, fields: Readonly<Record<string, AnyField>>): Record<string, unknown> {
  const config: Record<string, unknown> = {}
  for (const [key, field] of Object.entries(fields)) config[key] = field.decode(site, key) as unknown
  return config
}

/** Decodes one artifact element, reporting an element that is none. */
export function decodeArtifact(site: ElementSite, element: XmlElement): ArtifactNode | undefined {
  const { catalog } = site.decoding.env
  const kind = isSynapse(element) ? catalog.artifact(element.local) : undefined
  if (!kind) {
    const known = isSynapse(element) && ARTIFACT_TAGS.has(element.local)
    site.error(
      known ? 'not-supported' : 'unknown-artifact',
      known
        ? `the artifact <${element.local}> is not supported`
        : `<${element.local}> is not an artifact; one of ${catalog.artifactTags().join(', ')} is expected`,
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
