import type { ElementSite } from '../schema/element-site.ts'
import { defineMediator } from '../schema/index.ts'
import type { Example, MediatorKind } from '../schema/kinds.ts'
import { asWritten, givenNeedsBody, propertiesOf, type AsWritten } from './as-written.ts'
import { Callee, missing } from './call.ts'

interface JavaMediator {
  readonly tag: string
  readonly summary: string
  readonly details: string
  readonly doc: string
  readonly examples: readonly Example[]
  /** Under which name an extension is looked for; absent: the name of the element. */
  readonly classOf?: (written: AsWritten) => string
  /** What the element needs of the Java engine, as the end of "… needs": `the Smooks library`. */
  readonly needs: string | ((written: AsWritten) => string)
  /** What does the same here, as a sentence. */
  readonly instead: string
}

/**
 * A mediator whose work is done by Java code. It is deployed with a warning, an extension registered under its name runs
 * in its place, and without one the message is a fault that says so.
 */
export function javaMediator(kind: JavaMediator): MediatorKind<{ written: ReturnType<typeof asWritten> }> {
  const classOf = kind.classOf ?? (({ element }: AsWritten) => element.local)
  const whatOf = (written: AsWritten): string =>
    `<${written.element.local}> needs ${typeof kind.needs === 'string' ? kind.needs : kind.needs(written)}`
  return defineMediator({
    tag: kind.tag,
    summary: kind.summary,
    details: kind.details,
    fields: { written: asWritten({ doc: kind.doc }) },
    examples: kind.examples,
    check({ written }, site) {
      warnIfMissing(classOf(written), whatOf(written), kind.instead, site)
    },
    create({ written }, env) {
      const callee = new Callee(classOf(written), 'mediate', whatOf(written), env.services, env.at)
      return {
        needsBody: givenNeedsBody(written.given),
        mediate: ctx => callee.mediate(ctx, propertiesOf(written.given, ctx), env.log),
      }
    },
  })
}

/** The artifact is deployed all the same: an extension may come later. */
export function warnIfMissing(className: string, what: string, instead: string, site: ElementSite): void {
  if (site.decoding.env.hasExtension?.(className) === true) return
  const hint = `${instead}${instead === '' ? '' : ' '}A message that gets here is a fault until then.`
  const said = missing(className, { folders: ['HOME/extensions'] })
  site.warn('extension-missing', `${what}: ${said}`, site.element.offset, hint)
}
