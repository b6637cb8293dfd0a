import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import type { Command } from './command.ts'
import { junit, suiteText, totalsOf, type SuiteResult } from './unit-test/report.ts'
import { runSuite } from './unit-test/run-suite.ts'
import { readSuite, SuiteProblem } from './unit-test/suite.ts'

const test: Command = {
  name: 'test',
  summary: 'Runs unit tests of artifacts: <unit-test> suites, as WSO2 has them.',
  usage: '[DIR|FILE…] [--name TEXT] [--junit FILE]',
  operands: [
    {
      name: 'DIR|FILE',
      optional: true,
      repeat: true,
      doc: 'Suites, or folders with suites in them. Default: the folder you are in.',
    },
  ],
  options: [
    { name: 'name', value: 'TEXT', doc: 'Only cases whose name contains this.' },
    { name: 'junit', value: 'FILE', doc: 'Writes the results there, as build servers read them.' },
  ],
  examples: ['holdfast test', 'holdfast test samples/06-content-based-routing/tests --junit results.xml'],

  async run(args, io) {
    const operands = args.operands.length > 0 ? args.operands : ['.']
    const missing = operands.find(operand => !existsSync(resolve(io.cwd, operand)))
    if (missing !== undefined) {
      io.err(`holdfast test: there is no file or folder ${missing}.\n`)
      return 2
    }
    const files = operands.flatMap(operand => suitesIn(resolve(io.cwd, operand)))
    if (files.length === 0) {
      io.err(
        `holdfast test: there are no suites in ${operands.join(', ')}. A suite is an XML file whose root is <unit-test>.\n`,
      )
      return 2
    }
    const wanted = args.text('name')
    const colour = io.terminal === true && (io.env['NO_COLOR'] ?? '') === ''
    const results: SuiteResult[] = []
    for (const file of files) {
      if (io.signal.aborted) break
      const result = await resultOf(file, wanted, io.cwd, io.env)
      if (result.cases.length === 0) continue
      results.push(result)
      io.out(suiteText(result, colour))
    }
    const report = args.text('junit')
    if (report !== undefined) await writeFile(resolve(io.cwd, report), junit(results))
    const { passed, failed } = totalsOf(results)
    io.out(`\n${passed} passed, ${failed} failed, in ${results.length} ${results.length === 1 ? 'suite' : 'suites'}\n`)
    return failed > 0 || passed === 0 ? 1 : 0
  },
}

export default test

async function resultOf(
  path: string,
  wanted: string | undefined,
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<SuiteResult> {
  const file = relative(cwd, path) || path
  try {
    const suite = readSuite(path, cwd)
    const cases = suite.cases.filter(({ name }) => wanted === undefined || name.includes(wanted))
    return { file, cases: cases.length === 0 ? [] : await runSuite({ ...suite, cases }, env) }
  } catch (thrown) {
    if (!(thrown instanceof SuiteProblem)) throw thrown
    const { at, message } = thrown
    return { file, cases: [{ name: 'suite', at, ms: 0, failures: [{ kind: 'error', message, at }], log: [] }] }
  }
}

const SUITE = /^(?:\s|<\?.*?\?>|<!--.*?-->)*<(?:synapse-)?unit-test[\s>]/s

/** Files whose root says so; build output and packages are left out. */
function suitesIn(path: string): string[] {
  if (statSync(path).isFile()) return [path]
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(entry => {
      const inside = join(path, entry.name)
      if (entry.isDirectory()) return /^(?:\.|node_modules$|target$)/.test(entry.name) ? [] : suitesIn(inside)
      return entry.name.endsWith('.xml') && SUITE.test(readFileSync(inside, 'utf8')) ? [inside] : []
    })
}
