/**
 * A process that writes the history of a store into LevelDB, several batches at a time, and prints the number of each batch
 * that became durable, until it is killed. Arguments: directory, seed, and how many batches are there already.
 */
import { writeSync } from 'node:fs';
import { LevelDatabase } from '../../src/node/index.ts';
import { group } from './store.ts';
import { History } from './history.ts';

const [directory = '', seed = '0', done = '0'] = process.argv.slice(2);
const inFlight = 5;

const history = new History(Number(seed));
while (history.steps < Number(done)) history.next();

const database = await LevelDatabase.open(directory);
const storage = database.storage(group);
await new Promise((resolve) => {
  storage.load(resolve);
});

function write(): void {
  const { parts, batch } = history.next();
  const number = history.steps;
  for (const part of parts) {
    storage.stage(part, (error) => {
      if (error !== null) throw error;
    });
  }
  storage.write(batch, (error) => {
    if (error !== null) throw error;
    // At once, and not through a buffer that dies with us.
    writeSync(1, `${number}\n`);
    setImmediate(write);
  });
}

for (let i = 0; i < inFlight; i++) write();
