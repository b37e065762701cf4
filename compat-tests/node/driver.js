// SPDX-License-Identifier: Apache-2.0
'use strict';

// Carries out the runner's requests with ali-ons, the stock Node.js client. The protocol is in compat-tests/README.md.

const readline = require('readline');
const { Consumer, Message, Producer } = require('ali-ons');

const SHOWN_BODY = 256;
const ASYNC_WINDOW = 32;
const nameSrv = process.argv[2].split(';');
const producers = new Map();
const consumers = new Map();
const stopped = new Set();

// The client logs every retry; standard output belongs to the protocol.
const logger = {
  info() {},
  debug() {},
  warn: (...args) => console.error(...args),
  error: (...args) => console.error(...args),
};

function write(line) {
  process.stdout.write(JSON.stringify(line) + '\n');
}

const CRC_TABLE = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc >>> 0;
});

function crc32(buffer) {
  let crc = 0xffffffff;
  for (const byte of buffer) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function numberedBody(sequence, size) {
  const head = String(sequence).padStart(8, '0') + '|';
  return head + String.fromCharCode(97 + (sequence % 26)).repeat(size - head.length);
}

function common(request) {
  // The option httpclient is demanded even when nothing is looked up over HTTP.
  return { nameSrv, httpclient: {}, logger, instanceName: `${process.pid}@${request.name}` };
}

function quiet(client) {
  client.on('error', error => console.error(error));
  return client;
}

async function startProducer(request) {
  const producer = quiet(new Producer({
    ...common(request),
    producerGroup: request.group,
    sendMsgTimeout: request.timeout_ms || 5000,
    retryTimesWhenSendFailed: request.retries === undefined ? 3 : request.retries,
  }));
  await producer.ready();
  producers.set(request.name, producer);
}

function built(spec) {
  const message = new Message(spec.topic, spec.tags || undefined, spec.body);
  if (!spec.tags) delete message.properties.TAGS;
  if (spec.keys) message.keys = spec.keys.split(' ');
  if (spec.delay) message.delayTimeLevel = spec.delay;
  Object.assign(message.properties, spec.props);
  return message;
}

async function send(producer, spec) {
  const result = await producer.send(built(spec));
  return {
    status: result.sendStatus,
    id: result.msgId,
    offset_id: result.msgId,
    broker: result.messageQueue.brokerName,
    queue: Number(result.messageQueue.queueId),
    offset: result.queueOffset,
  };
}

async function sendAll(request) {
  if (request.mode !== 'sync') throw new Error(`no mode ${request.mode}`);
  const results = [];
  for (const spec of request.messages) results.push(await send(producers.get(request.name), spec));
  return results;
}

async function sendMany(request) {
  const acked = new Array(request.count);
  let next = 0;
  const worker = async () => {
    while (next < request.count) {
      const index = next++;
      const sequence = request.first + index;
      const body = numberedBody(sequence, request.size);
      const result = await send(producers.get(request.name), { topic: request.topic, body });
      acked[index] = [ sequence, result.broker, result.queue, result.offset ];
    }
  };
  await Promise.all(Array.from({ length: ASYNC_WINDOW }, worker));
  return acked;
}

async function loop(request) {
  const acked = [];
  let errors = 0;
  for (let sequence = request.first; !stopped.has(request.name); sequence++) {
    const body = numberedBody(sequence, request.size);
    try {
      const result = await send(producers.get(request.name), { topic: request.topic, body });
      if (result.status !== 'SEND_OK') throw new Error(result.status);
      acked.push([ sequence, result.broker, result.queue, result.offset ]);
      write({ event: 'acked', sequence });
    } catch (error) {
      errors++;
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  }
  return { acked, errors };
}

function shown(message, queue) {
  const body = message.body || Buffer.alloc(0);
  return {
    topic: message.topic,
    // The handler of the retry topic is not told the queue.
    broker: queue && queue.brokerName,
    queue: message.queueId,
    offset: message.queueOffset,
    id: message.msgId,
    tags: message.tags,
    keys: message.keys,
    body: body.subarray(0, SHOWN_BODY).toString('utf8'),
    size: body.length,
    crc: crc32(body),
    reconsume: message.reconsumeTimes,
    born: Number(message.bornTimestamp),
    stored: Number(message.storeTimestamp),
    props: message.properties,
  };
}

async function startConsumer(request) {
  const consumer = quiet(new Consumer({
    ...common(request),
    consumerGroup: request.group,
    isBroadcast: request.model === 'broadcasting',
    consumeFromWhere: request.from === 'last' ? 'CONSUME_FROM_LAST_OFFSET' : 'CONSUME_FROM_FIRST_OFFSET',
    maxReconsumeTimes: request.max_reconsume === undefined ? 16 : request.max_reconsume,
  }));
  consumers.set(request.name, consumer);
  consumer.subscribe(request.topic, request.expression || '*', async (message, queue) => {
    write({ event: 'message', consumer: request.name, at: Date.now(), message: shown(message, queue) });
    // The client forgets the answer of a handler for retried messages, but not an exception.
    if (message.reconsumeTimes < (request.fail_below || 0)) throw new Error('turned down as scripted');
  });
  await consumer.ready();
}

async function run(request) {
  switch (request.op) {
    case 'producer.start': return startProducer(request);
    case 'producer.send': return sendAll(request);
    case 'producer.send_many': return sendMany(request);
    case 'producer.loop': return loop(request);
    case 'producer.stop_loop': return void stopped.add(request.name);
    case 'producer.close': return producers.get(request.name).close();
    case 'push.start': return startConsumer(request);
    case 'push.close': return consumers.get(request.name).close();
    default: throw new Error(`unknown op ${request.op}`);
  }
}

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', async line => {
  const request = JSON.parse(line);
  try {
    const result = await run(request);
    write({ id: request.id, ok: true, result: result === undefined ? null : result });
  } catch (error) {
    console.error(error);
    write({ id: request.id, ok: false, error: String(error && error.message) });
  }
});
lines.on('close', () => process.exit(0));
process.on('unhandledRejection', error => console.error(error));
