import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { historyLines, parseHistory } from '../../src/simulation/history.ts';
import { keyValueForm, type KeyValueOperation } from '../../src/simulation/key-value-model.ts';
import { recordTraffic } from './histories.ts';

const line =
  '{"client":1,"id":2,"operation":"cas","key":"x","value":[null,"a"],"result":true,"invoked":3,"returned":4}';

/** The line with some of its fields replaced; undefined takes one away. */
const altered = (fields: Record<string, unknown>): string =>
  JSON.stringify({ ...(JSON.parse(line) as object), ...fields });

describe('a history as lines', () => {
  test('has one object for each operation, its fields always in the same order', () => {
    const history: KeyValueOperation[] = [
      {
        client: 1,
        id: 2,
        key: 'x',
        input: { operation: 'cas', value: [null, 'a'] },
        output: true,
        invoked: 3,
        returned: 4,
      },
      {
        returned: null,
        invoked: 5,
        output: null,
        input: { value: null, operation: 'get' },
        key: 'y',
        id: 1,
        client: 2,
      },
    ];
    expect(historyLines(history)).toEqual([
      line,
      '{"client":2,"id":1,"operation":"get","key":"y","value":null,"result":null,"invoked":5,"returned":null}',
    ]);
  });

  test('is read back as it was', () => {
    const traffic = { operations: 500, clients: 5, keys: 4, unknown: 10, lists: 2 };
    const history = recordTraffic(traffic, seededRandom(2));
    expect(parseHistory(historyLines(history), keyValueForm)).toEqual(history);
  });

  test('may have empty lines and further fields', () => {
    expect(parseHistory(['', altered({ node: 'a' }), ''], keyValueForm)).toEqual(parseHistory([line], keyValueForm));
  });

  test.each([
    ['what is no JSON', '{"client":1', 'line 2 is no JSON.'],
    ['what is no object', '[1]', 'line 2 is no JSON object.'],
    ['a missing field', altered({ key: undefined }), 'line 2 has no field "key"'],
    ['a number that is none', altered({ client: 'one' }), 'line 2: "client" is no number'],
    ['a text that is none', altered({ key: 7 }), 'line 2: "key" is no text'],
    [
      'an unknown operation',
      altered({ operation: 'move' }),
      'line 2: no operation "move" takes the "value" [null,"a"]',
    ],
    ['a value of the wrong form', altered({ value: [1] }), 'line 2: no operation "cas" takes the "value" [1]'],
    ['a result of the wrong form', altered({ result: { a: 1 } }), 'line 2: "result" cannot be {"a":1}'],
    ['a result without a return', altered({ returned: null }), 'line 2 has a "result", but "returned" is null'],
    ['a return that is no time', altered({ returned: 'late' }), 'line 2: "returned" is no number'],
    ['a return before the invocation', altered({ returned: 2 }), 'returned at 2, before it was invoked at 3'],
    ['two events at one time', altered({ invoked: 9, returned: 9 }), 'the time 9, which is taken'],
  ])('does not take %s', (_, wrong, message) => {
    expect(() => parseHistory([altered({ id: 1, invoked: 1, returned: 2.5 }), wrong], keyValueForm)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) as string }),
    );
  });
});
