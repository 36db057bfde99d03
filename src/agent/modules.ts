/** Libraries as they are loaded, by CommonJS or by `import` of a CommonJS package. */
import { attempt } from './context.ts';
import { builtin, type Load } from './builtin.ts';
import { replace, type AnyObject, type Method } from './replace.ts';

/** Told of what was loaded; `load` loads what stands beside the asking module. */
export type OnLoad = (exports: AnyObject, load: (request: string) => unknown) => void;

/** Calls back for each module that a `require` returns and whose name could be that of a library, or of a part of one, that we hook. */
export function hookModules(onLoad: OnLoad): void {
  replace(
    builtin('module'),
    '_load',
    (original) =>
      function (...args) {
        const [request, parent] = args;
        const loaded = original.apply(this, args);
        if (
          typeof request === 'string' &&
          /undici|kafkajs|client(\.js)?$|_model(\.js)?$/.test(request) &&
          loaded
        ) {
          attempt(() => {
            onLoad(loaded as AnyObject, (other) =>
              (original as Method & Load).call(this, other, parent, false),
            );
          });
        }
        return loaded;
      },
  );
}
