import { parseJson, printJsonValue, type JsonValue } from '../../codecs/json-text.ts'
import {
  addHeaderBlock,
  envelopeText,
  payloadJsonText,
  payloadText,
  payloadXmlText,
  setPayloadJsonText,
  setPayloadXmlText,
} from '../../codecs/script-payload.ts'
import { MARK, MC } from '../../drivers/script/mc.ts'
import { Sandbox, ScriptFailure, type Plain, type Program, type ScriptSource } from '../../drivers/script/sandbox.ts'
import { scriptEngine, type ScriptEngine } from '../../drivers/script/script-engine.ts'
import { synapseText } from '../../expr/synapse-text.ts'
import { nodesOf } from '../../expr/synapse-expression/values.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Outcome } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { propertyOf, removeProperty, setProperty } from '../../runtime/property-scopes.ts'
import { attr, children, content, defineMediator, dynamicString, dynamicText, text } from '../../schema/index.ts'

const JAVASCRIPT = new Set(['js', 'javascript', 'ecmascript', 'rhinojs', 'nashornjs', 'graaljs'])

/** Milliseconds of one run. Scripts run on the thread of the server: so long nothing else happens. */
const LONGEST = 1_000

export default defineMediator({
  tag: 'script',
  summary: 'Runs JavaScript on the message.',
  details: `
    The code is written in place, or kept under \`key\`; then the function named by \`function\` is called with \`mc\`. The
    object \`mc\` has \`getPayloadXML\`, \`setPayloadXML\` (XML is text), \`getPayloadJSON\`, \`setPayloadJSON\`, \`getPayloadText\`,
    \`getEnvelopeXML\`, \`getProperty\`, \`setProperty(name, value, scope)\`, \`removeProperty\`, \`getVariable\`, \`setVariable\`,
    \`getTo\`, \`setTo\`, \`setReplyTo\`, \`setFaultTo\`, \`setFrom\`, \`getSoapAction\`, \`setSoapAction\`, \`addHeader\`, \`isResponse\`,
    \`getEntry\`, \`getServiceLog\`. Returning \`false\` ends the flow, an exception is a fault.

    Scripts run in a sandbox: they reach nothing but \`mc\`, are stopped after a second, and have 64 MiB of memory. They
    are modern JavaScript without XML literals (E4X) and without Java classes. Needs the package \`quickjs-emscripten\`.`,
  fields: {
    language: attr(text(), { required: true, doc: '`js`; `rhinoJs`, `nashornJs` and `graalJs` are JavaScript, too.' }),
    key: attr(dynamicText(), { doc: 'Local entry or registry resource with the code.' }),
    function: attr(text({ pattern: /^[A-Za-z_$][\w$]*$/, expected: 'the name of a function' }), {
      fallback: 'mediate',
      doc: 'What is called of code under a key.',
    }),
    includes: children(
      'include',
      { key: attr(dynamicText(), { required: true, doc: 'Local entry or registry resource with the code.' }) },
      { doc: 'Code that is evaluated before.' },
    ),
    code: content(text(), { doc: 'The code.' }),
  },
  examples: [
    {
      title: 'Compute with JSON',
      xml: `<script language="js"><![CDATA[var order = mc.getPayloadJSON(); order.total = order.items.reduce((sum, item) => sum + item.price, 0); mc.setPayloadJSON(order);]]></script>`,
    },
    { title: 'A function of a library', xml: '<script language="js" key="conf:/orders.js" function="price"/>' },
  ],
  check({ language, key, code }, site) {
    const { offset } = site.element
    if (language !== undefined && !JAVASCRIPT.has(language.toLowerCase())) {
      site.error(
        'not-supported',
        `scripts in "${language}" are not supported`,
        offset,
        'Rewrite the script in JavaScript and use language="js".',
      )
    }
    if (key === undefined && code === undefined) site.missing('code in place, or attribute "key"')
    if (key !== undefined && code !== undefined)
      site.warn('one-too-many', 'code in place has no effect beside attribute "key"', offset, 'Keep one of the two.')
  },
  create({ language, key, function: name, includes, code }, env) {
    const { clock } = env.services
    let known: { readonly texts: readonly string[]; readonly sandbox: Sandbox } | undefined
    const what = key === undefined ? 'inlined js script' : `js script ${'literal' in key ? key.literal : name}`

    const sandboxFor = (engine: ScriptEngine, sources: readonly ScriptSource[]): Sandbox => {
      const isKnown =
        known?.sandbox.engine === engine && known.texts.every((text, index) => text === sources[index]!.text)
      if (known && isKnown) return known.sandbox
      const program = programOf(sources, key === undefined ? undefined : name)
      known = { texts: sources.map(source => source.text), sandbox: new Sandbox(engine, program, LONGEST, clock) }
      return known.sandbox
    }
    const sourceAt = (name: string, ctx: MessageContext): ScriptSource => ({
      name,
      text: ctx.runtime.get({ role: 'local-entry', name, at: env.at }).text(),
    })
    const run = (engine: ScriptEngine, ctx: MessageContext): Outcome => {
      const sources = includes.map(include => sourceAt(dynamicString(include.key!, ctx), ctx))
      sources.push(key ? sourceAt(dynamicString(key, ctx), ctx) : { name: 'script', text: code! })
      try {
        const sandbox = sandboxFor(engine, sources)
        return sandbox.call((operation, args) => answer(operation, args, ctx)) === false ? 'done' : 'next'
      } catch (thrown) {
        throw failed(thrown, `The script engine returned an error executing the ${what} function ${name}`)
      }
    }
    if (key === undefined && includes.length === 0) {
      // Code in place cannot become right by itself: what is wrong with it is told when it is deployed.
      env.prepare(async () => {
        const engine = await loaded()
        if (!engine) return
        try {
          sandboxFor(engine, [{ name: 'script', text: code! }]).prepare()
        } catch (thrown) {
          throw failed(thrown, `the ${language} code cannot be used`)
        }
      })
    }
    return {
      needsBody: true,
      mediate(ctx) {
        const engine = scriptEngine()
        return engine instanceof Promise ? engine.then(ready => run(ready, ctx)) : run(engine, ctx)
      },
    }
  },
})

/** Without the package the artifact is deployed all the same, and the message that needs it is told. */
async function loaded(): Promise<ScriptEngine | undefined> {
  try {
    return await scriptEngine()
  } catch (thrown) {
    if (thrown instanceof IntegrationError && thrown.code === 'PACKAGE_MISSING') return undefined
    throw thrown
  }
}

function programOf(sources: readonly ScriptSource[], name: string | undefined): Program {
  const before = { name: 'mc', text: MC }
  if (name !== undefined) {
    const text = `(() => { if (typeof ${name} !== 'function') throw new ReferenceError('there is no function ${name}'); return () => ${name}(mc) })()`
    return { sources: [before, ...sources], entry: { name: 'entry', text } }
  }
  // As a function its variables are its own, and gone when it has ended.
  const inline = sources.at(-1)!
  const entry = { name: inline.name, text: `(function () {${inline.text}\n})` }
  return { sources: [before, ...sources.slice(0, -1)], entry }
}

function failed(thrown: unknown, what: string): unknown {
  if (!(thrown instanceof ScriptFailure)) return thrown
  const hint = /SyntaxError/.test(thrown.message)
    ? '. XML literals (E4X) of older engines are not supported: XML is text here'
    : /'(?:java|Packages|importPackage|importClass)' is not defined/.test(thrown.message)
      ? '. Java classes cannot be used; there is only mc'
      : ''
  return new IntegrationError('MEDIATION_FAILED', `${what}: ${thrown.message}${hint}`, { cause: thrown })
}

type Operation = (ctx: MessageContext, args: readonly Plain[]) => Plain | void

const ADDRESSES = ['to', 'from', 'replyTo', 'faultTo', 'action', 'messageId'] as const

function addressOf(name: Plain): (typeof ADDRESSES)[number] {
  return ADDRESSES.find(known => known === name)!
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  payloadXml: ctx => payloadXmlText(ctx.message),
  setPayloadXml: (ctx, [xml]) => setPayloadXmlText(ctx.message, String(xml ?? '')),
  payloadJson: ctx => payloadJsonText(ctx.message),
  setPayloadJson: (ctx, [json, checked]) => setPayloadJsonText(ctx.message, String(json), checked === true),
  payloadText: ctx => payloadText(ctx.message),
  envelopeXml: ctx => envelopeText(ctx.message),
  property: (ctx, [name, scope]) => toScript(propertyOf(scopeOf(scope), String(name), ctx)),
  setProperty: (ctx, [name, value, scope]) => setProperty(scopeOf(scope), String(name), fromScript(value), ctx),
  removeProperty: (ctx, [name, scope]) => removeProperty(scopeOf(scope), String(name), ctx),
  variable: (ctx, [name]) => toScript(ctx.variables.get(String(name))),
  setVariable: (ctx, [name, value]) => void ctx.variables.set(String(name), fromScript(value)),
  removeVariable: (ctx, [name]) => void ctx.variables.delete(String(name)),
  address: (ctx, [name]) => ctx.message.addressing[addressOf(name)] ?? null,
  setAddress(ctx, [name, value]) {
    if (value === null || value === undefined) delete ctx.message.addressing[addressOf(name)]
    else ctx.message.addressing[addressOf(name)] = String(value)
  },
  messageId: ctx => ctx.messageId,
  isResponse: ctx => ctx.message.isResponse,
  setResponse: (ctx, [value]) => void (ctx.message.isResponse = value === true),
  addHeader: (ctx, [mustUnderstand, xml]) => addHeaderBlock(ctx.message, mustUnderstand === true, String(xml ?? '')),
  entry: (ctx, [key]) => ctx.runtime.find('local-entry', String(key))?.text() ?? null,
  log(ctx, [level, text]) {
    const said = `{${ctx.origin.label}} ${String(text)}`
    if (level === 'error' || level === 'fatal') ctx.log.error(said)
    else if (level === 'warn') ctx.log.warn(said)
    else if (level === 'info') ctx.log.info(said)
    else ctx.log.debug(said)
  },
}

function answer(operation: string, args: readonly Plain[], ctx: MessageContext): Plain {
  return OPERATIONS[operation]!(ctx, args) ?? null
}

function scopeOf(scope: Plain): string {
  return scope === null || scope === undefined || scope === 'synapse' ? 'default' : String(scope)
}

/** XML as its text, JSON as a marked text, other values as they are. */
function toScript(value: unknown): Plain {
  if (value === undefined || value === null) return null
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  const nodes = nodesOf(value)
  return nodes ? synapseText(nodes) : MARK + printJsonValue(value as JsonValue)
}

function fromScript(value: Plain): unknown {
  return typeof value === 'string' && value.startsWith(MARK) ? parseJson(value.slice(1)).value : value
}
