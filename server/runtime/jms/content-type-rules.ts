import type { ContentTypeRules } from '../../codecs/contracts.ts'
import { nearest } from '../../kernel/nearest.ts'
import type { ElementSite } from '../../schema/element-site.ts'
import type { Field } from '../../schema/fields.ts'
import { text } from '../../schema/index.ts'
import type { XmlElement } from '../../xml/tree.ts'

/** Where the content type of a message is found; written as one type, or as `<rules>`. */
interface WrittenRules extends ContentTypeRules {
  readonly element?: XmlElement
  readonly fixed?: string
}

const NAME = 'transport.jms.ContentType'

/** `transport.jms.ContentType`. */
export const contentTypeRules: Field<WrittenRules | undefined> = {
  shape: {
    kind: 'parameter',
    name: NAME,
    type: text() as never,
    required: false,
    doc: 'Content type of every message; or `<rules>` with `<jmsProperty>`, `<bytesMessage>`, `<textMessage>` and `<default>`, of which the first that applies counts. Absent: the property contentType or Content-Type, else what the payload looks like.',
  },
  decode(site) {
    const element = site.element.childElements.find(
      child => child.local === 'parameter' && child.attribute('name') === NAME,
    )
    const rules = element?.childElements.find(({ local }) => local === 'rules')
    const given = site.parameter(NAME)
    if (!rules) {
      const fixed = given?.text.trim() ?? ''
      return fixed === '' ? undefined : { properties: [], bytes: fixed, text: fixed, rest: fixed, fixed }
    }
    return { ...rulesIn(rules, site), element: rules }
  },
  encode(value, draft) {
    if (!value) return
    if (value.fixed !== undefined) draft.plainParameter(NAME, value.fixed)
    else if (value.element) {
      const parameter = draft.plainParameter(NAME, '')
      parameter.clear()
      parameter.append(value.element)
    }
  },
  present: site => site.parameter(NAME) !== undefined,
}

function rulesIn(rules: XmlElement, site: ElementSite): ContentTypeRules {
  const properties: string[] = []
  let bytes: string | undefined
  let plain: string | undefined
  let rest: string | undefined
  for (const rule of rules.childElements) {
    const value = rule.text.trim()
    if (rule.local === 'jmsProperty') properties.push(value === '' ? 'contentType' : value)
    else if (rule.local === 'bytesMessage') bytes = value || 'application/octet-stream'
    else if (rule.local === 'textMessage') plain = value || 'text/plain'
    else if (rule.local === 'default') rest = value
    else {
      const near = nearest(rule.local, ['jmsProperty', 'bytesMessage', 'textMessage', 'default'])
      site.warn(
        'unknown-element',
        `<rules> cannot contain <${rule.local}>`,
        rule.offset,
        near === undefined ? 'It is ignored. Remove it.' : `It is ignored. Did you mean <${near}>?`,
      )
    }
  }
  return {
    properties,
    ...(bytes !== undefined && { bytes }),
    ...(plain !== undefined && { text: plain }),
    ...(rest !== undefined && { rest }),
  }
}
