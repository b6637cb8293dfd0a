/** `npm run simulate -- --seeds N [--from K]`: plays seeds; see server/docs/simulation.md. */
import { parseArgs } from 'node:util'
import { simulate } from '../server/testing/simulation/simulation.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    story: { type: 'boolean', default: false },
  },
})
const from = Number(values.from)
const started = performance.now()
let failures = 0
const n = Number(values.seeds)
for (let seed = from; seed < from + n; seed++) {
  const result = await simulate(seed)
  if (!result.violation && !values.story) continue
  failures++
  console.log(`seed ${seed}: ${result.violation?.message}`)
  if (values.story) {
    const again = await simulate(seed, { told: true })
    console.log(again.timeline)
    console.log(again.violation?.message)
  }
}
console.log(`${n} seeds, ${failures} failed, ${(n / ((performance.now() - started) / 1000)).toFixed(1)} seeds/s`)
