import type { Expression, Ref, RoleName, SourceRef } from '../kernel/contracts.ts'
import type { MessageContext } from '../kernel/context.ts'
import { guardedRegExp } from '../kernel/guarded-regex.ts'
import { endOfExpression } from '../kernel/inline-expression.ts'
import { nearest } from '../kernel/nearest.ts'

/** What a value can ask of the place it stands in. */
export interface ValueSite {
  readonly at: SourceRef
  /** The namespace a prefix means here. */
  namespace(prefix: string): string | undefined
  /** Compiles an XPath or JSONPath; reports a diagnostic and returns undefined if it cannot be. */
  expression(source: string): Expression | undefined
  /** Replaces `$SYSTEM:X`, `$FILE:x` and `${configs.x}` at the beginning of a value (synapse-language B.3). */
  substitute(text: string): Parsed<string>
  /** Notes that this artifact refers to another one. */
  refer<R extends RoleName>(role: R, name: string, chain?: true): Ref<R>
}

export type Parsed<T> = { readonly value: T } | { readonly problem: string; readonly hint?: string }

/** How an attribute, parameter or text is read, checked, printed, described and edited. */
export interface ValueType<T> {
  readonly name: string
  /** Completes "expected …": `a whole number of at least 1`. */
  readonly expected: string
  /** Base type in the generated XML schema. */
  readonly xsd: string
  /** The allowed texts, where they can be listed. */
  readonly options?: readonly string[]
  /** The role a reference points to: editors offer a picker. */
  readonly role?: RoleName
  /** Never printed. */
  readonly secret?: boolean
  parse(text: string, site: ValueSite): Parsed<T>
  print(value: T): string
}

export function text(rules: { pattern?: RegExp; expected?: string } = {}): ValueType<string> {
  const expected = rules.expected ?? 'text'
  return {
    name: 'text',
    expected,
    xsd: 'xs:string',
    parse: given =>
      rules.pattern && !rules.pattern.test(given) ? { problem: `expected ${expected}` } : { value: given },
    print: value => value,
  }
}

/** An address; may begin with `$SYSTEM:X`, `$FILE:x` or `${configs.x}`, replaced at deploy. */
export function address(): ValueType<string> {
  return { ...text(), name: 'address', expected: 'an address', parse: (given, site) => site.substitute(given.trim()) }
}

export function secret(): ValueType<string> {
  return { ...text(), name: 'secret', secret: true }
}

export function int(rules: { min?: number; max?: number } = {}): ValueType<number> {
  const { min, max } = rules
  const bounds = [min === undefined ? '' : ` of at least ${min}`, max === undefined ? '' : ` of at most ${max}`].join(
    '',
  )
  const expected = `a whole number${bounds}`
  return {
    name: 'int',
    expected,
    xsd: 'xs:long',
    parse(given) {
      const trimmed = given.trim()
      const value = Number(trimmed)
      const fits =
        /^[+-]?\d+$/.test(trimmed) && (min === undefined || value >= min) && (max === undefined || value <= max)
      return fits ? { value } : { problem: `expected ${expected}` }
    },
    print: String,
  }
}

export function decimal(rules: { min?: number } = {}): ValueType<number> {
  const expected = rules.min === undefined ? 'a number' : `a number of at least ${rules.min}`
  return {
    name: 'decimal',
    expected,
    xsd: 'xs:double',
    parse(given) {
      const value = Number(given.trim())
      const fits = given.trim() !== '' && Number.isFinite(value) && (rules.min === undefined || value >= rules.min)
      return fits ? { value } : { problem: `expected ${expected}` }
    },
    print: String,
  }
}

/** `true` or `false` in any letter case, as Java's Boolean reads it; anything else is reported. */
export function flag(): ValueType<boolean> {
  return oneOfWords('flag', 'true or false', 'xs:boolean', { true: true, false: false }, String)
}

/** `enable` or `disable`. */
export function enabled(): ValueType<boolean> {
  return oneOfWords('enabled', 'enable or disable', 'xs:string', { enable: true, disable: false }, on =>
    on ? 'enable' : 'disable',
  )
}

function oneOfWords(
  name: string,
  expected: string,
  xsd: string,
  words: Readonly<Record<string, boolean>>,
  print: (value: boolean) => string,
): ValueType<boolean> {
  return {
    name,
    expected,
    xsd,
    options: Object.keys(words),
    parse(given) {
      const value = words[given.trim().toLowerCase()]
      return value === undefined ? { problem: `expected ${expected}` } : { value }
    },
    print,
  }
}

/** One of some words, letter case mattering. */
export function oneOf<const T extends string>(...options: readonly T[]): ValueType<T> {
  const expected = options.length === 2 ? options.join(' or ') : `one of ${options.join(', ')}`
  return {
    name: 'oneOf',
    expected,
    xsd: 'xs:string',
    options,
    parse(given) {
      const found = options.find(option => option === given.trim())
      if (found !== undefined) return { value: found }
      const near = nearest(given.trim(), options)
      return { problem: `expected ${expected}`, ...(near !== undefined && { hint: `Did you mean "${near}"?` }) }
    },
    print: value => value,
  }
}

/** A time in milliseconds, written as a whole number. */
export function milliseconds(rules: { min?: number } = { min: 0 }): ValueType<number> {
  const base = int(rules)
  return { ...base, name: 'milliseconds', expected: `a time in milliseconds (${base.expected})` }
}

export function seconds(rules: { min?: number } = { min: 0 }): ValueType<number> {
  const base = int(rules)
  return { ...base, name: 'seconds', expected: `a time in seconds (${base.expected})` }
}

/** A list of whole numbers separated by commas. */
export function intList(): ValueType<readonly number[]> {
  return {
    name: 'intList',
    expected: 'whole numbers separated by commas',
    xsd: 'xs:string',
    parse(given) {
      const values: number[] = []
      for (const part of given.split(',')) {
        if (part.trim() === '') continue
        const value = Number(part.trim())
        if (!Number.isInteger(value)) return { problem: `"${part.trim()}" is not a whole number` }
        values.push(value)
      }
      return { value: values }
    },
    print: values => values.join(','),
  }
}

/** Words separated by blanks or commas. */
export function words(): ValueType<readonly string[]> {
  return {
    name: 'words',
    expected: 'words separated by blanks or commas',
    xsd: 'xs:string',
    parse: given => ({ value: given.split(/[\s,]+/).filter(word => word !== '') }),
    print: values => values.join(' '),
  }
}

/** A Java regular expression that has to match the whole text (synapse-language H17). */
export function wholeRegex(): ValueType<RegExp> {
  const sources = new WeakMap<RegExp, string>()
  return {
    name: 'regex',
    expected: 'a regular expression',
    xsd: 'xs:string',
    parse(given) {
      try {
        const compiled = guardedRegExp(`^(?:${given})$`, 'u')
        sources.set(compiled, given)
        return { value: compiled }
      } catch {
        try {
          const compiled = guardedRegExp(`^(?:${given})$`)
          sources.set(compiled, given)
          return { value: compiled }
        } catch (cause) {
          return { problem: `not a regular expression: ${cause instanceof Error ? cause.message : String(cause)}` }
        }
      }
    },
    print: value => sources.get(value) ?? value.source,
  }
}

export interface QName {
  readonly prefix: string
  readonly local: string
  readonly uri: string
}

/** `prefix:name` with the prefix declared where it stands, or a name without a namespace. */
export function qname(): ValueType<QName> {
  return {
    name: 'qname',
    expected: 'a name, with a declared prefix if it has one',
    xsd: 'xs:string',
    parse(given, site) {
      const [, prefix = '', local = ''] = /^(?:([^:]*):)?(.*)$/s.exec(given.trim()) ?? []
      if (local === '') return { problem: 'expected a name' }
      const uri = prefix === '' ? '' : site.namespace(prefix)
      if (uri === undefined)
        return { problem: `the prefix "${prefix}" is not declared`, hint: `Add xmlns:${prefix}="…".` }
      return { value: { prefix, local, uri } }
    },
    print: value => (value.prefix === '' ? value.local : `${value.prefix}:${value.local}`),
  }
}

/**
 * The name of another artifact. A dangling one is a warning at deploy and a fault at the message that needs it. Those of
 * a chain must not lead back to where they began.
 */
export function ref<R extends RoleName>(role: R, rules: { chain?: true } = {}): ValueType<Ref<R>> {
  return {
    name: 'ref',
    expected: `the name of a ${role}`,
    xsd: 'xs:string',
    role,
    parse(given, site) {
      const name = given.trim()
      return name === ''
        ? { problem: `expected the name of a ${role}` }
        : { value: site.refer(role, name, rules.chain) }
    },
    print: value => value.name,
  }
}

/** An XPath 1.0 expression, `json-eval(…)` or `${…}`. */
export function expression(): ValueType<Expression> {
  return {
    name: 'expression',
    expected: 'an XPath 1.0 expression, json-eval(…) or ${…}',
    xsd: 'xs:string',
    parse(given, site) {
      const compiled = site.expression(given)
      return compiled ? { value: compiled } : { problem: '' }
    },
    print: value => value.source,
  }
}

/** A text that is the same for every message, or `{…}` around an expression evaluated for each. */
export type Dynamic = { readonly literal: string } | { readonly expression: Expression }

export function dynamicText(): ValueType<Dynamic> {
  return {
    name: 'dynamicText',
    expected: 'text, or an expression in braces',
    xsd: 'xs:string',
    parse(given, site) {
      const inner = braced(given)
      if (inner === undefined) return { value: { literal: given } }
      const compiled = site.expression(inner)
      return compiled ? { value: { expression: compiled } } : { problem: '' }
    },
    print: value => ('literal' in value ? value.literal : inBraces(value.expression)),
  }
}

/** A reference that is fixed, or computed for each message by an expression in braces. */
export type DynamicRef<R extends RoleName> =
  | Ref<R>
  | { readonly role: R; readonly expression: Expression; readonly at: SourceRef }

export function dynamicRef<R extends RoleName>(role: R): ValueType<DynamicRef<R>> {
  const fixed = ref(role)
  return {
    name: 'dynamicRef',
    expected: `the name of a ${role}, or an expression in braces`,
    xsd: 'xs:string',
    role,
    parse(given, site) {
      const inner = braced(given)
      if (inner === undefined) return fixed.parse(given, site)
      const compiled = site.expression(inner)
      return compiled ? { value: { role, expression: compiled, at: site.at } } : { problem: '' }
    },
    print: value => ('name' in value ? value.name : inBraces(value.expression)),
  }
}

/** The reference a {@link DynamicRef} means for this message. */
export function resolveRef<R extends RoleName>(target: DynamicRef<R>, ctx: MessageContext): Ref<R> {
  return 'name' in target ? target : { role: target.role, name: target.expression.string(ctx), at: target.at }
}

export function dynamicString(value: Dynamic, ctx: MessageContext): string {
  return 'literal' in value ? value.literal : value.expression.string(ctx)
}

/** True if reading it may look into the body. */
export function dynamicNeedsBody(value: Dynamic | DynamicRef<RoleName> | undefined): boolean {
  return value !== undefined && 'expression' in value && value.expression.needsBody
}

function inBraces({ source }: Expression): string {
  return source.startsWith('${') ? source : `{${source}}`
}

/** A text with expressions written `${…}` in it. */
export interface TemplateText {
  readonly source: string
  /** Texts and expressions in order. */
  readonly parts: readonly (string | Expression)[]
}

export function templateText(): ValueType<TemplateText> {
  return {
    name: 'templateText',
    expected: 'text, with ${…} where values go',
    xsd: 'xs:string',
    parse(given, site) {
      const parts: (string | Expression)[] = []
      let rest = 0
      for (let at = given.indexOf('${'); at >= 0; at = given.indexOf('${', rest)) {
        const end = endOfExpression(given, at)
        if (end === undefined) break
        const compiled = site.expression(given.slice(at, end))
        if (!compiled) return { problem: '' }
        if (at > rest) parts.push(given.slice(rest, at))
        parts.push(compiled)
        rest = end
      }
      if (rest < given.length) parts.push(given.slice(rest))
      return { value: { source: given, parts } }
    },
    print: value => value.source,
  }
}

export function templateString({ parts }: TemplateText, ctx: MessageContext): string {
  return parts.map(part => (typeof part === 'string' ? part : part.string(ctx))).join('')
}

export function templateNeedsBody(value: TemplateText | undefined): boolean {
  return value !== undefined && value.parts.some(part => typeof part !== 'string' && part.needsBody)
}

/** The expression of a value that is one as a whole: in braces, or `${…}`. */
function braced(given: string): string | undefined {
  const trimmed = given.trim()
  if (endOfExpression(trimmed, 0) === trimmed.length) return trimmed
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}')) return undefined
  return trimmed.slice(1, -1).trim()
}
