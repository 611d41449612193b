/**
 * What npm runs after `npm ci` in a clone, before packing, and when a project installs the package from git:
 * compiles the kernels unless they are current, and, for a package, src/ to lib/.
 * JavaScript, because `npm ci --omit=dev` may run it on a Node that cannot run TypeScript.
 */
import { existsSync } from 'node:fs';

const root = new URL('../', import.meta.url);
/** npm sets it while it prepares the package of a git address. */
const fromGit = process.env._PACOTE_NO_PREPARE_ !== undefined;

if (!existsSync(new URL('node_modules/assemblyscript', root))) {
  console.log('plusminus: AssemblyScript is not installed, so the kernels in build/ stay as they are.');
} else {
  const { buildKernels, kernelsAreCurrent } = await import('./buildKernels.ts');
  if (!(await kernelsAreCurrent())) await buildKernels();
  if (process.argv.includes('--package') || fromGit) await import('./buildPackage.ts');
}
