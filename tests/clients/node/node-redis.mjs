// What users of node-redis do: node node-redis.mjs PORT. The last line is "ok".
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";

const port = Number(process.argv[2]);
const url = `redis://localhost:${port}`;

async function strings(r) {
  assert.equal(await r.set("k", "v"), "OK");
  assert.equal(await r.get("k"), "v");
  assert.equal(await r.set("k", "w", { NX: true }), null);
  assert.equal(await r.set("k", "w", { EX: 100, GET: true }), "v");
  assert.equal(await r.append("k", "xyz"), 4);
  assert.equal(await r.incrBy("n", 5), 5);
  assert.equal(String(await r.incrByFloat("f", 0.5)), "0.5");
  assert.equal(await r.mSet({ a: "1", b: "2" }), "OK");
  assert.deepEqual(await r.mGet(["a", "nosuch", "b"]), ["1", null, "2"]);
}

async function keys(r) {
  await r.flushDb();
  // Commands of one tick travel as one pipeline.
  await Promise.all(Array.from({ length: 500 }, (_, i) => r.set(`key:${i}`, String(i))));
  assert.equal(await r.dbSize(), 500);
  const found = new Set();
  for await (const part of r.scanIterator({ MATCH: "key:*", COUNT: 30 }))
    for (const name of [part].flat()) found.add(name);
  assert.equal(found.size, 500);
  assert.equal(await r.rename("key:1", "renamed"), "OK");
  assert.equal(await r.del(["renamed", "key:2"]), 2);
  assert.equal(await r.type("key:3"), "string");
}

async function transactions(r) {
  assert.deepEqual(await r.multi().set("t", "1").incr("t").get("t").exec(), ["OK", 2, "2"]);
}

async function expiry(r) {
  await r.set("t", "v", { PX: 30 });
  assert.ok((await r.pTTL("t")) <= 30);
  await sleep(60);
  assert.equal(await r.get("t"), null);
  await r.set("t", "v");
  assert.equal(Number(await r.expire("t", 100)), 1);
  assert.ok((await r.ttl("t")) > 90);
  assert.equal(Number(await r.persist("t")), 1);
}

async function connections(r) {
  assert.equal(await r.clientSetName("jobs"), "OK");
  assert.equal(await r.clientGetName(), "jobs");
  assert.ok((await r.clientId()) > 0);
  assert.match(await r.info(), /redis_version:8\.0/);
  await assert.rejects(r.sendCommand(["NOSUCH", "x"]), /ERR unknown command 'NOSUCH'/);
  const other = await createClient({ url, database: 3, name: "db3" }).connect();
  await other.flushDb();
  await other.set("only", "here");
  assert.equal(await r.exists("only"), 0);
  await other.close();
}

async function authentication(r) {
  await r.configSet("requirepass", "secret");
  try {
    const other = await createClient({ url: `redis://:secret@localhost:${port}` }).connect();
    assert.equal(await other.ping(), "PONG");
    await other.close();
    const socket = { reconnectStrategy: false };
    const wrong = createClient({ url: `redis://:wrong@localhost:${port}`, socket });
    wrong.on("error", () => {});
    await assert.rejects(wrong.connect());
  } finally {
    await r.configSet("requirepass", "");
  }
}

for (const options of [{}, { RESP: 2 }]) {
  const r = await createClient({ url, ...options }).connect();
  await r.flushAll();
  for (const job of [strings, keys, transactions, expiry, connections, authentication]) await job(r);
  await r.close();
}
console.log("ok");
