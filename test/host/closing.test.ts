/** Giving up on what is being opened, and closing what is open. */
import { describe, expect, test } from 'vitest';
import { openUnlessAborted } from '../../src/host/abort.ts';
import { decodeInvite } from '../../src/identity/invite.ts';
import { turns } from './groups.ts';
import { broker, list, Tabs } from './tabs.ts';

describe('opening a group', () => {
  test('that is aborted before does not begin', async () => {
    const host = new Tabs().open(0);
    const open = () => host.create(list, broker, 1);
    const opening = openUnlessAborted(AbortSignal.abort('never mind'), open, 'unknown');
    await expect(opening).rejects.toMatchObject({ code: 'ABORTED', outcome: 'not-done', cause: 'never mind' });
    expect(await host.groups()).toEqual([]);
  });

  test('that is aborted meanwhile ends at once, and closes what is opened all the same', async () => {
    const tabs = new Tabs();
    const host = tabs.open(0);
    const controller = new AbortController();
    const made = host.create(list, broker, 1);
    const opening = openUnlessAborted(controller.signal, () => made, 'unknown');
    controller.abort('never mind');
    await expect(opening).rejects.toMatchObject({ code: 'ABORTED', outcome: 'unknown', cause: 'never mind' });
    expect((await tabs.outcome(made)).status().stopped).toMatchObject({ code: 'CLOSED' });
    const records = await host.groups();
    expect(records).toHaveLength(1);
    expect(host.openGroups).toBe(0);
    // It can be opened by somebody who wants it.
    const [record] = records;
    if (record === undefined) throw new Error('nothing is stored');
    const group = await tabs.outcome(
      openUnlessAborted(new AbortController().signal, () => host.open(list, record), 'not-done'),
    );
    expect(await tabs.outcome(group.propose('x'))).toBe(1);
  });

  test('that goes wrong ends with that, also after it was given up', async () => {
    const mistake = new Error('a mistake');
    const fail = (): Promise<never> => Promise.reject(mistake);
    await expect(openUnlessAborted(undefined, fail, 'unknown')).rejects.toBe(mistake);
    const controller = new AbortController();
    let reject: (error: Error) => void = () => undefined;
    const later = new Promise<never>((_, onError) => (reject = onError));
    const opening = openUnlessAborted(controller.signal, () => later, 'unknown');
    controller.abort();
    await expect(opening).rejects.toMatchObject({ code: 'ABORTED' });
    // Nobody is there to hear of it, and nobody is bothered.
    reject(mistake);
    await turns();
  });
});

describe('what has to be closed', () => {
  test('is closed at the end of its block', async () => {
    const tabs = new Tabs();
    const { hosts, groups } = await tabs.found(1);
    const [[host], [group]] = [hosts, groups];
    if (host === undefined || group === undefined) throw new Error('no group');
    await group[Symbol.asyncDispose]();
    expect(group.status().stopped).toMatchObject({ code: 'CLOSED' });
    expect(host.openGroups).toBe(0);
    const again = await tabs.outcome(host.join(list, decodeInvite(group.invite)));
    await host[Symbol.asyncDispose]();
    expect(again.status().stopped).toMatchObject({ code: 'CLOSED' });
    // Once is enough.
    group.close();
    await host[Symbol.asyncDispose]();
  });

  test('can be aborted: a diagnosis', async () => {
    const tabs = new Tabs();
    const { groups } = await tabs.found(1);
    const [group] = groups;
    const signal = AbortSignal.abort();
    await expect(group?.diagnose({ signal })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await group?.diagnose()).toMatchObject({ signaling: 'connected' });
  });
});
