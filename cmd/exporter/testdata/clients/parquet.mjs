// parquet.mjs FOLDER: for each line of standard input, the path of a manifest, it reads
// all files that the manifest names, as its reader is told to: when a file is not the
// one that was named, another manifest has come, and it starts over. It answers with
// {"snapshot", "files": [{table, project_id, snapshot_date, snapshot_id, rows}], "again",
// "ms"} or {"error"}. The path of a Parquet file is answered with its {"rows"}.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.argv[2] + '/');
const { parquetReadObjects, parquetMetadata } = await import(pathToFileURL(require.resolve('hyparquet')));
const { compressors } = await import(pathToFileURL(require.resolve('hyparquet-compressors')));

class Changed extends Error {}

async function readAll(path) {
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  const files = [];
  for (const f of manifest.files) {
    let bytes;
    try {
      bytes = await readFile(join(dirname(path), f.path));
    } catch (e) {
      if (e.code === 'ENOENT') throw new Changed(f.path);
      throw e;
    }
    // Whatever the manifest says, a file is whole.
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    const metadata = parquetMetadata(file);
    const rows = await parquetReadObjects({ file, metadata, compressors });
    if (createHash('sha256').update(bytes).digest('hex') !== f.sha256) throw new Changed(f.path);
    const columns = rows.length ? Object.keys(rows[0]).join() : null;
    const named = manifest.tables[f.table].columns.map((c) => c.name).join();
    if (rows.length !== f.rows || bytes.length !== f.bytes) throw new Error(`${f.path}: ${rows.length} rows, ${bytes.length} bytes; the manifest says ${f.rows}, ${f.bytes}`);
    if (columns !== null && columns !== named) throw new Error(`${f.path}: columns ${columns}; the manifest says ${named}`);
    const about = Object.fromEntries(metadata.key_value_metadata.map((kv) => [kv.key, kv.value]));
    if (about.snapshot_id !== f.snapshot_id || about.mask !== 'pseudonym') throw new Error(`${f.path}: says of itself ${JSON.stringify(about)}`);
    files.push({ ...f, persons: new Set(rows.map((r) => r.person_id)).size, first: rows[0] });
  }
  return { snapshot: manifest.snapshot, files };
}

async function readOne(path) {
  const bytes = await readFile(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return { rows: await parquetReadObjects({ file, compressors }) };
}

const plain = (key, value) => (typeof value === 'bigint' ? Number(value) : value);

for await (const path of createInterface({ input: process.stdin })) {
  const began = performance.now();
  let answer;
  for (let again = 0; !answer; again++) {
    try {
      answer = { ...(await (path.endsWith('.parquet') ? readOne : readAll)(path)), again, ms: performance.now() - began };
    } catch (e) {
      if (!(e instanceof Changed) || again > 100) answer = { error: String(e) };
    }
  }
  process.stdout.write(JSON.stringify(answer, plain) + '\n');
}
