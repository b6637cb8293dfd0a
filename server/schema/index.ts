/** What a file under `kinds/` imports to describe itself. */
export { attr, child, children, choice, content, inlineXml, param, parameters, type ConfigOf } from './fields.ts'
export {
  DEFAULT_POLICY,
  defineArtifact,
  defineEndpoint,
  defineEndpointLayer,
  defineMediator,
  defineProcessor,
  defineStore,
  type EndpointPolicy,
  type KindEnv,
} from './kinds.ts'
export { byClass, endpoint, endpointBody, endpoints, layers, steps, type EndpointNode, type StepNode } from './structure.ts'
export {
  decimal,
  dynamicNeedsBody,
  dynamicRef,
  dynamicString,
  dynamicText,
  enabled,
  expression,
  flag,
  int,
  intList,
  milliseconds,
  oneOf,
  ref,
  resolveRef,
  seconds,
  secret,
  text,
  wholeRegex,
  words,
  type Dynamic,
  type DynamicRef,
} from './types.ts'
