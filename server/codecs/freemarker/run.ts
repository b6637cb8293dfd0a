/** A template while it is filled. */
import { Budget } from './budget.ts'
import type { Loop, Scope } from './operators.ts'

export type Step = (run: Run) => void

/** `<#break>`, `<#continue>`, `<#stop>`: where to go on. */
export class Leave extends Error {
  readonly what: 'break' | 'continue' | 'stop'

  constructor(what: 'break' | 'continue' | 'stop') {
    super(`<#${what}> belongs into a list`)
    this.what = what
  }
}

export class Run implements Scope {
  readonly budget = new Budget()
  output = ''
  readonly #top: (name: string) => unknown
  readonly #variables = new Map<string, unknown>()
  readonly #loops: { readonly names: readonly string[]; values: readonly unknown[]; at: Loop }[] = []
  /** What `<#items>` and `<#sep>` belong to. */
  readonly lists: { readonly items: readonly unknown[]; readonly keys: readonly string[] | undefined }[] = []

  constructor(top: (name: string) => unknown) {
    this.#top = top
  }

  find(name: string): unknown {
    for (let at = this.#loops.length - 1; at >= 0; at--) {
      const { names, values } = this.#loops[at]!
      const place = names.indexOf(name)
      if (place >= 0) return values[place]
    }
    return this.#variables.has(name) ? this.#variables.get(name) : this.#top(name)
  }

  loop(name: string): Loop | undefined {
    return this.#loops.findLast(({ names }) => names.includes(name))?.at
  }

  get innermost(): Loop | undefined {
    return this.#loops.at(-1)?.at
  }

  set(name: string, value: unknown): void {
    this.#variables.set(name, value)
  }

  write(text: string): void {
    this.output += this.budget.made(text)
  }

  all(steps: readonly Step[]): void {
    for (const step of steps) {
      this.budget.step()
      step(this)
    }
  }

  /** What is written meanwhile, instead of writing it. */
  caught(steps: readonly Step[]): string {
    const before = this.output
    this.output = ''
    this.all(steps)
    const made = this.output
    this.output = before
    return made
  }

  each(names: readonly string[], body: readonly Step[]): void {
    const { items, keys } = this.lists.at(-1)!
    this.budget.inside(() => {
      for (const [index, item] of items.entries()) {
        const values = keys && names.length === 2 ? [keys[index], item] : [keys ? keys[index] : item]
        this.#loops.push({ names, values, at: { index, isLast: index === items.length - 1 } })
        try {
          this.all(body)
        } catch (thrown) {
          if (!(thrown instanceof Leave) || thrown.what === 'stop') throw thrown
          if (thrown.what === 'break') return
        } finally {
          this.#loops.pop()
        }
      }
    })
  }
}
