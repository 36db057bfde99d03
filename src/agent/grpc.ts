/** Outbound gRPC with `@grpc/grpc-js`: in the call's metadata, where the call is made. */
import { attempt, carried, type Carried } from './context.ts';
import type { Config } from './config.ts';
import { replace, type AnyObject } from './replace.ts';

interface Metadata {
  clone(): Metadata;
  get(name: string): readonly unknown[];
  set(name: string, value: string): void;
}
interface Client {
  getChannel(): { getTarget(): string };
}
type Call = (this: Client, ...args: unknown[]) => unknown;

/** Position of the metadata among the arguments, by method. */
const metadataAt: Readonly<Record<string, number>> = { makeUnaryRequest: 4, makeServerStreamRequest: 4, makeClientStreamRequest: 3, makeBidiStreamRequest: 3 };

/** Hooks the client class of a copy of the library, before its generated clients take its methods. */
export function hookGrpc(exports: AnyObject, config: Config, load: (request: string) => unknown): void {
  const prototype = (exports['Client'] as { prototype?: object } | undefined)?.prototype;
  if (prototype === undefined || !('makeUnaryRequest' in prototype)) return;
  const { Metadata } = load('./metadata') as { Metadata: new () => Metadata };
  for (const [name, position] of Object.entries(metadataAt)) {
    replace<Call>(prototype, name, (original) => function call(this: Client, ...args) {
      const store = carried();
      const withMetadata = store && attempt(() => (config.isInside(hostOf(this)) ? place(args, position, store) : undefined));
      return Reflect.apply(original, this, withMetadata ?? args);
    });
  }

  const place = (args: readonly unknown[], position: number, store: Carried): unknown[] => {
    const given = args[position];
    const isGiven = given instanceof Metadata;
    const metadata = isGiven ? given.clone() : new Metadata();
    for (const [name, value] of store) if (metadata.get(name).length === 0) metadata.set(name, value);
    const after = args.slice(position + (isGiven || given === undefined || given === null ? 1 : 0));
    return [...args.slice(0, position), metadata, ...after];
  };
}

/** `dns:///orders.shop.svc:50051` → `orders.shop.svc:50051`; a socket in the file system is in the pod. */
function hostOf(client: Client): string {
  const target = client.getChannel().getTarget();
  return /^unix/.test(target) ? 'localhost' : target.replace(/^[a-z]\w*:\/\/[^/]*\//, '').replace(/^(?:dns|ipv4|ipv6):/, '');
}
