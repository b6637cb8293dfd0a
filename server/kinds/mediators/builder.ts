import { parseContentType } from '../../codecs/content-type.ts'
import { envelopeView } from '../../codecs/envelope.ts'
import { jsonView } from '../../codecs/json.ts'
import { attr, children, defineMediator, text } from '../../schema/index.ts'

const java = 'Builders are chosen by content type; Java classes cannot be loaded.'

export default defineMediator({
  tag: 'builder',
  summary: 'Reads the whole body now, and faults if it is not what its content type says.',
  details: 'Elsewhere a body is read when something looks into it, or passed on unread.',
  fields: {
    builders: children(
      'messageBuilder',
      {
        contentType: attr(text(), { doc: 'Content type it is for.', ignored: java }),
        class: attr(text(), { doc: 'A Java class.', ignored: java }),
        formatterClass: attr(text(), { doc: 'A Java class.', ignored: java }),
      },
      { doc: 'A builder of your own.' },
    ),
  },
  examples: [{ title: 'Refuse what cannot be read', xml: '<builder/>' }],
  create() {
    return {
      needsBody: true,
      mediate({ message: { body } }) {
        if (body.changed || body.isEmpty) return 'next'
        if (parseContentType(body.contentType).kind === 'json') body.view(jsonView)
        else body.view(envelopeView)
        return 'next'
      },
    }
  },
})
