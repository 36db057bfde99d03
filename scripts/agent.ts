/** Builds the header agent: one small CommonJS file that any Node can at least read. */
import { build } from 'esbuild';

/** Largest size of the built agent, in bytes: it is copied into every namespace, and parsed by every process. */
export const largestAgentBytes = 8 * 1024;

/** Builds `src/agent/` to a file. In syntax of 2018: a Node that is too old for the agent must be able to read that it is, or it would end. */
export async function buildAgent(outfile: string): Promise<void> {
  await build({
    entryPoints: [new URL('../src/agent/main.ts', import.meta.url).pathname],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'es2018',
    format: 'cjs',
    minify: true,
    // Names that are ours only.
    mangleProps: /^(?:isInside|isEchoed|generate|added|store|names|toHost)$/,
    legalComments: 'none',
    logLevel: 'warning',
  });
}
