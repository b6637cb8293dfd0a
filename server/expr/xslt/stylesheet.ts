import { IntegrationError } from '../../kernel/errors.ts'
import type { XmlDocument, XmlNode, XmlText } from '../../xml/tree.ts'
import { Budget, DEFAULT_LIMITS } from './budget.ts'
import type { Limits } from './budget.ts'
import { compileSheet } from './compile-sheet.ts'
import type { CompiledSheet } from './compile-sheet.ts'
import { placeOf } from './fault.ts'
import { readModules } from './modules.ts'
import type { Dependency } from './modules.ts'
import { ResultTree } from './result-tree.ts'
import { methodOf, serialize } from './serialize.ts'
import { Transformation } from './transformation.ts'
import type { Resolve, Surroundings } from './transformation.ts'
import type { OutputProperties } from './output.ts'

export type { Limits, Resolve, Surroundings }

/** What a transformation made. */
export class TransformResult {
  /** The nodes at the top, without parent. */
  readonly nodes: readonly XmlNode[]
  readonly output: OutputProperties
  /** Texts to be written without escaping, if there are any. */
  readonly raw: ReadonlySet<XmlText> | null

  constructor(tree: ResultTree, output: OutputProperties) {
    this.nodes = tree.take()
    this.raw = tree.raw
    this.output = output
  }

  get method(): 'xml' | 'html' | 'text' {
    return methodOf(this.nodes, this.output)
  }

  /** As the output properties of the stylesheet ask for; `encoding` is what it will be written in. */
  text(encoding: string | undefined = this.output.encoding): string {
    return serialize(this.nodes, this.raw, encoding === undefined ? this.output : { ...this.output, encoding })
  }
}

/** A compiled stylesheet. It keeps nothing of a message and may be used by many at a time. */
export class Stylesheet {
  readonly key: string
  /** Texts it was made from besides its own. */
  readonly dependencies: readonly Dependency[]
  readonly #sheet: CompiledSheet

  constructor(key: string, sheet: CompiledSheet, dependencies: readonly Dependency[]) {
    this.key = key
    this.#sheet = sheet
    this.dependencies = dependencies
  }

  get output(): OutputProperties {
    return this.#sheet.output
  }

  /** Transforms a document, which is not changed. Throws IntegrationError with the line of the stylesheet. */
  transform(source: XmlDocument, outside: Surroundings = {}, limits: Partial<Limits> = {}): TransformResult {
    const sheet = this.#sheet
    const budget = new Budget({ ...DEFAULT_LIMITS, ...limits })
    const out = new ResultTree(budget, sheet.output.cdataElements)
    const run = new Transformation(sheet.strip(source), budget, out, sheet.root, outside)
    try {
      sheet.start(run)
    } catch (thrown) {
      throw located(thrown, run)
    }
    return new TransformResult(out, sheet.output)
  }
}

/** Compiles a stylesheet of version 1.0. `key` names it in faults and is the base of what it includes. */
export function compileStylesheet(text: string, key = 'stylesheet', resolve: Resolve = () => undefined): Stylesheet {
  const modules = readModules(text, key, resolve)
  return new Stylesheet(key, compileSheet(modules), modules.dependencies)
}

/** Faults of expressions and limits do not know the line themselves. */
function located(thrown: unknown, run: Transformation): unknown {
  if (thrown instanceof IntegrationError) {
    if (/^\S*:\d+:\d+: /.test(thrown.message)) return thrown
    return new IntegrationError('TRANSFORM_FAILED', `${placeOf(run.at)}: ${thrown.message}`, { cause: thrown })
  }
  if (thrown instanceof RangeError) {
    const reason = /call stack/.test(thrown.message)
      ? 'templates call one another too deeply; look for a template that calls itself without end'
      : `a text became too long (${thrown.message})`
    return new IntegrationError('TRANSFORM_FAILED', `${placeOf(run.at)}: ${reason}`, { cause: thrown })
  }
  return thrown
}
