/** Builds the header agent: one small CommonJS file that any Node can at least read. */
import { build } from 'esbuild';

/** Largest size of the built agent, in bytes: it is copied into every namespace, and parsed by every process. */
export const largestAgentBytes = 8 * 1024;

/** Builds `src/agent/` to a file. Syntax that node 8 can parse: a file that an old one could not parse would end its process. */
export async function buildAgent(outfile: string): Promise<void> {
  await build({
    entryPoints: [new URL('../src/agent/main.ts', import.meta.url).pathname],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node16',
    // Newer than these are written out in older syntax.
    supported: { 'optional-chain': false, 'nullish-coalescing': false, 'object-rest-spread': true, 'optional-catch-binding': false, 'logical-assignment': false },
    format: 'cjs',
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
  });
}
