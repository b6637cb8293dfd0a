/** One file of the simulator and everything it is about, so that a worker starts at once and code can be changed on the way. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import type { Mutation } from './mutations.ts'

export interface Bundle {
  readonly path: string
  /** Folder of the bundles, to be removed at the end. */
  readonly folder: string
}

/** Thrown where a mutation does not fit the code any more. */
export class NotApplicable extends Error {}

/** The text of a source file with a mutation in it. */
export function mutated(root: string, { file, from, to }: Mutation): string {
  const text = readFileSync(join(root, file), 'utf8')
  const places = text.split(from).length - 1
  if (places !== 1) {
    const what = places === 0 ? 'no longer contains' : `contains ${places} times`
    throw new NotApplicable(`${file} ${what} the text to be changed:\n${from}`)
  }
  return text.replace(from, () => to)
}

export async function bundle(root: string, folder: string, mutation?: Mutation): Promise<string> {
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>
  }
  mkdirSync(folder, { recursive: true })
  const name = mutation ? `mutant-${createHash('sha1').update(mutation.name).digest('hex').slice(0, 8)}` : 'worker'
  await build({
    absWorkingDir: root,
    entryPoints: { [name]: 'server/testing/simulation/worker.ts' },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: 'linked',
    banner: {
      js: `import { createRequire as createRequireHere } from 'node:module'; const require = createRequireHere(${JSON.stringify(join(root, 'package.json'))});`,
    },
    external: [...Object.keys(optionalDependencies), 'esbuild'],
    logLevel: 'warning',
    plugins: mutation ? [changing(root, mutation)] : [],
  })
  return join(folder, `${name}.mjs`)
}

function changing(root: string, mutation: Mutation): Plugin {
  const contents = mutated(root, mutation)
  const path = join(root, mutation.file)
  return {
    name: 'mutation',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, args => (args.path === path ? { contents, loader: 'ts' } : undefined))
    },
  }
}
