// What users of ioredis do: node ioredis.mjs PORT. The last line is "ok".
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import Redis from "ioredis";

const port = Number(process.argv[2]);

async function strings(r) {
  assert.equal(await r.set("k", "v"), "OK");
  assert.equal(await r.get("k"), "v");
  assert.equal(await r.set("k", "w", "NX"), null);
  assert.equal(await r.set("k", "w", "EX", 100, "GET"), "v");
  assert.equal(await r.append("k", "xyz"), 4);
  assert.equal(await r.incrby("n", 5), 5);
  assert.equal(String(await r.incrbyfloat("f", 0.5)), "0.5");
  assert.equal(await r.mset({ a: 1, b: 2 }), "OK");
  assert.deepEqual(await r.mget("a", "nosuch", "b"), ["1", null, "2"]);
  const bytes = Buffer.from([0, 255, 13, 10]);
  await r.set(bytes, bytes);
  assert.deepEqual(await r.getBuffer(bytes), bytes);
}

async function keys(r) {
  await r.flushdb();
  const pipeline = r.pipeline();
  for (let i = 0; i < 500; i++) pipeline.set(`key:${i}`, i);
  const replies = await pipeline.exec();
  assert.ok(replies.every(([error, reply]) => error === null && reply === "OK"));
  assert.equal(await r.dbsize(), 500);
  const found = new Set();
  for await (const part of r.scanStream({ match: "key:*", count: 30 }))
    for (const name of part) found.add(name);
  assert.equal(found.size, 500);
  assert.equal(await r.rename("key:1", "renamed"), "OK");
  assert.equal(await r.del("renamed", "key:2"), 2);
  assert.equal(await r.type("key:3"), "string");
}

async function transactions(r) {
  const done = await r.multi().set("t", 1).incr("t").lpush("t").get("t").exec().catch((e) => e);
  assert.match(String(done), /EXECABORT/);
  assert.deepEqual(await r.multi().set("t", "x").incr("t").get("t").exec().then((replies) =>
    replies.map(([error, reply]) => (error === null ? reply : "error"))), ["OK", "error", "x"]);
  await r.multi({ pipeline: false });
  assert.equal(await r.set("t", 2), "QUEUED");
  assert.deepEqual(await r.exec(), [[null, "OK"]]);
}

async function expiry(r) {
  await r.set("t", "v", "PX", 30);
  assert.ok((await r.pttl("t")) <= 30);
  await sleep(60);
  assert.equal(await r.get("t"), null);
  await r.set("t", "v");
  assert.equal(await r.expire("t", 100), 1);
  assert.ok((await r.ttl("t")) > 90);
  assert.equal(await r.persist("t"), 1);
}

async function connections(r) {
  assert.equal(await r.client("SETNAME", "jobs"), "OK");
  assert.equal(await r.client("GETNAME"), "jobs");
  assert.ok(Number(await r.client("ID")) > 0);
  assert.match(await r.info(), /redis_version:8\.0/);
  await assert.rejects(r.call("NOSUCH", "x"), /ERR unknown command 'NOSUCH'/);
  const other = new Redis({ port, db: 3, connectionName: "db3", enableAutoPipelining: true });
  await other.flushdb();
  await Promise.all(Array.from({ length: 100 }, (_, i) => other.set(`auto:${i}`, i)));
  assert.equal(await other.dbsize(), 100);
  assert.equal(await r.exists("auto:1"), 0);
  await other.quit();
}

async function authentication(r) {
  await r.config("SET", "requirepass", "secret");
  try {
    const other = new Redis({ port, password: "secret" });
    assert.equal(await other.ping(), "PONG");
    await other.quit();
    const wrong = new Redis({ port, password: "wrong", retryStrategy: null, lazyConnect: true });
    wrong.on("error", () => {});
    await assert.rejects(wrong.connect().then(() => wrong.get("k")));
    wrong.disconnect();
  } finally {
    await r.config("SET", "requirepass", "");
  }
}

for (const options of [{}, { protocol: 2 }]) {
  const r = new Redis({ port, ...options });
  await r.flushall();
  for (const job of [strings, keys, transactions, expiry, connections, authentication]) await job(r);
  await r.quit();
}
console.log("ok");
