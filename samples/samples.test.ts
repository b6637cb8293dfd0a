import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { commandBlocks, samplesIn } from '../server/cli/samples.ts'
import { readExchange } from '../server/testing/exchange-file.ts'
import { SamplePlayer } from '../server/testing/sample-player.ts'
import { tempFolder } from '../server/testing/temp-folder.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

for (const sample of await samplesIn(root)) {
  const { needs } = await readExchange(sample)
  // Played at the real broker by `npm run test:brokers`.
  const play = needs === undefined ? test : () => undefined
  play(`sample ${sample.name} does what its page says`, { concurrency: true }, async () => {
    await using home = await tempFolder('sample')
    const { steps } = await readExchange(sample)
    await using player = await SamplePlayer.start(sample, home.path)
    assert.deepEqual(player.diagnostics, [])
    for (const step of steps) await player.play(step)
  })

  test(`each sample client command on the page of ${sample.name} is one the exchange runs`, async () => {
    const readme = await readFile(join(sample.folder, 'README.md'), 'utf8')
    const { steps } = await readExchange(sample)
    const run = new Set(steps.flatMap(step => ('run' in step ? [step.run] : [])))
    const printed = commandBlocks(readme).flat()
    assert.ok(printed.length > 0)
    for (const command of printed.filter(line => line.startsWith('npx holdfast stockquote'))) {
      assert.ok(run.has(command), `exchange.json does not run: ${command}`)
    }
  })
}
