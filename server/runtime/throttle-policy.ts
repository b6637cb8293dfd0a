/** The WS-Policy of a throttle (synapse-language C.24). */
import type { XmlElement } from '../xml/tree.ts'
import { descendants } from '../xml/tree.ts'

export interface ThrottlePolicy {
  /** Most messages on their way at once. */
  readonly concurrent: number | undefined
  readonly by: Readonly<Record<CallerRule['by'], RulesOfCallers>>
}

/** Of several for the same callers the first one counts. */
export class RulesOfCallers {
  readonly #own = new Map<string, CallerRule>()
  readonly #ranges: { readonly from: bigint; readonly to: bigint; readonly rule: CallerRule }[] = []
  #other: CallerRule | undefined

  constructor(rules: readonly CallerRule[]) {
    for (const rule of rules) {
      const { callers } = rule
      if (callers.kind === 'other') this.#other ??= rule
      else if (callers.kind === 'range') this.#ranges.push({ ...callers, rule })
      else if (!this.#own.has(callers.name)) this.#own.set(callers.name, rule)
    }
  }

  /** The rule that names the caller, else that of a range, else the one for all others. */
  for(name: string): CallerRule | undefined {
    return this.#own.get(name.toLowerCase()) ?? this.#rangeWith(name) ?? this.#other
  }

  #rangeWith(name: string): CallerRule | undefined {
    if (this.#ranges.length === 0) return undefined
    const number = addressNumber(name)
    return number === undefined ? undefined : this.#ranges.find(({ from, to }) => number >= from && number <= to)?.rule
  }
}

export interface CallerRule {
  readonly by: 'IP' | 'DOMAIN'
  /** `other` is for whom no rule of the same kind is. */
  readonly callers: Callers
  readonly control: Control
}

export type Callers =
  | { readonly kind: 'other' }
  | { readonly kind: 'one'; readonly name: string }
  | { readonly kind: 'range'; readonly from: bigint; readonly to: bigint; readonly name: string }

export type Control = 'allow' | 'deny' | RateControl

export interface RateControl {
  readonly count: number
  /** Milliseconds. */
  readonly unit: number
  /** Milliseconds a caller who has had too much stays out; 0: to the end of the unit. */
  readonly prohibit: number
}

/** What is wrong with a policy, and at which element. */
export class PolicyProblem extends Error {
  override readonly name = 'PolicyProblem'
  readonly element: XmlElement

  constructor(element: XmlElement, message: string) {
    super(message)
    this.element = element
  }
}

/** Throws PolicyProblem. */
export function parsePolicy(root: XmlElement): ThrottlePolicy {
  const elements = [root, ...descendants(root)].filter(node => node.kind === 'element')
  const maximum = elements.find(({ local }) => local === 'MaximumConcurrentAccess')
  const rules = elements.filter(({ local }) => local === 'ID').map(ruleOf)
  const concurrent = maximum && wholeNumber(maximum)
  if (concurrent === undefined && rules.length === 0)
    throw new PolicyProblem(root, 'the policy limits nothing: it has neither MaximumConcurrentAccess nor an ID')
  const of = (by: CallerRule['by']): RulesOfCallers => new RulesOfCallers(rules.filter(rule => rule.by === by))
  return { concurrent, by: { IP: of('IP'), DOMAIN: of('DOMAIN') } }
}

function ruleOf(id: XmlElement): CallerRule {
  const by = id.attributes.find(({ local }) => local === 'type')?.value ?? 'IP'
  if (by !== 'IP' && by !== 'DOMAIN')
    throw new PolicyProblem(id, `throttling by "${by}" is not supported; callers are told apart by IP or DOMAIN`)
  const { parent } = id
  if (parent?.kind !== 'element') throw new PolicyProblem(id, 'an ID stands in a Policy, beside its control')
  return { by, callers: callersOf(id), control: controlOf(parent) }
}

function callersOf(id: XmlElement): Callers {
  const name = id.text.trim()
  if (name.toLowerCase() === 'other') return { kind: 'other' }
  const [, first, last] = /^([^-\s]+)\s*-\s*([^-\s]+)$/.exec(name) ?? []
  const from = first === undefined ? undefined : addressNumber(first)
  const to = last === undefined ? undefined : addressNumber(last)
  if (from !== undefined && to !== undefined) return { kind: 'range', from, to, name }
  if (name === '') throw new PolicyProblem(id, 'an ID names an address, a range of addresses (a-b), a domain or other')
  return { kind: 'one', name: name.toLowerCase() }
}

function controlOf(policy: XmlElement): Control {
  const inside = [...descendants(policy)].filter(node => node.kind === 'element')
  const find = (local: string): XmlElement | undefined => inside.find(element => element.local === local)
  if (isOn(find('Allow'))) return 'allow'
  if (isOn(find('Deny'))) return 'deny'
  const count = find('MaximumCount')
  const unit = find('UnitTime')
  const prohibit = find('ProhibitTimePeriod')
  if (!count || !unit) throw new PolicyProblem(policy, 'a control has MaximumCount and UnitTime, or Allow, or Deny')
  return { count: wholeNumber(count), unit: wholeNumber(unit), prohibit: prohibit ? wholeNumber(prohibit) : 0 }
}

function isOn(element: XmlElement | undefined): boolean {
  return element !== undefined && element.text.trim().toLowerCase() !== 'false'
}

function wholeNumber(element: XmlElement): number {
  const text = element.text.trim()
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new PolicyProblem(element, `${element.local} has to be a whole number, not "${text}"`)
}

/** An IPv4 address as a number; undefined for anything else. */
export function addressNumber(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || parts.some(part => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return undefined
  return parts.reduce((value, part) => value * 256n + BigInt(part), 0n)
}
