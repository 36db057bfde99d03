/** Runs the controller's stories alone: `node test/e2e/controller.ts [controller|mesh]` after `npm run build`. */
import { join } from 'node:path';
import { runInside } from '../box/inside.ts';

process.exitCode = await runInside(join(import.meta.dirname, `${process.argv[2] ?? 'controller'}-story.ts`));
