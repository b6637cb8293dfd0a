import { envelopeView } from '../../codecs/envelope.ts'
import { nodeOfPlain, plainTree } from '../../codecs/plain-tree.ts'
import type { AtomicType, QueryVariable } from '../../drivers/xquery/contracts.ts'
import { QueryEngine } from '../../drivers/xquery/engine.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Expression, Outcome } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { perServer } from '../../runtime/per-server.ts'
import {
  attr,
  children,
  choice,
  defineMediator,
  dynamicString,
  dynamicText,
  expression,
  oneOf,
  text,
  type ConfigOf,
  type KindEnv,
} from '../../schema/index.ts'
import { parseXml } from '../../xml/reader.ts'
import { replace, XmlElement } from '../../xml/tree.ts'
import { XmlError } from '../../xml/xml-error.ts'

const ATOMIC: Readonly<Record<string, AtomicType>> = {
  STRING: 'xs:string',
  BOOLEAN: 'xs:boolean',
  INT: 'xs:int',
  INTEGER: 'xs:integer',
  LONG: 'xs:long',
  SHORT: 'xs:short',
  BYTE: 'xs:byte',
  DOUBLE: 'xs:double',
  FLOAT: 'xs:float',
}

const variableFields = {
  name: attr(text(), { required: true, doc: 'Name of the variable, as the query declares it: `external`.' }),
  type: attr(
    oneOf(
      'STRING',
      'BOOLEAN',
      'INT',
      'INTEGER',
      'LONG',
      'SHORT',
      'BYTE',
      'DOUBLE',
      'FLOAT',
      'DOCUMENT',
      'ELEMENT',
      'DOCUMENT_ELEMENT',
    ),
    {
      required: true,
      doc: 'What it is.',
    },
  ),
  source: choice(
    {
      value: attr(text(), { doc: 'The value.' }),
      expression: attr(expression(), { doc: 'Gives the value for each message.' }),
      key: attr(text(), { doc: 'Local entry or registry resource that holds it.' }),
    },
    { doc: 'Where the value is from; absent: what the query is about.' },
  ),
}
type Variable = ConfigOf<typeof variableFields>

export default defineMediator({
  tag: 'xquery',
  summary: 'Transforms the body, or a part of it, with XQuery 3.1.',
  details: `
    The query is a local entry or a registry resource; of an entry that is XML it is the text. It sees the target (without
    one the first element of the body) as \`.\`, and the variables it declares as external. The first item of its result
    takes the place of the target if it is an element; anything else becomes the text of the target. An empty result
    changes nothing. Queries run on a thread of their own, for 5 seconds and with 128 MiB at most. Needs the package
    \`fontoxpath\`.`,
  fields: {
    key: attr(dynamicText(), { required: true, doc: 'Local entry or registry resource with the query.' }),
    target: attr(expression(), { doc: 'The element that is transformed.' }),
    variables: children('variable', variableFields, { doc: 'What the query declares as external.' }),
  },
  examples: [
    {
      title: 'The payload and a number',
      xml: `<xquery key="conf:/quote.xq"><variable name="payload" type="ELEMENT"/><variable name="price" type="DOUBLE" expression="//m:last" xmlns:m="urn:m"/></xquery>`,
    },
    { title: 'A part of the body', xml: '<xquery key="orders" target="//m:order" xmlns:m="urn:m"/>' },
  ],
  create({ key, target, variables }, env) {
    const { services, at } = env
    const engine = perServer(services, 'xquery', () => new QueryEngine(services.clock))
    return {
      needsBody: true,
      async mediate(ctx): Promise<Outcome> {
        const element = targetOf(target, ctx)
        if (!element) return 'next'
        const name = dynamicString(key!, ctx)
        const query = queryIn(ctx.runtime.get({ role: 'local-entry', name, at }).text())
        const given = variables.map(variable => valueOf(variable, element, query, ctx, env))
        try {
          const result = await engine.run({ text: query, context: plainTree(element), variables: given })
          if (result) put('node' in result ? nodeOfPlain(result.node) : result.atomic, target, ctx)
        } catch (thrown) {
          if (!(thrown instanceof IntegrationError) || thrown.code !== 'TRANSFORM_FAILED') throw thrown
          throw new IntegrationError('TRANSFORM_FAILED', `the query "${name}" failed: ${thrown.message}`, {
            cause: thrown,
          })
        }
        return 'next'
      },
    }
  },
})

function targetOf(target: Expression | undefined, ctx: MessageContext): XmlElement | undefined {
  if (!target) return ctx.message.body.view(envelopeView).firstChild
  const found = target.value(ctx)
  const node: unknown = Array.isArray(found) ? found[0] : found
  if (node instanceof XmlElement) return node
  throw new IntegrationError('MEDIATION_FAILED', `target="${target.source}" selects no element of this message`)
}

/** Of an entry that is XML the query is its text: people wrap it in an element and CDATA. */
function queryIn(text: string): string {
  if (!text.trimStart().startsWith('<')) return text
  try {
    const inside = parseXml(text.trim()).root
    return inside.firstElement || inside.ownText.trim() === '' ? text : inside.ownText
  } catch (thrown) {
    if (thrown instanceof XmlError) return text
    throw thrown
  }
}

function valueOf(
  variable: Variable,
  target: XmlElement,
  query: string,
  ctx: MessageContext,
  { at }: KindEnv,
): QueryVariable {
  const { name, type, source } = variable
  const atomic = ATOMIC[type]
  if (atomic) return { name, value: { type: atomic, value: atomicOf(variable, atomic, ctx, at) } }
  const element = !source ? target : elementOf(source, ctx, at)
  if (!element)
    throw new IntegrationError('MEDIATION_FAILED', `the variable ${name} of the query is to be XML, and is none`)
  return { name, value: { type: wantsElement(query, name) ? 'element' : 'document', element: plainTree(element) } }
}

/** Queries declare a payload of type ELEMENT as a document, or as what it is. */
function wantsElement(query: string, name: string): boolean {
  const declaration = query.indexOf(`$${name} as element(`)
  return declaration >= 0
}

function atomicOf(
  { name, source }: Variable,
  type: AtomicType,
  ctx: MessageContext,
  at: KindEnv['at'],
): string | number | boolean {
  const given =
    source?.kind === 'expression'
      ? source.value.string(ctx)
      : source?.kind === 'key'
        ? ctx.runtime.get({ role: 'local-entry', name: source.value, at }).text()
        : (source?.value ?? '')
  if (type === 'xs:string') return given
  const trimmed = given.trim()
  if (type === 'xs:boolean') return trimmed === 'true' || trimmed === '1'
  const number = Number(trimmed)
  if (trimmed !== '' && !Number.isNaN(number)) return number
  throw new IntegrationError('MEDIATION_FAILED', `the variable ${name} of the query is to be a number, and is none`)
}

function elementOf(
  source: NonNullable<Variable['source']>,
  ctx: MessageContext,
  at: KindEnv['at'],
): XmlElement | undefined {
  if (source.kind === 'expression') {
    const found = source.value.value(ctx)
    const node: unknown = Array.isArray(found) ? found[0] : found
    if (node instanceof XmlElement) return node
    return typeof found === 'string' ? xmlIn(found) : undefined
  }
  const text =
    source.kind === 'key' ? ctx.runtime.get({ role: 'local-entry', name: source.value, at }).text() : source.value
  return xmlIn(text)
}

function xmlIn(text: string): XmlElement | undefined {
  try {
    return parseXml(text.trim()).root
  } catch (thrown) {
    if (thrown instanceof XmlError) return undefined
    throw thrown
  }
}

function put(made: ReturnType<typeof nodeOfPlain> | string, target: Expression | undefined, ctx: MessageContext): void {
  ctx.message.body.edit(envelopeView)
  // Editing may have made a copy of the tree: the target is looked for again.
  const old = targetOf(target, ctx)!
  if (typeof made !== 'string' && made.kind === 'element') replace(old, made)
  else old.setText(typeof made === 'string' ? made : made.kind === 'text' ? made.value : '')
}
