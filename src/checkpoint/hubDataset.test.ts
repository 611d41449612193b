import { readFile, stat } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { InputError } from '../errors.ts';
import { downloadDatasetFiles } from './hubDataset.ts';
import { temporaryFolder } from './testing.ts';

const commit = '0123456789abcdef0123456789abcdef01234567';
const id = 'someone/questions';
const files: Record<string, string> = {
  'README.md': 'about it',
  'main/test-00000-of-00002.parquet': 'first',
  'main/test-00001-of-00002.parquet': 'second',
  '../outside.parquet': 'no',
};

/** A hub with one dataset; anything else is not found. */
async function startHub() {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost');
    requests.push(decodeURIComponent(pathname));
    const json = (value: unknown) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
    if (/^\/api\/datasets\/someone\/questions\/revision\/(main|refs%2Fconvert%2Fparquet)$/.test(pathname)) {
      return json({ id, sha: commit, lastModified: '2024-01-01' });
    }
    if (pathname === `/api/datasets/${id}/tree/${commit}`) {
      return json(Object.entries(files).map(([path, text]) => ({ type: 'file', path, size: text.length })));
    }
    const content = files[pathname.split(`/datasets/${id}/resolve/${commit}/`)[1] ?? ''];
    return content === undefined ? notFound(response) : response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(stop);
  const hubUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { requests, stop, options: { hubUrl, cacheDir: await temporaryFolder(), token: '' } };
}

function notFound(response: ServerResponse) {
  return response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"no"}');
}

const parquet = (paths: readonly string[]) => paths.filter((path) => path.endsWith('.parquet'));

describe('files of a dataset', () => {
  it('are downloaded once, those that are chosen only', async () => {
    const { requests, options } = await startHub();
    const found = await downloadDatasetFiles(id, parquet, options);
    const home = join(options.cacheDir, 'datasets--someone--questions', commit);
    expect(found).toEqual(
      ['main/test-00000-of-00002.parquet', 'main/test-00001-of-00002.parquet'].map((path) =>
        join(home, path),
      ),
    );
    expect(await Promise.all(found.map((path) => readFile(path, 'utf8')))).toEqual(['first', 'second']);
    await expect(stat(join(home, 'README.md'))).rejects.toThrow(/ENOENT/);
    await downloadDatasetFiles(id, parquet, options);
    expect(requests.filter((path) => path.includes('/resolve/'))).toHaveLength(2);
  });

  it('come from the cache where there is no network', async () => {
    const { stop, options } = await startHub();
    const found = await downloadDatasetFiles(id, parquet, { ...options, revision: 'refs/convert/parquet' });
    stop();
    const offline = await downloadDatasetFiles(id, parquet, { ...options, revision: 'refs/convert/parquet' });
    expect(offline).toEqual(found);
    const readme = downloadDatasetFiles(id, () => ['README.md'], {
      ...options,
      revision: 'refs/convert/parquet',
    });
    await expect(readme).rejects.toBeInstanceOf(InputError);
  });

  it('are refused by name if the dataset is not there', async () => {
    const { options } = await startHub();
    const missing = downloadDatasetFiles('someone/else', parquet, options);
    await expect(missing).rejects.toThrow(/someone\/else \(revision main\).*not found/);
    await expect(downloadDatasetFiles('a b', parquet, options)).rejects.toThrow(/dataset: found "a b"/);
  });

  it('stop when they are told to', async () => {
    const { options } = await startHub();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(downloadDatasetFiles(id, parquet, { ...options, signal })).rejects.toThrow('enough');
  });
});
