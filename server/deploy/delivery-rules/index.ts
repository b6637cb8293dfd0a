/** What will stop, slow or lose delivery though every artifact is valid; `holdfast check` says it. */
import type { Diagnostic } from '../../kernel/contracts.ts'
import type { LinkedArtifact } from '../linker.ts'
import { flowRules } from './flows.ts'
import { processorRules } from './processors.ts'
import { storeRules } from './stores.ts'
import { told, World, type Rule } from './world.ts'

export const deliveryRules: readonly Rule[] = [...processorRules, ...storeRules, ...flowRules]

export function deliveryRemarks(artifacts: readonly LinkedArtifact[]): Diagnostic[] {
  const world = new World(artifacts)
  return deliveryRules.flatMap(rule => [...rule.find(world)].map(finding => told(rule, finding)))
}
