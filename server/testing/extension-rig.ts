import type { ExtensionModule } from '../extensions/api.ts'
import type { Extensions } from '../schema/services.ts'

/** Extensions as tests write them: modules by class name. */
export function extensionsOf(
  modules: Readonly<Record<string, ExtensionModule | object>>,
  timeout = 30_000,
): Extensions {
  return {
    folders: ['HOME/extensions'],
    timeout,
    find(className) {
      const exports = modules[className]
      if (!exports) return undefined
      const file = `/home/extensions/${className}.mjs`
      return { file, shown: `extensions/${className}.mjs`, exports: exports as Readonly<Record<string, unknown>> }
    },
  }
}
