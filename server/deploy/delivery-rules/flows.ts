import { namesSecret } from '../../kernel/secrets.ts'
import type { XmlElement } from '../../xml/tree.ts'
import { within, type Rule } from './world.ts'

/** They end the flow: nothing after them in any sequence runs (trap H1). */
const ENDS = new Set(['send', 'respond', 'drop', 'loopback'])
/** Somebody else may answer in the end. */
const MAY_ANSWER = ['send', 'respond', 'loopback', 'sequence', 'call-template', 'store', 'class', 'aggregate']

const neverRuns: Rule = {
  code: 'never-runs',
  severity: 'warning',
  why: '`send`, `respond`, `drop` and `loopback` end the flow; what follows them never runs.',
  instead: '`<call>` in place of `<send>` to go on with the reply, or the mediators before it',
  *find(world) {
    for (const element of world.elements(...ENDS)) {
      const { parent } = element
      if (parent?.kind !== 'element' || element.local === parent.local) continue
      const rest = parent.childElements.slice(parent.childElements.indexOf(element) + 1)
      // A dead drop is the habit of a thousand samples and harms nobody.
      const dead = rest.find(one => one.local !== 'drop' && one.local !== 'description')
      if (!dead || !isFlow(parent)) continue
      yield {
        element: dead,
        message: `<${dead.local}> never runs: <${element.local}> before it ends the flow`,
        hint:
          element.local === 'send'
            ? 'Write <call> instead of <send> to go on with the reply.'
            : 'Move it before, or remove it.',
      }
    }
  },
}

/** Elements that hold mediators; an endpoint in a `<send>` is none. */
function isFlow({ local }: XmlElement): boolean {
  return /^(?:sequence|inSequence|outSequence|faultSequence|in|out|then|else|case|default|foreach|onComplete|on-fail|onAccept|onReject|onCacheHit)$/.test(
    local,
  )
}

const callerWaits: Rule = {
  code: 'caller-waits',
  severity: 'warning',
  why: 'An out sequence has to answer by itself; one that neither sends nor responds leaves the caller waiting for its timeout.',
  instead: '`<send/>` or `<respond/>` at its end, or no out sequence at all: the reply then goes back by itself',
  *find(world) {
    for (const element of world.elements('outSequence')) {
      if (element.childElements.length === 0) continue
      if (within(element, MAY_ANSWER).next().done !== true) continue
      yield {
        element,
        message: 'this out sequence answers nobody: the caller waits until its timeout',
        hint: 'End it with <respond/>, or remove it: without one the reply goes back by itself.',
      }
    }
  },
}

const vanishes: Rule = {
  code: 'timeout-discards',
  severity: 'warning',
  why: 'A timeout whose `responseAction` is `discard` drops the message: no fault sequence runs, and the caller waits.',
  instead: '`<responseAction>fault</responseAction>`',
  *find(world) {
    for (const element of world.elements('responseAction')) {
      if (element.text.trim() !== 'discard' || element.parent?.kind !== 'element') continue
      yield {
        element,
        message: 'a message whose back end does not answer in time is dropped without a fault',
        hint: 'Write <responseAction>fault</responseAction>: the fault sequence runs, and the caller is told.',
      }
    }
  },
}

const secretInClear: Rule = {
  code: 'secret-in-clear',
  severity: 'warning',
  why: 'A password in an artifact is in every copy of it, in version control for instance.',
  instead: '`$SYSTEM:NAME` for an environment variable, or `${configs.NAME}`',
  *find(world) {
    for (const element of world.elements('parameter', 'password', 'clientSecret')) {
      const named = element.local === 'parameter' ? (element.attribute('name') ?? '') : element.local
      const value = element.text.trim()
      if (!namesSecret(named) || value === '' || /^(?:\$|\{)/.test(value)) continue
      yield {
        element,
        message: `the value of "${named}" is written in clear`,
        hint: 'Write $SYSTEM:NAME for an environment variable, or ${configs.NAME} for one of conf/config.properties.',
      }
    }
  },
}

export const flowRules: readonly Rule[] = [neverRuns, callerWaits, vanishes, secretInClear]
