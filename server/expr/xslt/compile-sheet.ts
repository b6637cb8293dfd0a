import { XmlDocument } from '../../xml/tree.ts'
import type { XmlElement } from '../../xml/tree.ts'
import { attributeSetsOf } from './attribute-sets.ts'
import type { AttributeSet } from './attribute-sets.ts'
import { compileBody } from './body.ts'
import { applyAll, modeName } from './calls.ts'
import { decimalFormatOf } from './decimal-formats.ts'
import { valueOf } from './expressions.ts'
import { attributeOr, invalid, needsLaterVersion } from './fault.ts'
import { DEFAULT_DECIMAL_FORMAT } from './format-number.ts'
import type { DecimalFormat } from './format-number.ts'
import type { KeyDefinition } from './keys.ts'
import { literalElement, namespacesNamed } from './literal-elements.ts'
import { versionOf } from './modules.ts'
import type { Declaration, Module, Modules } from './modules.ts'
import { outputOf } from './output.ts'
import type { OutputProperties } from './output.ts'
import { patternsOf } from './patterns.ts'
import { Mode } from './rules.ts'
import { inside, NOTHING_DECLARED, required, requiredName, wordsOf } from './site.ts'
import type { Frame, NamedTemplate, Sheet, Site } from './site.ts'
import { SpaceStripper } from './strip-space.ts'
import type { SpaceRule } from './strip-space.ts'
import type { GlobalVariable, Instruction } from './transformation.ts'
import { bindingOf } from './variables.ts'
import { DECLARATIONS, LATER_DECLARATIONS, XSL } from './vocabulary.ts'

/** What running a stylesheet needs of it. */
export interface CompiledSheet {
  readonly root: XmlElement
  readonly output: OutputProperties
  strip(document: XmlDocument): XmlDocument
  readonly start: Instruction
}

export function compileSheet(modules: Modules): CompiledSheet {
  return new SheetCompiler(modules).compile()
}

interface Ranked {
  readonly precedence: number
}

/** Compiles in two passes: names first, so that what comes later can be referred to, then what stands behind them. */
class SheetCompiler implements Sheet {
  readonly asksForFeatures: boolean
  readonly #modules: Modules
  readonly #globals = new Map<string, GlobalVariable & Ranked>()
  readonly #named = new Map<string, NamedTemplate & Ranked>()
  readonly #modes = new Map<string, Mode>()
  readonly #sets = new Map<string, AttributeSet & { parts: Declaration[] }>()
  readonly #keys = new Map<string, KeyDefinition[]>()
  readonly #formats = new Map<string, DecimalFormat>([['', DEFAULT_DECIMAL_FORMAT]])
  readonly #aliases = new Map<string, { prefix: string; uri: string }>()
  readonly #sites = new Map<Module, Site>()
  readonly #later: (() => void)[] = []
  #stripper = new SpaceStripper([])

  constructor(modules: Modules) {
    this.#modules = modules
    this.asksForFeatures = modules.asksForFeatures
  }

  compile(): CompiledSheet {
    const { declarations, main } = this.#modules
    // Aliases first: every literal element asks for them.
    for (const one of this.#all('namespace-alias')) this.#alias(one.element)
    this.#stripper = new SpaceStripper([
      ...this.#spaceRules('strip-space', true),
      ...this.#spaceRules('preserve-space', false),
    ])
    for (const [order, declaration] of declarations.entries()) this.#declare(declaration, order)
    for (const work of this.#later) work()
    for (const mode of this.#modes.values()) mode.seal()
    const first = this.mode('')
    return {
      root: main.root,
      output: outputOf(this.#all('output').map(({ element }) => element)),
      strip: document => this.#stripper.strip(document),
      start: run => applyAll([run.source], first, null, run),
    }
  }

  #all(local: string): readonly Declaration[] {
    return this.#modules.declarations.filter(({ element, module }) => !module.simplified && element.is(local, XSL))
  }

  // ── Sheet ──────────────────────────────────────────────────────────────────────────────────────────────────────

  global(name: string): GlobalVariable | undefined {
    return this.#globals.get(name)
  }

  named(name: string): NamedTemplate | undefined {
    return this.#named.get(name)
  }

  mode(name: string): Mode {
    let mode = this.#modes.get(name)
    if (!mode) this.#modes.set(name, (mode = new Mode(name)))
    return mode
  }

  attributeSet(name: string): AttributeSet | undefined {
    return this.#sets.get(name)
  }

  key(name: string): readonly KeyDefinition[] | undefined {
    return this.#keys.get(name)
  }

  decimalFormat(name: string): DecimalFormat | undefined {
    return this.#formats.get(name)
  }

  alias(uri: string): { readonly prefix: string; readonly uri: string } | undefined {
    return this.#aliases.get(uri)
  }

  strip(document: XmlDocument): XmlDocument {
    return this.#stripper.strip(document)
  }

  document(element: XmlElement): XmlDocument {
    let top: XmlElement | XmlDocument = element
    while (top.parent !== null) top = top.parent
    return top instanceof XmlDocument ? top : new XmlDocument([top])
  }

  body(children: XmlElement['children'], site: Site, tail: boolean): Instruction {
    return compileBody(children, site, tail)
  }

  // ── declarations ───────────────────────────────────────────────────────────────────────────────────────────────

  #declare(declaration: Declaration, order: number): void {
    const { element, module } = declaration
    if (module.simplified) return this.#simplified(declaration, order)
    if (element.uri !== XSL) {
      if (element.uri === '') throw invalid(element, `<${element.name}> cannot stand at the top of a stylesheet`)
      return
    }
    switch (element.local) {
      case 'template':
        return this.#template(declaration, order)
      case 'variable':
      case 'param':
        return this.#global(declaration)
      case 'key':
        return this.#key(declaration)
      case 'attribute-set':
        return this.#attributeSet(declaration)
      case 'decimal-format': {
        const name = element.attribute('name') === undefined ? '' : requiredName(element, 'name')
        this.#formats.set(name, decimalFormatOf(element))
        return
      }
      default:
        return this.#other(declaration)
    }
  }

  #other({ element, module }: Declaration): void {
    if (DECLARATIONS.has(element.local)) return
    if (LATER_DECLARATIONS.has(element.local)) throw needsLaterVersion(element, `<${element.name}>`)
    if (!this.#siteOf(module).forward)
      throw invalid(element, `<${element.name}> cannot stand at the top of a stylesheet`)
  }

  /** The site of a module: what its outermost element says holds for all of it. */
  #siteOf(module: Module): Site {
    let site = this.#sites.get(module)
    if (!site) this.#sites.set(module, (site = this.#makeSite(module)))
    return site
  }

  #makeSite({ root, simplified }: Module): Site {
    const version = versionOf(root, simplified ? root.attribute('version', XSL) : root.attribute('version'))
    const list = (name: string): string[] => (simplified ? [] : namespacesNamed(root, root.attribute(name)))
    const extensions = list('extension-element-prefixes')
    return {
      sheet: this,
      element: root,
      frame: { slots: 0 },
      variables: null,
      forward: version !== 1,
      later: version >= 2,
      excluded: new Set([...list('exclude-result-prefixes'), ...extensions]),
      extensions: new Set(extensions),
      declared: NOTHING_DECLARED,
    }
  }

  /** Where the content of a top-level element is compiled, with variables of its own. */
  #siteAt({ element, module }: Declaration): { site: Site; frame: Frame } {
    const frame = { slots: 0 }
    return { frame, site: { ...inside(this.#siteOf(module), element), frame } }
  }

  #simplified(declaration: Declaration, order: number): void {
    const { site, frame } = this.#siteAt(declaration)
    const template = { body: NOTHING, slots: 0 }
    const [pattern] = patternsOf('/', site, 'match')
    this.mode('').add({ ...rankOf(declaration), template, pattern: pattern!, priority: 0.5, order })
    this.#later.push(() => {
      template.body = literalElement(declaration.element, site)
      template.slots = frame.slots
    })
  }

  #template(declaration: Declaration, order: number): void {
    const { element, precedence } = declaration
    const { site, frame } = this.#siteAt(declaration)
    const match = element.attribute('match')
    const template = { element, precedence, body: NOTHING, slots: 0 }
    if (element.attribute('name') !== undefined) put(this.#named, requiredName(element, 'name'), template)
    else if (match === undefined) throw invalid(element, '<xsl:template> needs match or name')
    if (match !== undefined) {
      const mode = this.mode(modeName(element))
      const given = element.attribute('priority')
      const priority = given === undefined ? undefined : Number(given)
      if (Number.isNaN(priority)) throw invalid(attributeOr(element, 'priority'), `priority="${given}" is not a number`)
      // What a pattern names may be declared further down.
      this.#later.push(() => {
        for (const pattern of patternsOf(match, site, 'match')) {
          mode.add({ ...rankOf(declaration), template, pattern, priority: priority ?? pattern.priority, order })
        }
      })
    }
    this.#later.push(() => {
      template.body = compileBody(element.children, site, true)
      template.slots = frame.slots
    })
  }

  #global(declaration: Declaration): void {
    const { element, precedence } = declaration
    const name = requiredName(element, 'name')
    const { site, frame } = this.#siteAt(declaration)
    const variable = { index: this.#globals.size, name, element, precedence, slots: 0, evaluate: () => null }
    const known = this.#globals.get(name)
    const made: GlobalVariable & Ranked = known ? { ...variable, index: known.index } : variable
    put(this.#globals, name, made)
    this.#later.push(() => {
      const value = bindingOf(element, site)
      made.evaluate = element.local === 'param' ? run => run.outside.params?.get(name) ?? value(run) : value
      made.slots = frame.slots
    })
  }

  #key(declaration: Declaration): void {
    const { element } = declaration
    const name = requiredName(element, 'name')
    const { site } = this.#siteAt(declaration)
    const definitions = this.#keys.get(name) ?? []
    this.#keys.set(name, definitions)
    this.#later.push(() => {
      const use = valueOf(required(element, 'use'), site, 'use')
      definitions.push({ element, patterns: patternsOf(required(element, 'match'), site, 'match'), use })
    })
  }

  #attributeSet(declaration: Declaration): void {
    const { element } = declaration
    const name = requiredName(element, 'name')
    const known = this.#sets.get(name)
    if (known) {
      known.parts.push(declaration)
      return
    }
    const set = { name, parts: [declaration], run: NOTHING }
    this.#sets.set(name, set)
    this.#later.push(() => {
      const runs = set.parts.map(part => this.#attributeSetPart(part))
      set.run = run => {
        for (const one of runs) one(run)
      }
    })
  }

  /** The sets it uses come first, so that its own attributes replace theirs (XSLT 1.0 §7.1.4). */
  #attributeSetPart(declaration: Declaration): Instruction {
    const { element } = declaration
    const { site, frame } = this.#siteAt(declaration)
    const used = attributeSetsOf(element.attribute('use-attribute-sets'), element, site)
    const wrong = element.childElements.find(child => !child.is('attribute', XSL))
    if (wrong) throw invalid(wrong, '<xsl:attribute-set> takes only xsl:attribute')
    const own = compileBody(element.children, site, false)
    return run => {
      run.at = element
      run.apart(frame.slots, () => {
        if (used) used(run)
        own(run)
      })
    }
  }

  #alias(element: XmlElement): void {
    const namespace = (name: string): { prefix: string; uri: string } => {
      const given = required(element, name).trim()
      const prefix = given === '#default' ? '' : given
      const uri = element.lookupNamespace(prefix)
      if (uri === undefined) throw invalid(attributeOr(element, name), `the prefix ${prefix} is not declared`)
      return { prefix, uri }
    }
    this.#aliases.set(namespace('stylesheet-prefix').uri, namespace('result-prefix'))
  }

  #spaceRules(local: string, strip: boolean): SpaceRule[] {
    return this.#all(local).flatMap(({ element, precedence }, order) =>
      wordsOf(required(element, 'elements')).map(word => {
        const [, prefix, name] = /^(?:([^:]+):)?(.+)$/.exec(word)!
        const uri = prefix === undefined ? (name === '*' ? null : '') : element.lookupNamespace(prefix)
        if (uri === undefined) throw invalid(attributeOr(element, 'elements'), `the prefix ${prefix} is not declared`)
        return { strip, uri, local: name === '*' ? null : name!, precedence, order }
      }),
    )
  }
}

const NOTHING: Instruction = () => undefined

function rankOf({ precedence, lowest }: Declaration): { precedence: number; lowest: number } {
  return { precedence, lowest }
}

/** Of two with one name the more important one stays; declarations come least important first. */
function put<T extends Ranked & { readonly element: XmlElement }>(known: Map<string, T>, name: string, one: T): void {
  if (known.get(name)?.precedence === one.precedence)
    throw invalid(one.element, `a second <${one.element.name} name="${name}">; names are given once`)
  known.set(name, one)
}
