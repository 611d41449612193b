/** A user's project with the packages installed from their tarballs. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, inject } from 'vitest';

export class UserProject {
  folder = '';

  /** Writes a file, with its folders. */
  async write(name: string, content: string): Promise<void> {
    await mkdir(dirname(join(this.folder, name)), { recursive: true });
    await writeFile(join(this.folder, name), content);
  }

  /** Runs a program there; its standard output. @throws an error with `stdout` and `stderr` if it fails */
  async run(command: string, ...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(command, args, {
      cwd: this.folder,
      env: userEnvironment(),
      maxBuffer: 2 ** 26,
    });
    return stdout.trim();
  }

  /** Runs a JavaScript program of an installed package. */
  bin(name: string, ...args: string[]): Promise<string> {
    return this.run(join(this.folder, 'node_modules/.bin', name), ...args);
  }
}

/** The environment of a user's shell, which knows nothing of tests. */
export function userEnvironment(): NodeJS.ProcessEnv {
  const { NODE_ENV: _, VITEST: __, ...env } = process.env;
  return { ...env, NEXT_TELEMETRY_DISABLED: '1' };
}

/** The project of a test file. @param packages more to install, such as a bundler */
export function userProject(...packages: string[]): UserProject {
  const project = new UserProject();
  beforeAll(async () => {
    project.folder = await mkdtemp(join(tmpdir(), 'plusminus-project-'));
    await cp(inject('installed'), project.folder, { recursive: true, verbatimSymlinks: true });
    if (packages.length > 0) await project.run('npm', 'install', '--no-audit', '--no-fund', ...packages);
  });
  afterAll(() => rm(project.folder, { recursive: true, force: true }));
  return project;
}

/** A program that loads a bundled model and prints what it writes. */
export const program = (options = '{}'): string => `
  import { LanguageModel } from 'plusminus';
  const model = await LanguageModel.load('plusminus/stories', ${options});
  console.log((await model.complete('Once upon a time', { maxTokens: 8, seed: 7 })).text);
  await model.dispose();
`;

/** What that program prints on the clone's own Node, without threads. */
export async function generated(project: UserProject): Promise<string> {
  await project.write('generated.js', program('{ threads: 0 }'));
  return project.run(process.execPath, 'generated.js');
}

/** TypeScript's compiler. */
export const typeScript = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
