/** Distributions and libraries from Maven's repository. */
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { command, need } from './commands.ts'
import { Missing } from './missing.ts'

const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'

/** The unpacked folder of a `tar.gz` distribution, such as `org.apache.activemq:apache-activemq:5.18.3:tar.gz:bin`. */
export async function distribution(coordinates: string): Promise<string> {
  const [, artifact, version] = coordinates.split(':')
  const folder = await cached(`${artifact}-${version}`, async into => {
    await maven('copy', [`-DoutputDirectory=${into}`, `-Dartifact=${coordinates}`], into)
    for (const archive of await readdir(into)) {
      await command('tar', ['xzf', archive], { cwd: into })
      await rm(join(into, archive))
    }
  })
  return join(folder, (await readdir(folder))[0]!)
}

/** A folder with the jars of these artifacts (`group:artifact:version`) and all they need. */
export function libraries(name: string, artifacts: readonly string[]): Promise<string> {
  return cached(name, async into => {
    const pom = join(into, 'pom.xml')
    await writeFile(pom, pomOf(artifacts))
    await maven('copy-dependencies', ['-f', pom, `-DoutputDirectory=${into}`, '-DincludeScope=runtime'], into)
    await rm(pom)
  })
}

async function maven(goal: string, args: readonly string[], cwd: string): Promise<void> {
  need('java', 'Java')
  need('mvn', 'Maven')
  try {
    await command('mvn', ['-q', '-B', `${PLUGIN}:${goal}`, ...args], { cwd })
  } catch (thrown) {
    throw new Missing(`Maven could not get it: ${(thrown as Error).message}`, { cause: thrown })
  }
}

function pomOf(artifacts: readonly string[]): string {
  const dependencies = artifacts.map(one => {
    const [group, artifact, version] = one.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>holdfast.test</groupId><artifactId>brokers</artifactId><version>1</version>
<dependencies>${dependencies.join('\n')}</dependencies></project>
`
}
