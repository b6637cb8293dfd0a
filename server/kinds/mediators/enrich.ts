import { parseContentType } from '../../codecs/content-type.ts'
import { checkCopies, valuesIn } from '../../codecs/copy-limits.ts'
import { envelopeView } from '../../codecs/envelope.ts'
import { jsonView, type JsonBody } from '../../codecs/json.ts'
import { jsonFrom, jsonIn } from '../../codecs/json-parts.ts'
import { cloneJson, type JsonValue } from '../../codecs/json-text.ts'
import { xmlToJson } from '../../codecs/json-xml.ts'
import { copies, envelopeIn, isTreeNode, putIntoBody, takeAway } from '../../codecs/xml-parts.ts'
import { addTo, bodyPathOf, removeAt, renameAt, setAt } from '../../expr/json-edit.ts'
import type { JsonPath } from '../../expr/jsonpath.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Expression } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { filled, inlineText } from '../../runtime/inline-text.ts'
import type { ElementSite } from '../../schema/element-site.ts'
import {
  attr,
  child,
  choice,
  content,
  defineMediator,
  expression,
  flag,
  inlineXml,
  oneOf,
  text,
  type ConfigOf,
} from '../../schema/index.ts'
import { clone } from '../../xml/clone.ts'
import { graft } from '../../xml/graft.ts'
import { parseXml } from '../../xml/reader.ts'
import { remove, XmlAttribute, XmlText, type XmlNode } from '../../xml/tree.ts'

const sourceFields = {
  type: attr(oneOf('custom', 'envelope', 'body', 'property', 'inline'), {
    fallback: 'custom',
    doc: 'Where it is taken from: what a path selects, the whole message, its body, a property, or what is written here.',
  }),
  clone: attr(flag(), { fallback: true, doc: 'False: it is taken away from where it was.' }),
  xpath: attr(expression(), { doc: 'The path, for custom.' }),
  property: attr(text(), { doc: 'The name, for property.' }),
  inline: choice(
    {
      key: attr(text(), { doc: 'Local entry or registry resource that holds it.' }),
      xml: inlineXml({ doc: 'XML, written in place.' }),
      text: content(inlineText(), { doc: 'Text or JSON, written in place.' }),
    },
    { doc: 'What is put in, for inline.' },
  ),
}

const targetFields = {
  type: attr(oneOf('custom', 'envelope', 'body', 'property', 'key'), {
    fallback: 'custom',
    doc: 'Where it is put: at what a path selects, in place of the message, in the body, in a property; key renames the JSON member a path selects.',
  }),
  action: attr(oneOf('replace', 'child', 'sibling', 'remove'), {
    fallback: 'replace',
    doc: 'In the place of what is there, into it, or after it. Remove: what the source selects goes.',
  }),
  xpath: attr(expression(), { doc: 'The path, for custom and key.' }),
  property: attr(text(), { doc: 'The name, for property.' }),
}

type Source = ConfigOf<typeof sourceFields>
type Target = ConfigOf<typeof targetFields>

export default defineMediator({
  tag: 'enrich',
  summary: 'Puts a piece of the message, of a property or of the artifact somewhere else.',
  details: `
    Paths in XPath work on the XML of the message, paths in \`json-eval(…)\` on its JSON; without paths a JSON body is
    treated as JSON. In XML the first node the target selects counts. In JSON \`child\` appends to an array, or adds the
    members of an object. A property gets XML as a list of nodes, which is how to keep a body (\`type="body"\` to
    \`type="property"\`) and to put it back after another call. A source that selects nothing changes nothing; a target
    that selects nothing is a fault.`,
  fields: {
    source: child('source', sourceFields, { required: true, doc: 'What to put.' }),
    target: child('target', targetFields, { required: true, doc: 'Where to put it.' }),
  },
  examples: [
    {
      title: 'Keep the body, and put it back later',
      xml: '<enrich><source type="body"/><target type="property" property="before"/></enrich>',
    },
    {
      title: 'Set a value',
      xml: `<enrich><source type="inline">7</source><target xpath="//m:order/m:count" xmlns:m="urn:m"/></enrich>`,
    },
    {
      title: 'JSON',
      xml: `<enrich><source type="inline">{"checked": true}</source><target action="child" xpath="json-eval($.order)"/></enrich>`,
    },
  ],
  check({ source, target }, site) {
    if (source && target) checkBoth(source, target, site)
  },
  create({ source, target }) {
    const language = languageOf(source, target)
    const throughJson = jsonEnricher(source, target)
    const throughXml = xmlEnricher(source, target)
    return {
      needsBody: true,
      mediate(ctx) {
        if (language === 'json' || (language === undefined && isJsonBody(ctx))) throughJson(ctx)
        else throughXml(ctx)
        return 'next'
      },
    }
  },
})

// ── what may be combined ─────────────────────────────────────────────────────────────────────────────────────────

function checkBoth(source: Source, target: Target, site: ElementSite): void {
  const { offset } = site.element
  const refuse = (problem: string, hint: string): void => site.error('invalid-value', problem, offset, hint)
  if (source.type === 'custom' && !source.xpath) site.missing('a path: xpath="…" on <source>')
  if (source.type === 'property' && source.property === undefined) site.missing('property="…" on <source>')
  if (source.type === 'inline' && source.inline === undefined) site.missing('something inside <source>, or key="…"')
  if ((target.type === 'custom' || target.type === 'key') && !target.xpath) {
    site.missing('a path: xpath="…" on <target>')
  }
  if (target.type === 'property' && target.property === undefined) site.missing('property="…" on <target>')
  if (source.type === 'envelope' && target.type !== 'property') {
    refuse('the envelope can only be put into a property', 'Take the body, or a part of it, with a path.')
  }
  if (source.type === 'body' && (target.type === 'body' || target.type === 'envelope')) {
    refuse(`the body cannot be put into the ${target.type}`, 'Keep it in a property first.')
  }
  if (source.type === 'custom' && target.type === 'envelope') {
    refuse('only a property or XML written in place can replace the envelope', 'Keep it in a property first.')
  }
  if (target.type === 'envelope' && target.action !== 'replace') {
    refuse('the envelope can only be replaced', 'Remove "action".')
  }
  if (target.action === 'remove' && (source.type !== 'custom' || !['body', 'property'].includes(target.type))) {
    refuse('remove needs a path in <source> and type="body" or type="property" in <target>', 'Write it like that.')
  }
  if (target.type === 'key' && (source.type === 'body' || target.action !== 'replace')) {
    refuse(
      'a key is renamed to a text, and only that',
      'Take the new name from a path, a property or write it in place.',
    )
  }
  if (target.type === 'key' && target.xpath && !bodyPath(target.xpath)) {
    refuse('only members of a JSON body have keys', 'Write the path as json-eval(…).')
  }
  if (target.type === 'custom' && target.action === 'replace' && bodyPath(target.xpath)?.source === '$') {
    refuse('the root of a JSON body cannot be selected to be replaced', 'Use <target type="body"/>.')
  }
}

function bodyPath(path: Expression | undefined): JsonPath | undefined {
  return path && bodyPathOf(path)
}

function languageOf(source: Source, target: Target): 'json' | 'xml' | undefined {
  if (source.type === 'envelope' || target.type === 'envelope') return 'xml'
  const paths = [source.type === 'custom' && source.xpath, target.type !== 'property' && target.xpath]
  for (const path of paths) {
    if (path) return path.source.trimStart().startsWith('json-eval(') ? 'json' : 'xml'
  }
  return source.type === 'inline' && source.inline?.kind === 'xml' ? 'xml' : undefined
}

function isJsonBody({ message: { body } }: MessageContext): boolean {
  return body.changed ? body.changed === jsonView : parseContentType(body.contentType).kind === 'json'
}

function entryText(key: string, ctx: MessageContext): { text: string; isXml: boolean } {
  const entry = ctx.runtime.get({ role: 'local-entry', name: key, at: { file: '', line: 1, column: 1 } })
  return { text: entry.text(), isXml: /\bxml\b/.test(entry.contentType) }
}

function invalidTarget(): IntegrationError {
  return new IntegrationError('MEDIATION_FAILED', 'Invalid Target object to be enrich.')
}

// ── XML ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function xmlEnricher(source: Source, target: Target): (ctx: MessageContext) => void {
  return ctx => {
    if (target.action === 'remove') {
      removeXml(source.xpath!, target, ctx)
      return
    }
    const nodes = xmlOf(source, ctx)
    if (nodes.length === 0) {
      ctx.log.error('Specified node by xpath cannot be found.', { path: source.xpath?.source })
      return
    }
    putXml(nodes, target, ctx)
  }
}

/** Copies without a parent. What is to be moved is taken away from where it was. */
function xmlOf(source: Source, ctx: MessageContext): readonly XmlNode[] {
  switch (source.type) {
    case 'inline': {
      const inline = source.inline!
      if (inline.kind === 'xml') return [clone(inline.value)]
      if (inline.kind === 'text') return [new XmlText(filled(inline.value, ctx))]
      const { text, isXml } = entryText(inline.value, ctx)
      return isXml ? [clone(parseXml(text).root)] : [new XmlText(text.trim())]
    }
    case 'property':
      return copies(ctx.properties.get(source.property!))
    default: {
      const { body } = ctx.message
      if (!source.clone) body.edit(envelopeView)
      const envelope = body.view(envelopeView)
      const found =
        source.type === 'envelope'
          ? envelope.root
          : source.type === 'body'
            ? envelope.body.childElements
            : source.xpath!.value(ctx)
      const taken = copies(found)
      if (!source.clone && source.type !== 'envelope' && Array.isArray(found)) {
        for (const node of found) if (isTreeNode(node)) remove(node)
      }
      return taken
    }
  }
}

function putXml(nodes: readonly XmlNode[], { type, action, xpath, property }: Target, ctx: MessageContext): void {
  const how = action === 'remove' ? 'replace' : action
  const { body } = ctx.message
  switch (type) {
    case 'property':
      ctx.properties.set(property!, asProperty(grownProperty(ctx.properties.get(property!), nodes, how)))
      return
    case 'envelope':
      body.replace(envelopeView, envelopeIn(nodes))
      return
    case 'body':
      putIntoBody(body.edit(envelopeView), nodes, how)
      return
    default: {
      body.edit(envelopeView)
      const [found] = [xpath!.value(ctx)].flat()
      if (!(isTreeNode(found) || found instanceof XmlAttribute) || !graft(found, nodes, how)) throw invalidTarget()
    }
  }
}

function grownProperty(
  known: unknown,
  nodes: readonly XmlNode[],
  how: 'replace' | 'child' | 'sibling',
): readonly XmlNode[] {
  if (how === 'replace' || known === undefined) return nodes
  const all = copies(known)
  if (how === 'sibling') return [...all, ...nodes]
  const [first] = all
  if (!first || !graft(first, nodes, 'child')) throw invalidTarget()
  return all
}

function asProperty(nodes: readonly XmlNode[]): unknown {
  return nodes.every(node => node instanceof XmlText) ? nodes.map(({ value }) => value).join('') : nodes
}

function removeXml(path: Expression, { type, property }: Target, ctx: MessageContext): void {
  if (type === 'body') {
    ctx.message.body.edit(envelopeView)
    for (const node of [path.value(ctx)].flat()) takeAway(node)
    return
  }
  // The path is looked up in what the property holds, as if that were a body.
  const copy = ctx.fork()
  const envelope = copy.message.body.edit(envelopeView)
  envelope.setPayload(...copies(ctx.properties.get(property!)))
  for (const node of [path.value(copy)].flat()) takeAway(node)
  ctx.properties.set(property!, copies(envelope.body.childElements))
}

// ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function jsonEnricher(source: Source, target: Target): (ctx: MessageContext) => void {
  const sourcePath = bodyPath(source.xpath)
  const targetPath = bodyPath(target.xpath)
  return ctx => {
    if (target.action === 'remove') {
      removeJson(sourcePath, target, ctx)
      return
    }
    const value = jsonOf(source, sourcePath, ctx)
    if (value === undefined) {
      ctx.log.error('Specified node by xpath cannot be found.', { path: source.xpath?.source })
      return
    }
    putJson(value, target, targetPath, ctx)
  }
}

function jsonOf(source: Source, path: JsonPath | undefined, ctx: MessageContext): JsonValue | undefined {
  const { body } = ctx.message
  switch (source.type) {
    case 'inline': {
      const inline = source.inline!
      if (inline.kind === 'xml') return xmlToJson(inline.value).value
      return jsonIn(inline.kind === 'text' ? filled(inline.value, ctx) : entryText(inline.value, ctx).text)
    }
    case 'property':
      return jsonFrom(ctx.properties.get(source.property!))
    case 'body':
    case 'envelope': {
      const { value } = body.view(jsonView)
      if (value === undefined) return undefined
      const taken = cloneJson(value)
      if (!source.clone) body.edit(jsonView).value = undefined
      return taken
    }
    default: {
      if (!path) return jsonFrom(source.xpath!.value(ctx))
      const root = source.clone ? body.view(jsonView) : body.edit(jsonView)
      const matches = path.matches(root)
      if (matches.length === 0) return undefined
      const values = matches.map(match => cloneJson(match.value as JsonValue))
      if (!source.clone) removeAt(matches, root)
      return path.definite ? values[0] : values
    }
  }
}

function putJson(
  value: JsonValue,
  { type, action, property }: Target,
  path: JsonPath | undefined,
  ctx: MessageContext,
): void {
  if (action === 'sibling') {
    throw new IntegrationError('MEDIATION_FAILED', 'JSON has no siblings; use action="child" on what is around')
  }
  if (type === 'property') {
    const known = action === 'child' ? jsonFrom(ctx.properties.get(property!)) : undefined
    if (known !== undefined) addTo(known, value)
    ctx.properties.set(property!, known ?? value)
    return
  }
  const root: JsonBody = ctx.message.body.edit(jsonView)
  if (type === 'body') {
    if (action === 'child' && root.value !== undefined) addTo(root.value, value)
    else if (typeof value === 'object' && value !== null) root.value = value
    else throw new IntegrationError('MEDIATION_FAILED', 'only a JSON object or array can take the place of the body')
    return
  }
  const places = !path ? [] : action === 'replace' && type === 'custom' ? path.places(root) : path.matches(root)
  if (places.length === 0) throw invalidTarget()
  if (places.length > 1) checkCopies(places.length, valuesIn(value))
  for (const place of places) {
    if (type === 'key') renameAt(place, typeof value === 'string' ? value : String(value))
    else if (action === 'child') addTo(place.value, cloneJson(value))
    else setAt(place, cloneJson(value))
  }
}

function removeJson(path: JsonPath | undefined, { type, property }: Target, ctx: MessageContext): void {
  if (!path) return
  if (type === 'body') {
    const root = ctx.message.body.edit(jsonView)
    removeAt(path.matches(root), root)
    return
  }
  const root = { value: jsonFrom(ctx.properties.get(property!)) }
  removeAt(path.matches(root), root)
  ctx.properties.set(property!, root.value)
}
