/** The founder's token: with one peer at most, handed on while nothing is founded, and forgotten with the topic. */
import { describe, expect, test } from 'vitest';
import type { Client } from './client.ts';
import { openClients, startBroker } from './client.ts';

async function threeClients(): Promise<[Client, Client, Client]> {
  return (await openClients(await startBroker(), 3)) as [Client, Client, Client];
}

test('the token is with the first who asks, and everybody hears with whom', async () => {
  const [a, b, c] = await threeClients();
  await a.join('t');
  expect(await b.joinWith('t', 'ask')).toEqual({ state: 'held', by: b.name });
  await a.next('peer-joined');
  expect(await a.next('founding')).toEqual({ type: 'founding', topic: 't', founding: { state: 'held', by: b.name } });
  expect(await c.joinWith('t', 'ask')).toEqual({ state: 'held', by: b.name });
  expect(await a.joinWith('t', 'ask')).toEqual({ state: 'held', by: b.name });
  expect(b.unread.filter(({ type }) => type === 'founding')).toEqual([]);
});

test('who joins without asking is no founder', async () => {
  const [a, b] = await threeClients();
  a.send({ type: 'join', topic: 't' });
  expect((await a.next('joined')).founding).toEqual({ state: 'open' });
  b.send({ type: 'join', topic: 't' });
  expect((await b.next('joined')).founding).toEqual({ state: 'open' });
});

describe('when the holder goes', () => {
  test('before it has founded, the next who asked has the token, in the order of asking', async () => {
    const [a, b, c] = await threeClients();
    await c.join('t');
    await a.joinWith('t', 'ask');
    await b.joinWith('t', 'ask');
    await c.joinWith('t', 'ask');
    a.socket.terminate();
    expect((await b.until('founding')).founding).toEqual({ state: 'held', by: b.name });
    expect((await c.until('founding')).founding).toEqual({ state: 'held', by: b.name });
    b.send({ type: 'leave', topic: 't' });
    expect((await c.until('founding')).founding).toEqual({ state: 'held', by: c.name });
  });

  test('and nobody else has asked, the token is free for who asks later', async () => {
    const [a, b] = await threeClients();
    await b.join('t');
    await a.joinWith('t', 'ask');
    a.send({ type: 'leave', topic: 't' });
    expect((await b.until('founding')).founding.state).toBe('held');
    expect((await b.until('founding')).founding).toEqual({ state: 'open' });
    expect(await b.joinWith('t', 'ask')).toEqual({ state: 'held', by: b.name });
  });

  test('after it has founded, nobody has the token', async () => {
    const [a, b, c] = await threeClients();
    await a.joinWith('t', 'ask');
    await b.joinWith('t', 'ask');
    a.send({ type: 'founded', topic: 't' });
    expect((await b.until('founding')).founding).toEqual({ state: 'founded' });
    a.socket.terminate();
    await b.until('peer-left');
    expect(await c.joinWith('t', 'ask')).toEqual({ state: 'founded' });
  });
});

test('a topic that was empty has forgotten its founding', async () => {
  const [a, b] = await threeClients();
  await a.joinWith('t', 'ask');
  a.send({ type: 'founded', topic: 't' });
  await a.until('founding');
  a.send({ type: 'leave', topic: 't' });
  await a.settled();
  expect(await b.joinWith('t', 'ask')).toEqual({ state: 'held', by: b.name });
});

test('a member of what was founded says so when it joins, as after a broker has started anew', async () => {
  const [a, b] = await threeClients();
  expect(await a.joinWith('t', 'done')).toEqual({ state: 'founded' });
  expect(await b.joinWith('t', 'ask')).toEqual({ state: 'founded' });
});

test('founding is said in topics that one is in, and a wish is one of two words', async () => {
  const [a] = await threeClients();
  a.send({ type: 'founded', topic: 't' });
  expect(await a.next('error')).toMatchObject({ code: 'not-in-topic' });
  a.sendRaw('{"type":"join","topic":"t","founding":"perhaps"}');
  expect(await a.next('error')).toMatchObject({ code: 'malformed' });
});
