/** Conditions of `rewrite` and `conditionalRouter`: and, or, not over tests of headers, URLs, properties and the body. */
import type { MessageContext } from '../kernel/context.ts'
import type { Expression } from '../kernel/contracts.ts'
import { ElementDraft } from '../schema/element-draft.ts'
import { ElementSite } from '../schema/element-site.ts'
import type { Field } from '../schema/fields.ts'
import { attr, expression, oneOf, text, wholeRegex } from '../schema/index.ts'
import type { XmlElement } from '../xml/tree.ts'
import { fragmentOf, FRAGMENTS, queryParameter, type Fragment, type Url } from './url-fragments.ts'

export type Condition =
  | { readonly kind: 'and' | 'or' | 'not'; readonly of: readonly Condition[] }
  | (Source & { readonly kind: 'equal'; readonly value: string })
  | (Source & { readonly kind: 'match'; readonly regex: RegExp })

type Source =
  | { readonly type: 'header' | 'param' | 'property'; readonly source: string }
  | { readonly type: 'url'; readonly source: Fragment | undefined }
  | { readonly type: 'soap'; readonly source: Expression }

const type = attr(oneOf('header', 'param', 'url', 'property', 'soap'), {
  fallback: 'header',
  doc: 'Where the text comes from.',
})
const name = attr(text(), { name: 'source', required: true, doc: 'Name of the header, parameter or property.' })
const fragment = attr(oneOf(...FRAGMENTS), { name: 'source', doc: 'Part of the URL; absent: all of it.' })
const path = attr(expression(), { name: 'source', required: true, doc: 'Path in the message.' })
const value = attr(text(), { required: true, doc: 'The text it has to be.' })
const regex = attr(wholeRegex(), { required: true, doc: 'What it has to match from beginning to end.' })

/** The only element inside a `<condition>`, or inside whatever else holds one. */
export function condition(options: { doc: string }): Field<Condition | undefined> {
  return {
    shape: { kind: 'inline', doc: options.doc, required: true },
    decode(site) {
      const [element, second] = site.remainingElements()
      if (second)
        site.error('repeated-element', 'only one condition may stand here', second.offset, 'Put an <and> around them.')
      if (element) return decodeCondition(element, site)
      site.missing('a condition: <equal>, <match>, <and>, <or> or <not>')
      return undefined
    },
    encode(value, draft) {
      if (value) draft.append(encodeCondition(value))
    },
    present: site => site.peekAnyElement() !== undefined,
  }
}

function decodeCondition(element: XmlElement, outer: ElementSite): Condition | undefined {
  const site = new ElementSite(element, outer.decoding)
  const kind = element.local
  switch (kind) {
    case 'and':
    case 'or':
    case 'not': {
      const of = site.remainingElements().flatMap(inner => decodeCondition(inner, site) ?? [])
      site.reportRest({})
      if (of.length > 0 && (kind !== 'not' || of.length === 1)) return { kind, of }
      site.error('missing', `<${kind}> needs ${kind === 'not' ? 'one condition' : 'conditions'} inside`, element.offset)
      return undefined
    }
    case 'equal':
    case 'match': {
      const source = decodeSource(site)
      const wanted = kind === 'equal' ? value.decode(site, 'value') : regex.decode(site, 'regex')
      site.reportRest({ type, name, [kind === 'equal' ? 'value' : 'regex']: kind === 'equal' ? value : regex })
      if (!source || wanted === undefined) return undefined
      return typeof wanted === 'string'
        ? { kind: 'equal', ...source, value: wanted }
        : { kind: 'match', ...source, regex: wanted }
    }
    default:
      outer.error(
        'unknown-element',
        `<${kind}> is no condition`,
        element.offset,
        'Known are <equal>, <match>, <and>, <or> and <not>.',
      )
      return undefined
  }
}

function decodeSource(site: ElementSite): Source | undefined {
  const from = type.decode(site, 'type')
  if (from === 'url') return { type: from, source: fragment.decode(site, 'source') }
  if (from === 'soap') {
    const source = path.decode(site, 'source')
    return source && { type: from, source }
  }
  const source = name.decode(site, 'source')
  return source === undefined ? undefined : { type: from, source }
}

function encodeCondition(made: Condition): XmlElement {
  const draft = new ElementDraft(made.kind)
  if ('of' in made) for (const inner of made.of) draft.append(encodeCondition(inner))
  else {
    type.encode(made.type, draft, 'type')
    if (made.type === 'soap') path.encode(made.source, draft, 'source')
    else if (made.type === 'url') fragment.encode(made.source, draft, 'source')
    else name.encode(made.source, draft, 'source')
    if (made.kind === 'equal') value.encode(made.value, draft, 'value')
    else regex.encode(made.regex, draft, 'regex')
  }
  return draft.element
}

export function conditionNeedsBody(given: Condition): boolean {
  if ('of' in given) return given.of.some(conditionNeedsBody)
  return given.type === 'soap' && given.source.needsBody
}

/** `url` is the one in question: that being rewritten, or the one of the request. */
export function holds(given: Condition, ctx: MessageContext, url: Url): boolean {
  switch (given.kind) {
    case 'and':
      return given.of.every(inner => holds(inner, ctx, url))
    case 'or':
      return given.of.some(inner => holds(inner, ctx, url))
    case 'not':
      return !holds(given.of[0]!, ctx, url)
    default: {
      const found = textFrom(given, ctx, url)
      if (found === undefined) return false
      return given.kind === 'equal' ? found === given.value : given.regex.test(found)
    }
  }
}

function textFrom(from: Source, ctx: MessageContext, url: Url): string | undefined {
  switch (from.type) {
    case 'header':
      return ctx.message.headers.get(from.source)
    case 'param':
      return queryParameter(url, from.source)
    case 'url':
      return fragmentOf(url, from.source ?? 'full')
    case 'soap':
      return from.source.string(ctx)
    default: {
      const found = ctx.properties.get(from.source)
      return found === undefined || found === null ? undefined : String(found)
    }
  }
}
