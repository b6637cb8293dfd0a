import type { Expression } from '../kernel/contracts.ts'
import { clone } from '../xml/clone.ts'
import type { XmlElement } from '../xml/tree.ts'
import type { ElementSite } from './element-site.ts'
import type { ElementDraft } from './element-draft.ts'
import type { Shape, ValueDoc } from './shape.ts'
import { expression, type ValueType } from './types.ts'

/** One thing an element may carry: how it is read, written back and described. */
export interface Field<T> {
  readonly shape: Shape
  /** Reads it from `site`, reporting mistakes there; on a mistake the value is a best effort and the artifact is faulty. */
  decode(site: ElementSite, key: string): T
  encode(value: T, draft: ElementDraft, key: string): void
  /** True if the element carries it: decides which branch of a {@link choice} is taken. */
  present(site: ElementSite, key: string): boolean
}

// The erased form: a field in a table of fields. Only inference looks at the value type.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyField = Field<any>
export type Fields = Readonly<Record<string, AnyField>>

/** The typed configuration a table of fields decodes to. */
export type ConfigOf<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never }

interface ValueOptions {
  readonly doc: string
  /** The name as written in XML, where it differs from the key. */
  readonly name?: string
  readonly advanced?: boolean
  readonly deprecated?: string
  readonly ignored?: string
}
type Required<O> = O & { readonly required: true }
type Fallback<O, T> = O & { readonly fallback: NoInfer<T> }

/** An attribute named like its key. */
export function attr<T>(type: ValueType<T>, options: Required<ValueOptions>): Field<T>
export function attr<T>(type: ValueType<T>, options: Fallback<ValueOptions, T>): Field<T>
export function attr<T>(type: ValueType<T>, options: ValueOptions): Field<T | undefined>
export function attr<T>(
  type: ValueType<T>,
  options: ValueOptions & { required?: true; fallback?: T },
): Field<T | undefined> {
  const nameOf = (key: string): string => options.name ?? key
  return {
    shape: { kind: 'attribute', ...valueDoc(options.name ?? '', type, options) },
    decode(site, key) {
      const attribute = site.attribute(nameOf(key))
      if (attribute === undefined) {
        if (options.required) site.missing(`attribute "${nameOf(key)}"`, type.expected)
        return options.fallback
      }
      site.notes(nameOf(key), attribute.offset, options)
      return (
        site.value(type, attribute.value, site.placeOf(attribute), `attribute "${nameOf(key)}"`) ?? options.fallback
      )
    },
    encode(value, draft, key) {
      if (value !== undefined && !isFallback(value, options.fallback, type)) draft.attribute(nameOf(key), type, value)
    },
    present: (site, key) => site.hasAttribute(nameOf(key)),
  }
}

/**
 * The `expression` attribute of an element that names its language in `evaluator`: with `json` it is a bare JSONPath.
 */
export function evaluated(options: { doc: string }): Field<Expression | undefined> {
  const type = expression()
  const isJson = (site: ElementSite): boolean => site.attribute('evaluator')?.value === 'json'
  return {
    shape: { kind: 'attribute', ...valueDoc('expression', type, options) },
    decode(site) {
      const attribute = site.attribute('expression')
      if (!attribute) return undefined
      const place = site.placeOf(attribute)
      if (!isJson(site) || /^\s*(?:json-eval\(|\$\{)/.test(attribute.value)) {
        return site.value(type, attribute.value, place, 'attribute "expression"')
      }
      const inner = (index: number): number => place.inner(Math.max(0, index - 'json-eval('.length))
      return site.value(type, `json-eval(${attribute.value})`, { ...place, inner }, 'attribute "expression"')
    },
    encode(value, draft) {
      if (value !== undefined) draft.attribute('expression', type, value)
    },
    present: site => site.hasAttribute('expression'),
  }
}

/** A `<parameter name="…">` of a store, processor or proxy. */
export function param<T>(name: string, type: ValueType<T>, options: Required<Omit<ValueOptions, 'name'>>): Field<T>
export function param<T>(name: string, type: ValueType<T>, options: Fallback<Omit<ValueOptions, 'name'>, T>): Field<T>
export function param<T>(name: string, type: ValueType<T>, options: Omit<ValueOptions, 'name'>): Field<T | undefined>
export function param<T>(
  name: string,
  type: ValueType<T>,
  options: Omit<ValueOptions, 'name'> & { required?: true; fallback?: T },
): Field<T | undefined> {
  return {
    shape: { kind: 'parameter', ...valueDoc(name, type, options) },
    decode(site) {
      const given = site.parameter(name)
      if (given === undefined) {
        if (options.required) site.missing(`parameter "${name}"`, type.expected)
        return options.fallback
      }
      site.notes(name, given.offset, options)
      return site.value(type, given.text, given, `parameter "${name}"`) ?? options.fallback
    },
    encode(value, draft) {
      if (value !== undefined && !isFallback(value, options.fallback, type)) draft.parameter(name, type, value)
    },
    present: site => site.parameter(name) !== undefined,
  }
}

/** Every `<parameter>` that no other field of the element has read, by name. */
export function parameters(options: { doc: string }): Field<Readonly<Record<string, string>>> {
  return {
    shape: { kind: 'parameters', doc: options.doc },
    decode: site => site.otherParameters(),
    encode(value, draft) {
      for (const [name, given] of Object.entries(value)) draft.plainParameter(name, given)
    },
    present: () => true,
  }
}

/** The text of the element itself. */
export function content<T>(type: ValueType<T>, options: Required<{ doc: string }>): Field<T>
export function content<T>(type: ValueType<T>, options: { doc: string }): Field<T | undefined>
export function content<T>(type: ValueType<T>, options: { doc: string; required?: true }): Field<T | undefined> {
  return {
    shape: { kind: 'text', type: type as ValueType<never>, doc: options.doc, required: options.required ?? false },
    decode(site) {
      const given = site.text()
      if (given === '') {
        if (options.required) site.missing('text', type.expected)
        return undefined
      }
      return site.value(type, given, site.textPlace, `<${site.element.local}>`)
    },
    encode(value, draft) {
      if (value !== undefined) draft.text(type, value)
    },
    present: site => site.peekText() !== '',
  }
}

/** One child element with fields of its own. */
export function child<F extends Fields>(
  tag: string,
  fields: F,
  options: { doc: string; required: true },
): Field<ConfigOf<F>>
export function child<F extends Fields>(
  tag: string,
  fields: F,
  options: { doc: string },
): Field<ConfigOf<F> | undefined>
export function child<F extends Fields>(
  tag: string,
  fields: F,
  options: { doc: string; required?: true },
): Field<ConfigOf<F> | undefined> {
  return {
    shape: { kind: 'child', tag, fields, many: false, min: options.required ? 1 : 0, doc: options.doc },
    decode(site) {
      const found = site.children(tag)
      if (found.length === 0) {
        if (options.required) site.missing(`element <${tag}>`)
        return undefined
      }
      if (found.length > 1)
        site.error('repeated-element', `<${tag}> may stand here only once`, found[1]!.offset, 'Remove all but one.')
      return site.nested(found[0]!, fields)
    },
    encode(value, draft) {
      if (value !== undefined) draft.child(tag, fields, value)
    },
    present: site => site.hasChild(tag),
  }
}

/** Any number of child elements of one name. */
export function children<F extends Fields>(
  tag: string,
  fields: F,
  options: { doc: string; min?: number },
): Field<readonly ConfigOf<F>[]> {
  return {
    shape: { kind: 'child', tag, fields, many: true, min: options.min ?? 0, doc: options.doc },
    decode(site) {
      const found = site.children(tag)
      if (found.length < (options.min ?? 0)) site.missing(`element <${tag}>`)
      return found.map(element => site.nested(element, fields))
    },
    encode(value, draft) {
      for (const one of value) draft.child(tag, fields, one)
    },
    present: site => site.hasChild(tag),
  }
}

/** XML written in place, of any vocabulary: a property value, a payload template. */
export function inlineXml(options: { doc: string; required: true }): Field<XmlElement>
export function inlineXml(options: { doc: string }): Field<XmlElement | undefined>
export function inlineXml(options: { doc: string; required?: true }): Field<XmlElement | undefined> {
  return {
    shape: { kind: 'inline', doc: options.doc, required: options.required ?? false },
    decode(site) {
      const element = site.takeAnyElement()
      if (element === undefined && options.required) site.missing('an XML element')
      return element
    },
    encode(value, draft) {
      if (value !== undefined) draft.append(clone(value))
    },
    present: site => site.peekAnyElement() !== undefined,
  }
}

/** The value of a field, and what compiles expressions that stand inside it, by the prefixes declared there. */
export interface Scoped<T> {
  readonly value: T
  /** Throws EXPRESSION_SYNTAX or NOT_SUPPORTED. */
  compile(source: string, namespace?: (prefix: string) => string | undefined): Expression
}

/** A field whose text is a language of its own with expressions in it: a payload template. */
export function withCompiler<T>(field: Field<T>): Field<Scoped<T>> {
  const prefixes = new WeakMap<object, Map<string, string>>()
  return {
    shape: field.shape,
    decode(site, key) {
      const used = new Map<string, string>()
      const declared = (prefix: string): string | undefined => {
        const uri = site.element.lookupNamespace(prefix)
        if (uri !== undefined && prefix !== '') used.set(prefix, uri)
        return uri
      }
      const scoped: Scoped<T> = {
        value: field.decode(site, key),
        compile: (source, namespace = declared) => site.decoding.env.compile(source, namespace, site.at),
      }
      prefixes.set(scoped, used)
      return scoped
    },
    encode(scoped, draft, key) {
      field.encode(scoped.value, draft, key)
      for (const [prefix, uri] of prefixes.get(scoped) ?? []) draft.element.declare(prefix, uri)
    },
    present: (site, key) => field.present(site, key),
  }
}

/** Exactly one (or, unless `required`, at most one) of several fields; the value says which. */
export function choice<F extends Fields>(options: F, rules: { doc: string; required: true }): Field<ChoiceOf<F>>
export function choice<F extends Fields>(options: F, rules: { doc: string }): Field<ChoiceOf<F> | undefined>
export function choice<F extends Fields>(
  options: F,
  rules: { doc: string; required?: true },
): Field<ChoiceOf<F> | undefined> {
  const entries = Object.entries(options)
  return {
    shape: { kind: 'choice', options, required: rules.required ?? false, doc: rules.doc },
    decode(site) {
      const taken = entries.filter(([key, field]) => field.present(site, key))
      const first = taken[0]
      if (first === undefined) {
        if (rules.required) site.missing(`one of ${entries.map(([key, field]) => labelOf(field, key)).join(', ')}`)
        return undefined
      }
      for (const [key, field] of taken.slice(1)) {
        field.decode(site, key)
        site.warn(
          'one-too-many',
          `${labelOf(field, key)} has no effect beside ${labelOf(first[1], first[0])}`,
          site.element.offset,
          'Keep one of the two.',
        )
      }
      // Undefined: what is there cannot be read, and has been reported.
      const value: unknown = first[1].decode(site, first[0])
      return value === undefined ? undefined : ({ kind: first[0], value } as ChoiceOf<F>)
    },
    encode(value, draft) {
      if (value === undefined) return
      const { kind, value: inner } = value as { kind: string; value: unknown }
      options[kind]!.encode(inner, draft, kind)
    },
    present: site => entries.some(([key, field]) => field.present(site, key)),
  }
}

export type ChoiceOf<F extends Fields> = {
  [K in keyof F]: { readonly kind: K; readonly value: Exclude<F[K] extends Field<infer T> ? T : never, undefined> }
}[keyof F]

/** How a field is called in messages to the user. */
export function labelOf(field: AnyField, key: string): string {
  const { shape } = field
  switch (shape.kind) {
    case 'attribute':
      return `attribute "${shape.name === '' ? key : shape.name}"`
    case 'parameter':
      return `parameter "${shape.name}"`
    case 'child':
      return `element <${shape.tag}>`
    case 'endpoint':
      return 'element <endpoint>'
    case 'inline':
      return 'inline XML'
    case 'text':
      return 'text'
    default:
      return key
  }
}

function valueDoc<T>(
  name: string,
  type: ValueType<T>,
  options: ValueOptions & { required?: true; fallback?: T },
): ValueDoc {
  return {
    name,
    type: type as unknown as ValueType<never>,
    doc: options.doc,
    required: options.required ?? false,
    ...(options.fallback !== undefined && { fallback: type.print(options.fallback) }),
    ...(options.advanced !== undefined && { advanced: options.advanced }),
    ...(options.deprecated !== undefined && { deprecated: options.deprecated }),
    ...(options.ignored !== undefined && { ignored: options.ignored }),
  }
}

function isFallback<T>(value: T, fallback: T | undefined, type: ValueType<T>): boolean {
  return fallback !== undefined && type.print(value) === type.print(fallback)
}
