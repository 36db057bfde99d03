/** What a developer and a platform team would apply. */

export const tenant = `
apiVersion: v1
kind: Namespace
metadata:
  name: ww-green
  labels: { branchline.dev/enabled: "true", istio-injection: enabled }
  annotations: { branchline.dev/domain: ww-green.example.io }
`;

/** What callers need in a mesh: a namespace for those inside, a Gateway for those outside. */
export const callers = `
{ apiVersion: v1, kind: Namespace, metadata: { name: callers } }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: public, namespace: istio-system }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }
`;

/** A tenant of a mesh, and those who call it. */
export const meshTenant = `${tenant}---${callers}`;

export const service = (
  name: string,
  annotations = '{ branchline.dev/context: /fact-find-ui }',
  port = 'http',
): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ww-green, annotations: ${annotations} }
spec: { selector: { app: ${name} }, ports: [{ name: ${port}, port: 80, targetPort: 8080 }] }
`;

export interface WorkloadOptions {
  readonly name?: string;
  readonly branch?: string;
  readonly kind?: 'Deployment' | 'StatefulSet' | 'Rollout';
  readonly app?: string;
  readonly image?: string;
  readonly namespace?: string;
  readonly annotations?: string;
  readonly labels?: string;
  readonly replicas?: number;
}

/** A workload as a developer writes it: the baseline's labels and selector, a name of its own, one annotation. */
export function workload({
  name = 'fact-find-ui',
  branch,
  kind = 'Deployment',
  app = 'fact-find-ui',
  image = 'fact-find-ui:master',
  namespace = 'ww-green',
  annotations = '',
  labels,
  replicas = 1,
}: WorkloadOptions = {}): string {
  const podLabels = labels ?? `{ app: ${app} }`;
  return `
apiVersion: ${kind === 'Rollout' ? 'argoproj.io/v1alpha1' : 'apps/v1'}
kind: ${kind}
metadata:
  name: ${name}
  namespace: ${namespace}
  annotations: { team: green${branch === undefined ? '' : `, branchline.dev/branch: ${branch}`}${annotations === '' ? '' : `, ${annotations}`} }
spec:
  replicas: ${replicas}${kind === 'StatefulSet' ? `\n  serviceName: ${app}` : ''}
  selector: { matchLabels: ${podLabels} }
  template:
    metadata: { labels: ${podLabels} }
    spec: { containers: [{ name: app, image: "${image}" }] }
`;
}

export const virtualService = (regex: string, version = 'v1', name = 'routes'): string => `
apiVersion: networking.istio.io/${version}
kind: VirtualService
metadata: { name: ${name}, namespace: ww-green }
spec:
  hosts: [nowhere.ww-green.svc.cluster.local]
  http:
    - match: [{ headers: { x-variant-id: { regex: '${regex}' } } }]
      route: [{ destination: { host: nowhere.ww-green.svc.cluster.local, subset: ops-1234 } }]
`;

/** Only as much of Argo's CRD as it takes to be served. */
export const rolloutCrd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: rollouts.argoproj.io }
spec:
  group: argoproj.io
  names: { kind: Rollout, plural: rollouts, singular: rollout, listKind: RolloutList }
  scope: Namespaced
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
`;

/** Istio's Bookinfo in shape: three versions of reviews, its own routes and subsets, nothing of ours. */
export const bookinfo = `
apiVersion: v1
kind: Namespace
metadata: { name: bookinfo, labels: { istio-injection: enabled } }
---
${['v1', 'v2', 'v3']
  .map(
    (version) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: reviews-${version}, namespace: bookinfo, labels: { app: reviews, version: ${version} } }
spec:
  selector: { matchLabels: { app: reviews, version: ${version} } }
  template:
    metadata: { labels: { app: reviews, version: ${version} } }
    spec: { containers: [{ name: reviews, image: "reviews:${version}" }] }
---
`,
  )
  .join('')}apiVersion: apps/v1
kind: Deployment
metadata: { name: details, namespace: bookinfo }
spec:
  selector: { matchLabels: { app: details } }
  template:
    metadata: { labels: { app: details } }
    spec: { containers: [{ name: details, image: details }] }
---
apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: bookinfo }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 9080 }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews, namespace: bookinfo }
spec:
  host: reviews
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }, { name: v3, labels: { version: v3 } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: bookinfo }
spec:
  hosts: [reviews]
  http:
    - match: [{ headers: { end-user: { exact: jason } } }]
      route: [{ destination: { host: reviews, subset: v2 } }]
    - route: [{ destination: { host: reviews, subset: v1 }, weight: 50 }, { destination: { host: reviews, subset: v3 }, weight: 50 }]
`;
