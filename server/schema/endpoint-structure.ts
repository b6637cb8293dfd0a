/** `<endpoint>` wherever it may stand: by key, by key expression, from a template, or written in place. */
import type { Expression, Ref, SourceRef } from '../kernel/contracts.ts'
import type { XmlElement } from '../xml/tree.ts'
import { ElementDraft } from './element-draft.ts'
import { decodeElement, ElementSite } from './element-site.ts'
import { attr, child, children, content, type Field } from './fields.ts'
import type { AnyEndpointKind } from './kinds.ts'
import { address, dynamicRef, expression, milliseconds, oneOf, ref, text, type DynamicRef } from './types.ts'

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

/** The child element of that name; further ones are reported. */
export function onlyOne(site: ElementSite, tag: string): XmlElement | undefined {
  const [first, second] = site.children(tag)
  if (second) site.error('repeated-element', `<${tag}> may stand here only once`, second.offset, 'Remove all but one.')
  return first
}
