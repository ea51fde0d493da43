import { RaftError } from 'flotilla';
import { type ReactElement, type SyntheticEvent, useRef, useState } from 'react';
import { examples, parseCommand } from './machine.ts';
import type { DemoGroup } from './session.ts';

type Outcome =
  | { readonly kind: 'pending' | 'committed'; readonly text: string }
  | { readonly kind: 'failed'; readonly text: string };

function ending(error: unknown): string {
  if (!(error instanceof RaftError)) return String(error);
  const certainty = error.outcome === 'unknown' ? 'Outcome unknown' : 'Not done';
  return `${certainty}: ${error.message}`;
}

export function CommandLine({
  group,
  isStopped,
}: {
  readonly group: DemoGroup;
  readonly isStopped: boolean;
}): ReactElement {
  const [text, setText] = useState('');
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const newest = useRef(0);
  const input = useRef<HTMLInputElement>(null);

  const propose = async (line: string): Promise<void> => {
    const command = parseCommand(line);
    if (command === null) {
      setOutcome({ kind: 'failed', text: `That is no command. Type for example: ${examples.join(', ')}` });
      return;
    }
    const number = ++newest.current;
    const show = (shown: Outcome): void => {
      if (number === newest.current) setOutcome(shown);
    };
    setText('');
    show({ kind: 'pending', text: `Proposed: ${line}` });
    const start = performance.now();
    try {
      const result = await group.propose(command);
      show({ kind: 'committed', text: `Committed in ${Math.round(performance.now() - start)} ms: ${result}` });
    } catch (error) {
      show({ kind: 'failed', text: ending(error) });
    }
  };

  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    void propose(text);
  };

  return (
    <form className="command-line" onSubmit={submit}>
      <label htmlFor="command">Command</label>
      <div className="row">
        <input
          id="command"
          ref={input}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
          }}
          placeholder={examples[0]}
          autoComplete="off"
          spellCheck={false}
          disabled={isStopped}
          autoFocus
        />
        <button className="primary" disabled={isStopped}>
          Propose
        </button>
      </div>
      <p className="examples">
        Try{' '}
        {examples.map((example) => (
          <button
            key={example}
            type="button"
            className="example"
            disabled={isStopped}
            onClick={() => {
              setText(example);
              input.current?.focus();
            }}
          >
            {example}
          </button>
        ))}
      </p>
      <p role="status" className={`outcome ${outcome?.kind ?? 'none'}`}>
        {outcome?.text ?? ' '}
      </p>
    </form>
  );
}
