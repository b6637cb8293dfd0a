/** What every command of the `holdfast` binary is, and how its arguments are read. */
import { parseArgs } from 'node:util'
import { textOf } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'

export interface Command {
  readonly name: string
  readonly summary: string
  /** What follows `holdfast NAME` on the usage line, such as `[--port N] DIR`. */
  readonly usage: string
  readonly options: readonly Option[]
  /** What may stand without a dash; none may when absent. */
  readonly operands?: readonly Operand[]
  readonly examples: readonly string[]
  /** Turns other spellings people know (`-Daddurl=…`) into ours before anything is parsed. */
  rewrite?(argv: readonly string[]): string[]
  /** Resolves to the exit code: 0 done, 1 it failed, 2 it was called wrongly. */
  run(args: ParsedArgs, io: Io): Promise<number>
}

export interface Option {
  /** Without dashes. */
  readonly name: string
  readonly short?: string
  /** Name of the value in the help; absent for a switch. `N`, `PORT` and `MS` must be whole numbers. */
  readonly value?: string
  readonly choices?: readonly string[]
  readonly repeat?: boolean
  readonly default?: string
  readonly doc: string
}

export interface Operand {
  readonly name: string
  readonly optional?: boolean
  readonly repeat?: boolean
  readonly doc: string
}

export interface Io {
  /** Writes as it is: a line needs its own `\n`. */
  out(text: string): void
  err(text: string): void
  /** A person reads what is written with {@link out}: colours help. */
  readonly terminal?: boolean
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** Aborts at the first SIGINT or SIGTERM: stop, but in good order. */
  readonly signal: AbortSignal
  /** Aborts at the second one: stop now. */
  readonly hurry: AbortSignal
}

export interface ParsedArgs {
  readonly operands: readonly string[]
  /** True for a switch that was given, and for an option that was written out (a default does not count). */
  has(name: string): boolean
  text(name: string): string | undefined
  number(name: string): number | undefined
  list(name: string): readonly string[]
}

/** A mistake on the command line; a value, like every mistake of a user. */
export class UsageError {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

const HELP: Option = { name: 'help', short: 'h', doc: 'Shows this page.' }
const NUMERIC: Readonly<Record<string, number>> = { N: Number.MAX_SAFE_INTEGER, MS: 2 ** 31 - 1, PORT: 65535 }

export function parse(command: Command, argv: readonly string[]): ParsedArgs | UsageError {
  const known = new Map([...command.options, HELP].map(option => [option.name, option]))
  const { tokens } = parseArgs({
    args: command.rewrite?.(argv) ?? [...argv],
    options: Object.fromEntries(
      [...known.values()].map(option => [
        option.name,
        {
          type: option.value ? ('string' as const) : ('boolean' as const),
          ...(option.short ? { short: option.short } : {}),
        },
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const given = new Map<string, string[]>()
  const operands: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value)
    if (token.kind !== 'option') continue
    const option = known.get(token.name)
    if (!option) return unknownOption(token.rawName, known.keys())
    const wrong = valueProblem(option, token)
    if (wrong) return new UsageError(wrong)
    const values = given.get(option.name) ?? []
    if (values.length > 0 && option.value && !option.repeat) {
      return new UsageError(`--${option.name} is given more than once.`)
    }
    given.set(option.name, [...values, token.value ?? 'true'])
  }
  if (!given.has(HELP.name)) {
    const wrong = operandProblem(command, operands)
    if (wrong) return new UsageError(wrong)
  }
  return argumentsOf(known, given, operands)
}

function argumentsOf(known: Map<string, Option>, given: Map<string, string[]>, operands: string[]): ParsedArgs {
  const list = (name: string): readonly string[] => {
    const option = known.get(name)
    if (!option) throw new TypeError(`the command declares no option --${name}`)
    return given.get(name) ?? (option.default === undefined ? [] : [option.default])
  }
  return {
    operands,
    has: name => given.has(name),
    text: name => list(name)[0],
    number(name) {
      const text = list(name)[0]
      return text === undefined ? undefined : Number(text)
    },
    list,
  }
}

function unknownOption(written: string, known: Iterable<string>): UsageError {
  const name = nearest(written.replace(/^-+/, ''), known)
  return new UsageError(`There is no option ${written}.${name ? ` Did you mean --${name}?` : ''}`)
}

function valueProblem(option: Option, token: { value?: string | undefined; inlineValue?: boolean | undefined }) {
  const { value } = token
  if (!option.value) return value === undefined ? undefined : `--${option.name} takes no value.`
  // `--port --quiet` is a forgotten value far more often than a value that starts with a dash.
  if (value === undefined || (!token.inlineValue && value.startsWith('-'))) {
    return `--${option.name} needs a value: --${option.name} ${option.value}.`
  }
  if (option.choices && !option.choices.includes(value)) {
    const meant = nearest(value, option.choices)
    return `--${option.name} cannot be "${value}": it is one of ${option.choices.join(', ')}.${meant ? ` Did you mean ${meant}?` : ''}`
  }
  const most = NUMERIC[option.value]
  if (most !== undefined && (!/^\d+$/.test(value) || Number(value) > most)) {
    const range = option.value === 'PORT' ? ' from 0 to 65535' : ''
    return `--${option.name} must be a whole number${range}, not "${value}".`
  }
  return undefined
}

function operandProblem(command: Command, given: readonly string[]): string | undefined {
  const wanted = command.operands ?? []
  const missing = wanted.find((operand, index) => !operand.optional && given[index] === undefined)
  if (missing) return `${missing.name} is missing: ${missing.doc}`
  if (given.length > wanted.length && !wanted.at(-1)?.repeat) {
    return `"${given[wanted.length]}" is one argument too many.`
  }
  return undefined
}

export function helpText(command: Command): string {
  const rows = [...command.options, HELP].map(option => {
    const value = option.value ? ` ${option.value}` : ''
    const notes = [
      option.choices ? `One of ${option.choices.join(', ')}.` : '',
      option.repeat ? 'May be given more than once.' : '',
      option.default === undefined ? '' : `Default: ${option.default}.`,
    ].filter(Boolean)
    return [`${option.short ? `-${option.short}, ` : ''}--${option.name}${value}`, [option.doc, ...notes].join(' ')]
  })
  const operands = (command.operands ?? []).map(operand => [operand.name, operand.doc])
  return [
    command.summary,
    '',
    `Usage: holdfast ${command.name} ${command.usage}`.trimEnd(),
    ...(operands.length > 0 ? ['', ...table(operands)] : []),
    '',
    'Options:',
    ...table(rows),
    ...(command.examples.length > 0 ? ['', 'Examples:', ...command.examples.map(line => `  ${line}`)] : []),
    '',
  ].join('\n')
}

/** Two columns; a left cell that is too wide has its text on the next line. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const width = Math.min(28, Math.max(...rows.map(([left]) => left!.length)))
  return rows.flatMap(([left, right]) =>
    left!.length > width
      ? [`  ${left}`, `  ${' '.repeat(width)}  ${right}`]
      : [`  ${left!.padEnd(width)}  ${right}`.trimEnd()],
  )
}

/** Help, a usage error, or the command itself; whatever it throws is told in one line. Resolves to the exit code. */
export async function execute(command: Command, argv: readonly string[], io: Io): Promise<number> {
  const args = parse(command, argv)
  if (args instanceof UsageError) {
    io.err(`holdfast ${command.name}: ${args.message}\nSee: holdfast ${command.name} --help\n`)
    return 2
  }
  if (args.has(HELP.name)) {
    io.out(helpText(command))
    return 0
  }
  try {
    return await command.run(args, io)
  } catch (thrown) {
    io.err(`holdfast ${command.name}: ${textOf(thrown)}\n`)
    if (io.env['HOLDFAST_DEBUG'] && thrown instanceof Error && thrown.stack) io.err(`${thrown.stack}\n`)
    return 1
  }
}
