/** Libraries as they are loaded, by CommonJS or by `import` of a CommonJS package. */
import { attempt } from './context.ts';
import { builtin, type Load } from './builtin.ts';
import { replace, type AnyObject } from './replace.ts';

/** Told of what was loaded; `load` loads what stands beside the asking module. */
export type OnLoad = (request: string, exports: AnyObject, load: (request: string) => unknown) => void;

/** Calls back for each module that a `require` returns and that could be one of ours to hook. */
export function hookModules(onLoad: OnLoad): void {
  replace<Load>(builtin.module(), '_load', (original) => function load(this: unknown, request, parent, isMain) {
    const loaded = Reflect.apply(original, this, [request, parent, isMain]);
    if (isCandidate(request, loaded)) attempt(() => { onLoad(request, loaded as AnyObject, (other) => Reflect.apply(original, this, [other, parent, false])); });
    return loaded;
  });
}

function isCandidate(request: unknown, loaded: unknown): boolean {
  return loaded !== null && (typeof loaded === 'object' || typeof loaded === 'function') && typeof request === 'string' && /undici|client|kafkajs|_model/.test(request);
}
