'use strict';
// Runs one job of .ci/clients with npm mysql2: reads the job's JSON from the file named by its argument and prints
// what the server answered, every value as text.
const fs = require('fs');
const mysql = require('mysql2/promise');
const types = require('mysql2').Types;

const failure = (e) => ({ code: e.errno > 0 ? e.errno : 0, state: e.sqlState || '', message: e.sqlMessage || e.message });
const text = (v) => (v === null || v === undefined ? null : Buffer.isBuffer(v) ? v.toString('utf8') : typeof v === 'object' ? JSON.stringify(v) : String(v));
const param = (p) => (p !== null && typeof p === 'object' ? Object.values(p)[0] : p);

function options(job) {
  const o = {
    host: job.host, port: job.port, user: job.user, password: job.password, database: job.database || undefined,
    dateStrings: true, supportBigNumbers: true, bigNumberStrings: true, rowsAsArray: true, connectTimeout: 10000,
  };
  if (job.tls === 'on') o.ssl = { rejectUnauthorized: false };
  if (job.tls === 'verify') o.ssl = { ca: fs.readFileSync(job.ca), rejectUnauthorized: true, verifyIdentity: true };
  return o;
}

// A CALL gives an array of result sets and an OK packet, with an array of column lists; a SELECT one of each.
function sets(rows, fields) {
  if (!Array.isArray(rows)) return [];
  const many = Array.isArray(fields) && fields.some((f) => f === undefined || Array.isArray(f));
  const out = [];
  (many ? rows : [rows]).forEach((r, i) => {
    const f = many ? fields[i] : fields;
    if (!Array.isArray(r) || !Array.isArray(f)) return;
    out.push({ columns: f.map((c) => c.name), types: f.map((c) => types[c.columnType] || String(c.columnType)), rows: r.map((row) => row.map(text)) });
  });
  return out;
}

async function one(conn, job, s) {
  const start = process.hrtime.bigint();
  const r = { sets: [], error: null };
  let timer;
  try {
    if (s.cancel_ms) {
      timer = setTimeout(async () => { // mysql2 has no cancel: another connection kills the statement
        const other = await mysql.createConnection(options(job));
        await other.query(`KILL QUERY ${conn.threadId}`);
        await other.end();
      }, s.cancel_ms);
    }
    const params = (s.params || []).map(param);
    const [rows, fields] = s.prepare || params.length ? await conn.execute(s.sql, params) : await conn.query(s.sql);
    r.sets = sets(rows, fields);
  } catch (e) {
    r.error = failure(e);
  } finally {
    clearTimeout(timer);
  }
  r.seconds = Number(process.hrtime.bigint() - start) / 1e9;
  return r;
}

(async () => {
  const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
  const out = { error: null, results: [] };
  let conn;
  try {
    conn = await mysql.createConnection(options(job));
  } catch (e) {
    out.error = failure(e);
  }
  if (conn) {
    for (const s of job.statements) out.results.push(await one(conn, job, s));
    await conn.end();
  }
  process.stdout.write(JSON.stringify(out));
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
