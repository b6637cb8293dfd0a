import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { connectionFactoriesOf, decodeEnv, extensionFolders } from '../app.ts'
import { assess } from '../deploy/import/assess.ts'
import { Resources } from '../deploy/resources.ts'
import { ExtensionFolders } from '../extensions/folder.ts'
import { systemClock } from '../kernel/clock.ts'
import { loadSettings } from '../settings/load.ts'
import type { Command } from './command.ts'
import { asHtml } from './import-report/html.ts'
import { asText } from './import-report/text.ts'

const command: Command = {
  name: 'import',
  summary:
    'Says what would become of artifacts of Synapse, EI or MI here: what runs, what is different, what is refused.',
  usage: '--report DIR|CAR… [--format text|json|html] [--out FILE]',
  operands: [
    { name: 'DIR|CAR', repeat: true, doc: 'Artifacts, or Carbon applications. Nothing is changed or deployed.' },
  ],
  options: [
    { name: 'report', doc: 'The report; there is nothing else to import: artifacts run as they are.' },
    { name: 'format', value: 'FORMAT', choices: ['text', 'json', 'html'], default: 'text', doc: 'How to write it.' },
    { name: 'out', value: 'FILE', doc: 'Where to write it; otherwise it is printed.' },
    {
      name: 'home',
      value: 'DIR',
      doc: 'Where registry and properties are. Default: HOLDFAST_HOME, else ./holdfast-home.',
    },
  ],
  examples: ['holdfast import --report samples', 'holdfast import --report samples --format html --out report.html'],

  async run(args, io) {
    const missing = args.operands.find(operand => !existsSync(resolve(io.cwd, operand)))
    if (missing !== undefined) {
      io.err(`holdfast import: there is no file or folder ${missing}.\n`)
      return 2
    }
    const home = args.text('home')
    const flags = home === undefined ? {} : { home }
    const { settings } = await loadSettings({ flags, env: io.env, cwd: io.cwd })
    const { server, extension } = settings
    const places = args.operands.map(operand => resolve(io.cwd, operand))
    const resources = new Resources(server.home)
    const extensions = new ExtensionFolders(extensionFolders(server.home, places, extension.folders), 0)
    await extensions.look()
    const env = decodeEnv(server.home, io.env, systemClock, resources, extensions, connectionFactoriesOf(settings))
    const found = await assess(places, env, resources, io.cwd)
    const format = args.text('format')
    const title = places.map(place => basename(place)).join(', ')
    const report =
      format === 'html'
        ? asHtml(found, title)
        : format === 'json'
          ? `${JSON.stringify(found, null, 2)}\n`
          : asText(found)
    const out = args.text('out')
    if (out === undefined) io.out(report)
    else {
      await writeFile(resolve(io.cwd, out), report)
      io.out(`The report is in ${out}.\n`)
    }
    return found.artifacts.some(({ verdict }) => verdict === 'refused') ? 1 : 0
  },
}

export default command
