import { existsSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { connectionFactoriesOf, decodeEnv, extensionFolders } from '../app.ts'
import { deliveryRemarks } from '../deploy/delivery-rules/index.ts'
import { byPlace, link, type Linked } from '../deploy/linker.ts'
import { Loader } from '../deploy/loader.ts'
import { Resources } from '../deploy/resources.ts'
import { ExtensionFolders } from '../extensions/folder.ts'
import { systemClock } from '../kernel/clock.ts'
import type { ConnectionFactories } from '../kernel/connection-factories.ts'
import type { Diagnostic } from '../kernel/contracts.ts'
import { loadSettings } from '../settings/load.ts'
import { SourceLines } from './source-lines.ts'
import type { Command, Io, ParsedArgs } from './command.ts'

const check: Command = {
  name: 'check',
  summary:
    'Says what is wrong with artifacts, where, and what to do, without running them; and what will stop, slow or lose delivery.',
  usage: '[DIR|FILE…] [-o text|json] [--strict] [--home DIR]',
  operands: [
    {
      name: 'DIR|FILE',
      optional: true,
      repeat: true,
      doc: 'What to check, put together as one. Default: HOME/deploy.',
    },
  ],
  options: [
    {
      name: 'output',
      short: 'o',
      value: 'FORMAT',
      choices: ['text', 'json'],
      default: 'text',
      doc: 'How to write it.',
    },
    { name: 'strict', doc: 'Warnings count as errors.' },
    {
      name: 'home',
      value: 'DIR',
      doc: 'Where registry and properties are. Default: HOLDFAST_HOME, else ./holdfast-home.',
    },
  ],
  examples: [
    'holdfast check',
    'holdfast check deploy',
    'holdfast check -o json --strict samples/02-failover-ei/artifacts',
  ],

  async run(args, io) {
    const { home, more, factories } = await placesOf(args, io)
    const operands = args.operands.length > 0 ? args.operands : [relative(io.cwd, join(home, 'deploy')) || '.']
    const missing = operands.find(operand => !existsSync(resolve(io.cwd, operand)))
    if (missing !== undefined) {
      io.err(`holdfast check: there is no file or folder ${missing}.\n`)
      return 2
    }
    const places = operands.map(operand => resolve(io.cwd, operand))
    const resources = new Resources(home)
    const extensions = new ExtensionFolders(extensionFolders(home, places, more), 0)
    await extensions.look()
    const loader = new Loader(places, decodeEnv(home, io.env, systemClock, resources, extensions, factories), io.cwd)
    await loader.prepare()
    resources.bring(loader.resources)
    const { files, registryRoot } = loader.load()
    resources.rootAt(registryRoot)
    const valid = link(files, { factories })
    const linked = withDiagnostics(valid, [...extensions.diagnostics, ...deliveryRemarks(valid.artifacts)])
    const counts = countsOf(linked.diagnostics)
    const found = linked.artifacts.length + linked.faulty.length
    if (args.text('output') === 'json') io.out(asJson(linked, files.length, counts, io.cwd))
    else io.out(asText(linked, files.length, counts, operands, io))
    return found === 0 || counts.error > 0 || (args.has('strict') && counts.warning > 0) ? 1 : 0
  },
}

export default check

function withDiagnostics(linked: Linked, more: readonly Diagnostic[]): Linked {
  return { ...linked, diagnostics: [...more, ...linked.diagnostics].sort(byPlace) }
}

type Counts = Record<Diagnostic['severity'], number>

interface Places {
  readonly home: string
  readonly more: readonly string[]
  readonly factories: ConnectionFactories
}

async function placesOf(args: ParsedArgs, io: Io): Promise<Places> {
  const home = args.text('home')
  const flags = home === undefined ? {} : { home }
  const { settings } = await loadSettings({ flags, env: io.env, cwd: io.cwd })
  return { home: settings.server.home, more: settings.extension.folders, factories: connectionFactoriesOf(settings) }
}

function countsOf(diagnostics: readonly Diagnostic[]): Counts {
  const counts: Counts = { error: 0, warning: 0, hint: 0 }
  for (const { severity } of diagnostics) counts[severity]++
  return counts
}

function asJson({ artifacts, faulty, diagnostics }: Linked, files: number, counts: Counts, cwd: string): string {
  const lines = new SourceLines(cwd)
  const report = {
    files,
    artifacts: artifacts.map(({ role, name, decoded }) => ({ role, name, ...decoded.at })),
    faulty: faulty.map(({ role, name, file }) => ({ ...(role && { role }), ...(name !== '' && { name }), file })),
    errors: counts.error,
    warnings: counts.warning,
    hints: counts.hint,
    diagnostics: diagnostics.map(({ at, hint, ...rest }) => ({
      ...rest,
      ...at,
      ...(hint !== undefined && { hint }),
      source: lines.line(at) ?? '',
    })),
  }
  return `${JSON.stringify(report, null, 2)}\n`
}

const ESCAPES: Readonly<Record<Diagnostic['severity'] | 'dim' | 'bold', string>> = {
  error: '\u001b[31m',
  warning: '\u001b[33m',
  hint: '\u001b[36m',
  dim: '\u001b[2m',
  bold: '\u001b[1m',
}

type Paint = (kind: keyof typeof ESCAPES, text: string) => string

function painter(io: Io): Paint {
  const coloured = io.terminal === true && (io.env['NO_COLOR'] ?? '') === '' && io.env['TERM'] !== 'dumb'
  return coloured ? (kind, text) => `${ESCAPES[kind]}${text}\u001b[0m` : (_kind, text) => text
}

function asText(linked: Linked, files: number, counts: Counts, operands: readonly string[], io: Io): string {
  const paint = painter(io)
  const lines = new SourceLines(io.cwd)
  const blocks = linked.diagnostics.map(diagnostic => block(diagnostic, lines, paint))
  return `${[...blocks, summary(linked, files, counts, operands, paint)].join('\n\n')}\n`
}

/** The place first, so that an editor or a terminal can jump there. */
function block({ severity, code, message, at, hint }: Diagnostic, lines: SourceLines, paint: Paint): string {
  const text = [
    `${paint('bold', `${at.file}:${at.line}:${at.column}`)} ${paint(severity, severity)} ${message} ${paint('dim', `[${code}]`)}`,
  ]
  const excerpt = lines.excerpt(at)
  if (excerpt) {
    const number = String(at.line)
    const margin = ' '.repeat(number.length)
    text.push(`  ${paint('dim', `${number} |`)} ${excerpt.text}`)
    text.push(`  ${paint('dim', `${margin} |`)} ${excerpt.before}${paint(severity, '^')}`)
  }
  if (hint !== undefined) text.push(`  ${hint}`)
  return text.join('\n')
}

function summary(
  { artifacts, faulty }: Linked,
  files: number,
  counts: Counts,
  operands: readonly string[],
  paint: Paint,
): string {
  if (artifacts.length + faulty.length === 0) {
    return `Nothing to deploy: there are no artifacts in ${operands.join(', ')}. Artifacts are files whose names end in .xml.`
  }
  const broken = faulty.filter(({ hides }) => hides !== 'file' && hides !== 'folder').length
  const said = [
    ...(counts.error > 0 ? [paint('error', plural(counts.error, 'error'))] : []),
    ...(counts.warning > 0 ? [paint('warning', plural(counts.warning, 'warning'))] : []),
    ...(counts.hint > 0 ? [paint('hint', plural(counts.hint, 'hint'))] : []),
  ]
  const what = `${plural(artifacts.length + broken, 'artifact')} in ${plural(files, 'file')}`
  if (said.length === 0) return `${what}: nothing to complain about.`
  const consequence =
    faulty.length === 0
      ? ' All can be deployed.'
      : ` ${artifacts.length === 0 ? 'None' : `Only ${artifacts.length}`} can be deployed.`
  return `${what}: ${said.join(', ')}.${consequence}`
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
