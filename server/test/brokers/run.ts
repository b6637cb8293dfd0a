/**
 * `npm run test:brokers`: the tests that need real servers. Gets what it can, says what it cannot, and runs the files.
 * Arguments: parts of paths to run only those. With CI=true a skipped test is a failure.
 */
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { ALL_NEEDED, missing } from './servers/index.ts'

/** One file at a time would leave a core idle while a server starts. */
const CONCURRENCY = 2
/** Of one file: several times what the longest takes on a machine with nothing else to do. */
const LONGEST_FILE_MS = 20 * 60_000

const folder = import.meta.dirname
const wanted = process.argv.slice(2)
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.test.ts') && (wanted.length === 0 || wanted.some(part => name.includes(part))))
  .sort()
if (files.length === 0) {
  console.error(`no test of real servers matches ${wanted.join(' ')}`)
  process.exit(2)
}

console.log('Servers:')
for (const name of ALL_NEEDED) {
  const reason = await missing(name)
  console.log(reason === false ? `  ${name}: ready` : `  SKIPPED ${reason}`)
}

const skipped: string[] = []
const tests = run({
  files: files.map(name => join(folder, name)),
  concurrency: CONCURRENCY,
  timeout: LONGEST_FILE_MS,
})
tests.on('test:pass', ({ name, skip, file }) => {
  if (skip === undefined) return
  const where = file === undefined ? '' : `${relative(process.cwd(), file)}: `
  skipped.push(`${where}${name}${typeof skip === 'string' && skip !== '' ? ` (${skip})` : ''}`)
})
tests.on('test:fail', () => {
  process.exitCode = 1
})
tests.compose(new spec()).pipe(process.stdout)
tests.on('end', () => {
  if (skipped.length === 0) return
  process.once('exit', () => {
    console.log(`\n${skipped.length} skipped:\n${skipped.map(one => `  ${one}`).join('\n')}`)
    if (process.env['CI'] !== 'true') return
    console.log('CI=true: a skipped test is a failure')
    process.exitCode = 1
  })
})
