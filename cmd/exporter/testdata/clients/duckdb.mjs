// duckdb.mjs FOLDER MODULE: answers each line of standard input, which is JSON:
// {"file", "attach", "keep", "sql": [...]}, with {"answers": [rows, ...], "ms"} or
// {"error"}. The file is opened read only, or attached under the name of attach; for
// each line anew, or under the name of keep once.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [folder, module] = process.argv.slice(2);
const { DuckDBInstance } = createRequire(folder + '/')(module);
const kept = {};

async function open({ file, attach }) {
  const instance = await DuckDBInstance.create(attach ? ':memory:' : file, attach ? {} : { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  if (attach) await connection.run(`ATTACH '${file}' AS "${attach}" (READ_ONLY)`);
  return { instance, connection };
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const began = performance.now();
  let answer;
  try {
    const on = kept[asked.keep] ?? await open(asked);
    if (asked.keep) kept[asked.keep] = on;
    const answers = [];
    for (const sql of asked.sql) answers.push((await on.connection.runAndReadAll(sql)).getRowsJson());
    if (!asked.keep) {
      on.connection.closeSync();
      on.instance.closeSync();
    }
    answer = { answers, ms: performance.now() - began };
  } catch (e) {
    answer = { error: String(e) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
process.exit(0); // what is kept open would be waited for
