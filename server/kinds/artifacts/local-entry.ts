import type { LocalEntry } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { attr, choice, content, defineArtifact, inlineXml, text } from '../../schema/index.ts'
import { printXml } from '../../xml/writer.ts'

export default defineArtifact({
  role: 'local-entry',
  tag: 'localEntry',
  nameAttribute: 'key',
  nameOf: ({ key }) => key ?? '',
  summary: 'A text or XML under a key, for other artifacts to use.',
  details: `
    \`src\` reads the content of a file of the server's home (\`file:…\`) or of the registry when it is first used;
    it is read again when the artifact is deployed again.`,
  fields: {
    key: attr(text(), { required: true, doc: 'How others refer to it.' }),
    source: choice(
      {
        src: attr(text(), { doc: 'File of the home or registry resource with the content.' }),
        xml: inlineXml({ doc: 'The content as XML.' }),
        text: content(text(), { doc: 'The content as text.' }),
      },
      { doc: 'The content.' },
    ),
  },
  examples: [
    { title: 'A text', xml: '<localEntry key="greeting">hello</localEntry>' },
    { title: 'XML', xml: '<localEntry key="map"><codes xmlns=""><code>7</code></codes></localEntry>' },
  ],
  create({ source }, env): LocalEntry {
    if (source?.kind !== 'src') {
      const value = source === undefined ? '' : source.kind === 'xml' ? printXml(source.value) : source.value
      return {
        key: env.name,
        contentType: source?.kind === 'xml' ? 'application/xml' : 'text/plain',
        text: () => value,
      }
    }
    const { value: src } = source
    let read: { contentType: string; text: string } | undefined
    const resource = (): { contentType: string; text: string } => {
      const found = read ? undefined : env.services.resources.read(src)
      if (found) read = { contentType: found.contentType, text: Buffer.from(found.bytes).toString('utf8') }
      if (read) return read
      throw new IntegrationError(
        'ENTRY_UNKNOWN',
        `the local entry ${env.name} refers to "${src}", which is not there`,
        { at: env.at },
      )
    }
    return {
      key: env.name,
      get contentType() {
        return resource().contentType
      },
      text: () => resource().text,
    }
  },
})
