/** Which Gateways a VirtualService names, and whether it is for sidecars, as istiod reads it. */

/** Tells whether a VirtualService with these `gateways` is for sidecars: it names no Gateway, or `mesh` among them. */
export function isForSidecars({ gateways }: { readonly gateways: readonly unknown[] }): boolean {
  return gateways.length === 0 || gateways.includes('mesh');
}

/**
 * Returns a Gateway as `namespace/name`; `mesh` stays. A name alone and `./name` are in the namespace of the object that names it; the form of old
 * versions is `name.namespace`, with or without more behind it.
 * @see https://github.com/istio/istio/blob/86c9f01/pilot/pkg/model/config.go#L245 resolveGatewayName
 */
export function resolveGateway(written: string, from: string): string {
  if (written === 'mesh') return written;
  if (written.includes('/')) return written.startsWith('./') ? `${from}${written.slice(1)}` : written;
  const [name = '', namespace = from] = written.split('.');
  return `${namespace}/${name}`;
}
