/** A kanban board that several tabs share. A card that you move is where you put it at once; the others follow. */
import { useGroup, useReplicated } from 'flotilla/react';
import { type DragEvent, type SubmitEvent, type ReactElement, useState } from 'react';
import { showPage } from '../shared/page.tsx';
import { type Board, board, type Card, type Column, columns, type Command } from './machine.ts';
import './board.css';

type Propose = (command: Command) => void;

function BoardPage(): ReactElement {
  const group = useGroup<Board, Command, null>();
  const cards = useReplicated<Board>(undefined, { optimistic: true });
  const [problem, setProblem] = useState('');
  const propose: Propose = (command) => {
    setProblem('');
    // It is in the outbox: there is no hurry.
    group.propose(command, { timeoutMs: Infinity }).catch((error: unknown) => {
      setProblem(error instanceof Error ? error.message : String(error));
    });
  };
  return (
    <>
      <NewCard propose={propose} />
      <p role="status" className="error">
        {problem}
      </p>
      <div className="board">
        {columns.map((column) => (
          <ColumnOfCards
            key={column}
            column={column}
            cards={cards.filter((card) => card.column === column)}
            propose={propose}
          />
        ))}
      </div>
    </>
  );
}

function NewCard({ propose }: { readonly propose: Propose }): ReactElement {
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const title = new FormData(form).get('title');
    if (typeof title !== 'string' || title.trim() === '') return;
    propose({ op: 'add', id: crypto.randomUUID(), title: title.trim() });
    form.reset();
  };
  return (
    <form className="line" onSubmit={submit}>
      <input name="title" aria-label="New card" placeholder="What is to be done?" maxLength={200} autoComplete="off" />
      <button className="primary">Add</button>
    </form>
  );
}

interface ColumnProps {
  readonly column: Column;
  readonly cards: readonly Card[];
  readonly propose: Propose;
}

function ColumnOfCards({ column, cards, propose }: ColumnProps): ReactElement {
  const drop = (event: DragEvent, before: string | null): void => {
    event.preventDefault();
    event.stopPropagation();
    const id = event.dataTransfer.getData('text/plain');
    if (id !== before) propose({ op: 'move', id, column, before });
  };
  const allow = (event: DragEvent): void => {
    event.preventDefault();
  };
  return (
    <section
      aria-label={column}
      onDragOver={allow}
      onDrop={(event) => {
        drop(event, null);
      }}
    >
      <h2>
        {column} <small className="quiet">{cards.length}</small>
      </h2>
      <ul>
        {cards.map((card) => (
          <li
            key={card.id}
            draggable
            onDragStart={(event) => {
              event.dataTransfer.setData('text/plain', card.id);
            }}
            onDragOver={allow}
            onDrop={(event) => {
              drop(event, card.id);
            }}
          >
            <span>{card.title}</span>
            <span className="moves">
              <MoveButton card={card} by={-1} propose={propose} />
              <MoveButton card={card} by={1} propose={propose} />
              <button
                aria-label={`Remove ${card.title}`}
                onClick={() => {
                  propose({ op: 'remove', id: card.id });
                }}
              >
                ×
              </button>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface MoveProps {
  readonly card: Card;
  readonly by: -1 | 1;
  readonly propose: Propose;
}

function MoveButton({ card, by, propose }: MoveProps): ReactElement | null {
  const column = columns[columns.indexOf(card.column) + by];
  if (column === undefined) return null;
  return (
    <button
      aria-label={`Move ${card.title} to ${column}`}
      onClick={() => {
        propose({ op: 'move', id: card.id, column, before: null });
      }}
    >
      {by < 0 ? '←' : '→'}
    </button>
  );
}

showPage('Board', board, <BoardPage />);
