/** Examples that `--help` ends with. */
import type { Command } from 'commander';

/** A command line, and what it is for. */
export type Example = readonly [line: string, what: string];

/** Has `--help` of a command end with examples; `prefix` goes before each. */
export function addExamples(command: Command, examples: readonly Example[], prefix = ''): void {
  command.addHelpText(
    'after',
    `\nExamples:\n${examples.map(([line, what]) => `  ${prefix}${line}\n      ${what}`).join('\n')}`,
  );
}

/** Of the verbs that are not about branches in a cluster: those have theirs beside them, in the words of who asks. */
export const examples: Readonly<Record<string, readonly Example[]>> = {
  serve: [
    ['branchline serve', 'against the cluster of the kubeconfig, or the one it runs in'],
    ['branchline serve --manifests examples/tenant', 'against a folder of manifests'],
  ],
  review: [
    [
      'branchline review -f manifests/',
      'the objects after admission; warnings and refusals on standard error',
    ],
    ['branchline review -f manifests/ -o patch', 'what admission would change'],
  ],
  check: [
    ['branchline check -f manifests/', 'route manifests, before they are applied'],
    ['branchline check --cluster -n ww-green -o sarif', 'the routes that are there, for a code host'],
  ],
  render: [
    ['branchline render -f manifests/', 'the routes that they make'],
    ['kubectl kustomize . | branchline render -f - --diff', 'what would change of the routes among them'],
  ],
  explain: [
    [
      'branchline explain -f manifests/ --host ops-1234.ww-green.example.io --path /fact-find-ui',
      'the hops of a request from outside, and why',
    ],
    [
      "branchline explain -f manifests/ --from fact-find-ui --host fact-find --header 'x-variant-id: OPS-1234'",
      'of a call from one service to another',
    ],
  ],
  doctor: [
    ['branchline doctor -n ww-green --branch OPS-1234', 'every pod that its requests may pass through'],
    ['branchline doctor -f manifests/', 'as admission would see to their pods, without a cluster'],
    [
      'branchline doctor --installation',
      'webhook configurations, certificates, and whether the API server gets an answer',
    ],
  ],
  chat: [
    [
      'branchline chat --chat-signing-secret-file secret --chat-token-file token --chat-users U012AB3CD --chat-channels C012AB3CD --chat-namespaces ww-red',
      'one person, one channel, one namespace',
    ],
  ],
  completion: [
    ['source <(branchline completion bash)', 'in this shell; in ~/.bashrc for every one'],
    [
      'printf \'#!/bin/sh\\nexec kubectl-branchline __complete -- "$@"\\n\' > ~/bin/kubectl_complete-branchline',
      'for kubectl branchline, on the PATH and executable',
    ],
  ],
  uninstall: [
    [
      'branchline uninstall && helm uninstall branchline -n branchline-system',
      'nothing of it is left, and traffic stays on the baselines',
    ],
  ],
};
