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
  const compiled = existsSync(new URL('build/kernels.wasm', root));
  console.log(
    compiled
      ? 'plusminus: AssemblyScript is not installed, so the kernels in build/ stay as they are.'
      : 'plusminus: this clone cannot compute yet. Its kernels are not compiled, because AssemblyScript, a development ' +
          'dependency, is not installed: run "npm ci" without --omit=dev, or install the package plusminus instead of a clone.',
  );
} else {
  const { buildKernels, kernelsAreCurrent } = await import('./buildKernels.ts');
  if (!(await kernelsAreCurrent())) await buildKernels();
  if (process.argv.includes('--package') || fromGit) await import('./buildPackage.ts');
}
