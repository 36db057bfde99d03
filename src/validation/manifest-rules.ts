/** Rules about manifests as files, which no API server sees: what kubectl would not send, and what one file takes from another. */
import { textAt, type JsonObject } from '../model/json.ts';
import { quote, type Problem } from '../model/problem.ts';

/** API versions of the kinds of routes, the one to write first. @see istio pilot/pkg config/schema/collections, and the CRDs of the Gateway API */
const apiVersions: Readonly<Record<string, readonly string[]>> = {
  VirtualService: ['networking.istio.io/v1', 'networking.istio.io/v1beta1', 'networking.istio.io/v1alpha3'],
  DestinationRule: ['networking.istio.io/v1', 'networking.istio.io/v1beta1', 'networking.istio.io/v1alpha3'],
  HTTPRoute: ['gateway.networking.k8s.io/v1', 'gateway.networking.k8s.io/v1beta1'],
  GRPCRoute: ['gateway.networking.k8s.io/v1', 'gateway.networking.k8s.io/v1alpha2'],
};

/** Other meshes have kinds of these names, too, e.g. `appmesh.k8s.aws`. */
const likelyGroup = /istio|^(?:gateway\.)?networking\.k8s\./i;

/** Returns what is wrong with the kind or `apiVersion` of an object that is meant as a route; undefined for all others, which are not ours to judge. */
export function strayProblem(object: JsonObject): Problem | undefined {
  const [apiVersion, kind] = [textAt(object, 'apiVersion') ?? '', textAt(object, 'kind') ?? ''];
  const [meant, served = []] = Object.entries(apiVersions).find(([known]) => isSpelling(kind, known)) ?? [];
  if (meant === undefined || !likelyGroup.test(apiVersion)) return undefined;
  if (kind !== meant) return stray('kind', kind, meant, `write kind: ${meant}`);
  return served.includes(apiVersion)
    ? undefined
    : stray('apiVersion', apiVersion, meant, `write apiVersion: ${served[0] ?? ''}`);
}

function isSpelling(kind: string, known: string): boolean {
  return [known, `${known}s`].some((spelling) => spelling.toLowerCase() === kind.toLowerCase());
}

function stray(path: string, value: string, meant: string, fix: string): Problem {
  return {
    code: 'BL291',
    path,
    message: `${path} is ${quote(value)}, which no API server knows for a ${meant}: the object is refused, and was not checked`,
    fix,
  };
}

/** Says of an object that another one of the same kind, namespace and name stands before it. */
export function repeatedProblem(
  kind: string,
  before: { readonly file: string; readonly line: number },
): Problem {
  return {
    code: 'BL292',
    path: 'metadata.name',
    message: `metadata.name: the same ${kind} stands at ${before.file}:${before.line}, too, and only the last one that is applied stays`,
    fix: 'join them, or rename or leave out one',
  };
}
