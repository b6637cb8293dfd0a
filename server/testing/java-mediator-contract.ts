/** What every mediator owes whose work needs Java: it loads, says what is missing, and an extension takes its place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExtensionProperties } from '../extensions/api.ts'
import type { Example } from '../schema/kinds.ts'
import { extensionsOf } from './extension-rig.ts'
import { diagnosticsOf, fakeServices, faultOf, mark, marks, mediate, SYNAPSE } from './rig.ts'

export function javaMediatorContract(
  kind: { readonly tag: string; readonly examples: readonly Example[] },
  className: string,
): void {
  const [{ xml }] = kind.examples as [Example]
  const artifact = `<sequence name="s" xmlns="${SYNAPSE}">\n${xml}\n</sequence>`

  test(`<${kind.tag}> is deployed with a warning that says what is missing and what to put where`, () => {
    const said = diagnosticsOf(artifact, { hasExtension: () => false })
    assert.deepEqual(
      said.map(({ severity, code, at }) => [severity, code, at.line]),
      [['warning', 'extension-missing', 2]],
    )
    assert.match(said[0]!.message, new RegExp(`<${kind.tag}> needs .*: ${className} is Java, .*${className}\\.mjs`))
    assert.match(said[0]!.hint ?? '', /is a fault until then/)
    assert.deepEqual(diagnosticsOf(artifact, { hasExtension: name => name === className }), [])
  })

  test(`a message that gets to <${kind.tag}> without an extension is a fault that names it`, async () => {
    const fault = await faultOf(mediate(xml))
    assert.equal(fault.code, 'EXTENSION_MISSING')
    assert.match(fault.message, new RegExp(`^<${kind.tag}> needs .*${className}\\.mjs .* HOME/extensions$`))
    assert.equal(fault.at?.line, 1)
  })

  test(`an extension called ${className} runs in the place of <${kind.tag}> with what is written there`, async () => {
    const seen: ExtensionProperties[] = []
    const services = fakeServices({
      extensions: extensionsOf({
        [className]: { mediate: (_ctx: object, given: ExtensionProperties) => void seen.push(given) },
      }),
    })
    const { ctx } = await mediate(`${xml}${mark('after')}`, {}, services)
    assert.equal(seen.length, 1)
    assert.ok(Object.keys(seen[0]!).length > 0)
    assert.deepEqual(marks(ctx), ['mark = after'])
  })
}
