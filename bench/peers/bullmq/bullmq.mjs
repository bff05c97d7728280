// BullMQ: Node. It stores what a job returns, holds a lock on each job at work, and takes up again what a worker that
// died has left, by default. Only the number of jobs at once is set. `node bullmq.mjs worker|producer`; the producer
// speaks the lines of `bench.app`.

import { createInterface } from "node:readline";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";

const QUEUE = "bench";
const connection = { host: "127.0.0.1", port: Number(process.env.BENCH_REDIS_PORT) };
const concurrency = Number(process.env.BENCH_CONCURRENCY);

const BULK = 1000; // jobs sent, and results read, at once

function work() {
  const worker = new Worker(QUEUE, async (job) => job.data.word, {
    connection: { ...connection, maxRetriesPerRequest: null },
    concurrency,
  });
  worker.on("failed", (job, error) => console.error(`failed ${job?.id}: ${error.message}`));
  worker.on("error", (error) => console.error(`failed: ${error.message}`));
}

async function produce() {
  const queue = new Queue(QUEUE, { connection });
  const words = [];
  const ids = [];
  for await (const line of createInterface({ input: process.stdin })) {
    const [verb, kind, count] = line.trim().split(" ");
    if (verb === "send") {
      const fresh = Array.from({ length: Number(count) }, (_, number) => `word-${words.length + number}`);
      words.push(...fresh);
      for (let first = 0; first < fresh.length; first += BULK) {
        const some = fresh.slice(first, first + BULK).map((word) => ({ name: kind, data: { word } }));
        ids.push(...(await queue.addBulk(some)).map((job) => job.id));
      }
      say({ sent: words.length });
    } else if (verb === "stored") {
      const stored = await queue.getCompletedCount();
      say({ stored, at: performance.now() / 1000 });
    } else {
      say({ sent: words.length, right: await right(queue, ids, words) });
    }
  }
}

async function right(queue, ids, words) {
  const client = new Redis(connection);
  let good = 0;
  for (let first = 0; first < ids.length; first += BULK) {
    const reading = client.pipeline();
    for (const id of ids.slice(first, first + BULK)) reading.hget(queue.toKey(id), "returnvalue");
    const values = await reading.exec();
    good += values.filter(([, value], number) => value === JSON.stringify(words[first + number])).length;
  }
  client.disconnect();
  return good;
}

function say(answer) {
  console.log(JSON.stringify(answer));
}

if (process.argv[2] === "worker") work();
else await produce();
