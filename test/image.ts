/** What the Dockerfile says, read: its stages, and how the image that runs starts node. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Instruction and the rest of its line. */
export type Step = readonly [string, string];

export interface Stage {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** Returns the stages in order. */
export function readStages(): readonly Stage[] {
  const lines = readFileSync(join(import.meta.dirname, '..', 'Dockerfile'), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const stages: { name: string; steps: Step[] }[] = [];
  for (const line of lines) {
    const [, instruction = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (instruction === 'FROM') stages.push({ name: / AS (\w+)$/.exec(rest)?.[1] ?? '', steps: [] });
    else stages.at(-1)?.steps.push([instruction, rest]);
  }
  return stages;
}

/** Returns the names of the build context: what .dockerignore lets through with `!`. */
export function readContext(): readonly string[] {
  return readFileSync(join(import.meta.dirname, '..', '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
}

/** How the image starts: node's flags, the bundle's path, and the environment. */
export interface Start {
  readonly flags: readonly string[];
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Returns how the last stage starts node. */
export function readStart(): Start {
  const steps = readStages().at(-1)?.steps ?? [];
  const [, ...words] = JSON.parse(
    steps.find(([instruction]) => instruction === 'ENTRYPOINT')?.[1] ?? '[]',
  ) as string[];
  const pairs = steps
    .filter(([instruction]) => instruction === 'ENV')
    .flatMap(([, rest]) => rest.split(/\s+/))
    .map((pair) => pair.split('=') as [string, string]);
  return { flags: words.slice(0, -1), script: words.at(-1) ?? '', env: Object.fromEntries(pairs) };
}
