import { setFault, type FaultParts } from '../../codecs/fault.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Expression } from '../../kernel/contracts.ts'
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
  qname,
  text,
  type QName,
} from '../../schema/index.ts'
import { clone } from '../../xml/clone.ts'
import type { XmlElement } from '../../xml/tree.ts'

const SOAP = {
  soap11: 'http://schemas.xmlsoap.org/soap/envelope/',
  soap12: 'http://www.w3.org/2003/05/soap-envelope',
} as const
const CODES = {
  soap11: ['VersionMismatch', 'MustUnderstand', 'Client', 'Server'],
  soap12: ['VersionMismatch', 'MustUnderstand', 'DataEncodingUnknown', 'Sender', 'Receiver'],
} as const

const textOrExpression = {
  value: attr(text(), { doc: 'A fixed text.' }),
  expression: attr(expression(), { doc: 'Taken from the message.' }),
}

export default defineMediator({
  tag: 'makefault',
  summary: 'Replaces the body by a fault.',
  details: `
    Without a version it is SOAP 1.1, whatever the message was, or the version whose namespace the code is in. Unless \`response="false"\`, the message becomes a response:
    a following \`send\` answers the caller. It does not send anything itself. \`pox\` makes an \`<Exception>\` element with
    the detail, else the reason.`,
  fields: {
    version: attr(oneOf('soap11', 'soap12', 'pox'), { doc: 'Which kind of fault.' }),
    response: attr(flag(), { fallback: true, doc: 'False leaves the direction of the message as it is.' }),
    code: child(
      'code',
      {
        source: choice(
          {
            value: attr(qname(), { doc: 'The code, with the prefix of the SOAP namespace.' }),
            expression: attr(expression(), { doc: 'Gives the code for each message.' }),
          },
          { required: true, doc: 'The fault code.' },
        ),
      },
      { doc: 'The fault code; required for SOAP.' },
    ),
    reason: child(
      'reason',
      { source: choice(textOrExpression, { required: true, doc: 'The reason.' }) },
      { doc: 'Why; required for SOAP.' },
    ),
    node: child('node', { value: content(text(), { doc: 'A URI.' }) }, { doc: 'The node that failed; SOAP 1.2 only.' }),
    role: child(
      'role',
      { value: content(text(), { doc: 'A URI.' }) },
      { doc: 'The role that failed (`faultactor` in SOAP 1.1).' },
    ),
    detail: child(
      'detail',
      {
        source: choice(
          {
            expression: attr(expression(), { doc: 'Taken from the message.' }),
            xml: inlineXml({ doc: 'XML written in place.' }),
            text: content(text(), { doc: 'A text.' }),
          },
          { doc: 'The detail.' },
        ),
      },
      { doc: 'More about it.' },
    ),
  },
  examples: [
    {
      title: 'Tell the caller what went wrong',
      xml: `<makefault version="soap11"><code xmlns:soap11Env="http://schemas.xmlsoap.org/soap/envelope/" value="soap11Env:Server"/><reason expression="get-property('ERROR_MESSAGE')"/></makefault>`,
    },
    { title: 'Plain XML', xml: '<makefault version="pox"><reason value="no such order"/></makefault>' },
  ],
  check({ version: written, code, reason, node }, site) {
    const version = written ?? versionOf(code?.source)
    if (version === 'pox') return
    if (!code) site.missing('element <code>')
    if (!reason) site.missing('element <reason>')
    if (node && version === 'soap11')
      site.error(
        'invalid-value',
        'a SOAP 1.1 fault has no node',
        site.element.offset,
        'Remove <node>, or use version="soap12".',
      )
    if (code?.source?.kind === 'value')
      checkCode(code.source.value, version, problem =>
        site.error(
          'invalid-value',
          problem,
          site.element.offset,
          `Use one of ${CODES[version].join(', ')} with a prefix for ${SOAP[version]}.`,
        ),
      )
  },
  create({ version: written, response, code, reason, node, role, detail }) {
    const version = written ?? versionOf(code?.source)
    const expressions = [code?.source, reason?.source, detail?.source].filter(source => source?.kind === 'expression')
    return {
      needsBody: version !== 'pox' || expressions.some(source => (source!.value as Expression).needsBody),
      mediate(ctx) {
        const { message } = ctx
        const parts: FaultParts = {
          ...(code?.source && {
            code: code.source.kind === 'value' ? code.source.value.local : localPart(code.source.value.string(ctx)),
          }),
          reason: reason?.source ? textFrom(reason.source, ctx) : '',
          ...detailOf(detail?.source, ctx),
          ...(role?.value !== undefined && { role: role.value }),
          ...(node?.value !== undefined && { node: node.value }),
        }
        setFault(message, version, parts)
        const { addressing } = message
        const replyTo = addressing.replyTo
        const target = response ? replyTo : (addressing.faultTo ?? replyTo)
        if (target === undefined) delete addressing.to
        else addressing.to = target
        if (response) message.isResponse = true
        return 'next'
      },
    }
  },
})

/** Where no version is written. */
function versionOf(code: { readonly kind: string; readonly value: unknown } | undefined): 'soap11' | 'soap12' {
  return code?.kind === 'value' && (code.value as QName).uri === SOAP.soap12 ? 'soap12' : 'soap11'
}

type Source =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'expression'; readonly value: Expression }

function textFrom(source: Source, ctx: MessageContext): string {
  return source.kind === 'value' ? source.value : source.value.string(ctx)
}

type Detail =
  | { readonly kind: 'expression'; readonly value: Expression }
  | { readonly kind: 'xml'; readonly value: XmlElement }
  | { readonly kind: 'text'; readonly value: string }

function detailOf(source: Detail | undefined, ctx: MessageContext): Pick<FaultParts, 'detail'> {
  if (!source) return {}
  if (source.kind === 'xml') return { detail: [clone(source.value)] }
  return { detail: source.kind === 'text' ? source.value : source.value.string(ctx) }
}

function checkCode(code: QName, version: 'soap11' | 'soap12', report: (problem: string) => void): void {
  if (code.uri !== SOAP[version])
    report(`the fault code "${code.prefix}:${code.local}" is not in the namespace of ${version}`)
  else if (!(CODES[version] as readonly string[]).includes(code.local))
    report(`"${code.local}" is not a fault code of ${version}`)
}

function localPart(name: string): string {
  return name.slice(name.indexOf(':') + 1).trim()
}
