/** Outbound gRPC with `@grpc/grpc-js`: in the call's metadata, where the call is made. */
import { carried } from './context.ts';
import type { Config } from './config.ts';
import { prepareArguments, type AnyObject } from './replace.ts';

interface Metadata {
  clone(): Metadata;
  get(name: string): readonly unknown[];
  set(name: string, value: string): void;
}
interface Client {
  getChannel(): { getTarget(): string };
}

/** Hooks the client class of a copy of the library, before its generated clients take its methods. */
export function hookGrpc(exports: AnyObject, { isInside }: Config, load: (request: string) => unknown): void {
  const { prototype } = (exports['Client'] || {}) as { prototype?: { readonly makeUnaryRequest?: unknown } };
  if (!prototype || !prototype.makeUnaryRequest) return;
  const { Metadata } = load('./metadata') as { Metadata: new () => Metadata };
  const hook = (name: string, position: number): void => {
    prepareArguments(prototype, `make${name}Request`, (client: Client, args) => {
      const store = carried();
      if (!store || !isInside(hostOf(client))) return undefined;
      const given = args[position];
      const isGiven = given instanceof Metadata;
      const metadata = isGiven ? given.clone() : new Metadata();
      for (const [name, value] of store) if (!metadata.get(name).length) metadata.set(name, value);
      return [
        ...args.slice(0, position),
        metadata,
        ...args.slice(position + (isGiven || given == null ? 1 : 0)),
      ];
    });
  };
  hook('Unary', 4);
  hook('ServerStream', 4);
  hook('ClientStream', 3);
  hook('BidiStream', 3);
}

/** `dns:///orders.shop.svc:50051` → `orders.shop.svc:50051`; a socket in the file system is in the pod. */
function hostOf(client: Client): string {
  const target = client.getChannel().getTarget();
  return target.startsWith('unix')
    ? 'localhost'
    : target.replace(/^[a-z]\w*:\/\/[^/]*\/|^(dns|ipv4|ipv6):/g, '');
}
