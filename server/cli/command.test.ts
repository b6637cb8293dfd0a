import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordedIo } from '../testing/io.ts'
import type { Command, ParsedArgs } from './command.ts'
import { execute, helpText, parse, UsageError } from './command.ts'

function command(run: Command['run'] = async () => 0): Command {
  return {
    name: 'brew',
    summary: 'Makes tea.',
    usage: '[--port N] POT [CUP…]',
    options: [
      { name: 'port', short: 'p', value: 'PORT', default: '80', doc: 'Where.' },
      { name: 'cups', value: 'N', doc: 'How many.' },
      { name: 'leaf', value: 'NAME', choices: ['green', 'black'], repeat: true, doc: 'Which.' },
      { name: 'quiet', short: 'q', doc: 'Says nothing.' },
    ],
    operands: [
      { name: 'POT', doc: 'In which.' },
      { name: 'CUP', optional: true, repeat: true, doc: 'Into which.' },
    ],
    examples: ['holdfast brew kettle'],
    run,
  }
}

function parsed(...argv: string[]): ParsedArgs {
  const args = parse(command(), argv)
  assert.ok(!(args instanceof UsageError), args instanceof UsageError ? args.message : '')
  return args
}

function mistake(...argv: string[]): string {
  const args = parse(command(), argv)
  assert.ok(args instanceof UsageError)
  return args.message
}

test('options, switches, operands and defaults are told apart', () => {
  const args = parsed('pot', '-q', '--leaf', 'green', '--leaf=black', 'c1', 'c2')
  assert.deepEqual(args.operands, ['pot', 'c1', 'c2'])
  assert.equal(args.number('port'), 80)
  assert.equal(args.has('port'), false)
  assert.equal(args.has('quiet'), true)
  assert.deepEqual(args.list('leaf'), ['green', 'black'])
  assert.equal(args.number('cups'), undefined)
  assert.equal(parsed('pot', '-p', '81').number('port'), 81)
})

test('everything after two dashes is an operand', () => {
  assert.deepEqual(parsed('pot', '--', '--quiet').operands, ['pot', '--quiet'])
})

test('every mistake is answered with what is wrong and, where it can be guessed, what was meant', () => {
  assert.equal(mistake('pot', '--prot', '1'), 'There is no option --prot. Did you mean --port?')
  assert.equal(mistake('pot', '--xyzzy'), 'There is no option --xyzzy.')
  assert.equal(mistake('pot', '-z'), 'There is no option -z.')
  assert.equal(mistake('pot', '--port'), '--port needs a value: --port PORT.')
  assert.equal(mistake('pot', '--port', '--quiet'), '--port needs a value: --port PORT.')
  assert.equal(mistake('pot', '--port', '65536'), '--port must be a whole number from 0 to 65535, not "65536".')
  assert.equal(mistake('pot', '--cups=-1'), '--cups must be a whole number, not "-1".')
  assert.equal(mistake('pot', '--cups', '1', '--cups', '2'), '--cups is given more than once.')
  assert.equal(mistake('pot', '--quiet=no'), '--quiet takes no value.')
  assert.equal(
    mistake('pot', '--leaf', 'gren'),
    '--leaf cannot be "gren": it is one of green, black. Did you mean green?',
  )
  assert.equal(mistake(), 'POT is missing: In which.')
})

test('an operand too many is named', () => {
  const wanted = { ...command(), operands: [] }
  const args = parse(wanted, ['kettle'])
  assert.ok(args instanceof UsageError)
  assert.equal(args.message, '"kettle" is one argument too many.')
})

test('asking for an option that the command does not declare is our own mistake', () => {
  assert.throws(() => parsed('pot').text('sugar'), /declares no option --sugar/)
})

test('the help names every option, value, default and example', () => {
  const help = helpText(command())
  for (const part of [
    '-p, --port PORT',
    'Default: 80.',
    'One of green, black.',
    'holdfast brew kettle',
    '-h, --help',
  ]) {
    assert.ok(help.includes(part), part)
  }
})

test('help wins over a missing operand, and nothing runs', async () => {
  const io = recordedIo()
  const never = command(async () => assert.fail('ran'))
  assert.equal(await execute(never, ['--help'], io), 0)
  assert.equal(io.stdout, helpText(never))
})

test('a wrong call exits with 2, a failure with 1 and one line, success with what the command says', async () => {
  const wrong = recordedIo()
  assert.equal(await execute(command(), ['--no'], wrong), 2)
  assert.match(wrong.stderr, /^holdfast brew: There is no option --no\.\nSee: holdfast brew --help\n$/)

  const broken = command(async () => {
    throw new Error('the pot is cracked')
  })
  const failed = recordedIo()
  assert.equal(await execute(broken, ['pot'], failed), 1)
  assert.equal(failed.stderr, 'holdfast brew: the pot is cracked\n')
  const debugged = recordedIo({ env: { HOLDFAST_DEBUG: '1' } })
  await execute(broken, ['pot'], debugged)
  assert.match(debugged.stderr, /command\.test\.ts/)

  assert.equal(
    await execute(
      command(async () => 3),
      ['pot'],
      recordedIo(),
    ),
    3,
  )
})
