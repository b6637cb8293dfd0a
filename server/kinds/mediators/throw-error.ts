import { IntegrationError } from '../../kernel/errors.ts'
import { attr, defineMediator, dynamicNeedsBody, dynamicString, dynamicText, text } from '../../schema/index.ts'
import type { Dynamic } from '../../schema/index.ts'
import type { ValueType } from '../../schema/types.ts'

const plainText = dynamicText()
/** Also `${…}` as a whole. */
const message: ValueType<Dynamic> = {
  ...plainText,
  parse(given, site) {
    if (!given.trim().startsWith('${')) return plainText.parse(given, site)
    const compiled = site.expression(given.trim())
    return compiled ? { value: { expression: compiled } } : { problem: '' }
  },
  print(value) {
    const isBare = 'expression' in value && value.expression.source.trimStart().startsWith('${')
    return isBare ? value.expression.source : plainText.print(value)
  },
}

export default defineMediator({
  tag: 'throwError',
  summary: 'Ends the flow with a fault of your own.',
  details: `
    ERROR_CODE becomes the type, which may be any text, ERROR_MESSAGE the message, whatever they were before; then the
    nearest fault handler runs.`,
  fields: {
    type: attr(text(), { required: true, doc: 'The error code.' }),
    errorMessage: attr(message, { required: true, doc: 'What went wrong.' }),
  },
  examples: [
    { title: 'Refuse', xml: '<throwError type="ORDER_REFUSED" errorMessage="there is no such customer"/>' },
    { title: 'With a value', xml: `<throwError type="400" errorMessage="{get-property('why')}"/>` },
  ],
  create({ type, errorMessage }, env) {
    return {
      needsBody: dynamicNeedsBody(errorMessage),
      mediate(ctx) {
        const text = dynamicString(errorMessage, ctx)
        const { properties } = ctx
        properties.set('ERROR_CODE', type)
        properties.set('ERROR_MESSAGE', text)
        properties.set('ERROR_DETAIL', `${env.at.file}:${env.at.line}:${env.at.column}: ${text}`)
        properties.set('ERROR_EXCEPTION', `${type}: ${text}`)
        throw new IntegrationError('MEDIATION_FAILED', text, { at: env.at })
      },
    }
  },
})
